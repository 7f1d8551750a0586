//! The records on which the two differ most, with their fields; what is masked is never shown.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use stream::StreamSchema;

use crate::tally::{Pair, Source};

/// Disagreements that are told one by one.
const LARGEST: usize = 20;
/// What stands in place of a masked value.
const MASKED: &str = "masked";

/// The pairs that differ most, largest first, each with the row that both were asked.
#[derive(Debug, Default)]
pub(crate) struct Largest(BTreeMap<(Reverse<u64>, Source), (Pair, Vec<f32>)>);

/// A disagreement as it is shown: the fields in the order of the schema.
#[derive(Debug)]
pub(crate) struct Shown {
    pub pair: Pair,
    pub fields: Vec<(String, Field)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Field {
    Number(f32),
    Masked,
}

/// The fields whose values leave the step nowhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mask {
    all: bool,
    fields: BTreeSet<String>,
}

// === impl Largest ===

impl Largest {
    pub(crate) fn push(&mut self, pair: &Pair, row: &[f32]) {
        if pair.agree {
            return;
        }
        // Bits of a float that is not negative are in the order of the float.
        let difference = (pair.candidate.score - pair.champion.score).abs().to_bits();
        let place = (Reverse(difference), pair.source);
        if self.0.len() == LARGEST && self.0.last_key_value().is_some_and(|(last, _)| *last < place)
        {
            return;
        }
        self.0.insert(place, (pair.clone(), row.to_vec()));
        if self.0.len() > LARGEST {
            self.0.pop_last();
        }
    }

    /// What of them may be shown.
    pub(crate) fn shown(&self, schema: &StreamSchema, mask: &Mask) -> Vec<Shown> {
        let fields = |row: &[f32]| {
            let named = schema.fields.iter().zip(row);
            named
                .map(|(field, number)| {
                    let hidden = mask.hides(&field.name);
                    let shown = if hidden { Field::Masked } else { Field::Number(*number) };
                    (field.name.clone(), shown)
                })
                .collect()
        };
        self.0
            .values()
            .map(|(pair, row)| Shown { pair: pair.clone(), fields: fields(row) })
            .collect()
    }
}

impl Shown {
    /// As the decision record holds it.
    pub(crate) fn told(&self) -> Value {
        let fields: serde_json::Map<_, _> = self
            .fields
            .iter()
            .map(|(name, field)| {
                let told = match field {
                    Field::Number(number) => json!(number),
                    Field::Masked => json!(MASKED),
                };
                (name.clone(), told)
            })
            .collect();
        let Pair { source, champion, candidate, .. } = &self.pair;
        json!({ "source": source, "champion": champion, "candidate": candidate, "record": fields })
    }

    /// In one line for people.
    pub(crate) fn line(&self) -> String {
        let each = self.fields.iter().map(|(name, field)| match field {
            Field::Number(number) => format!("{name} {number}"),
            Field::Masked => format!("{name} {MASKED}"),
        });
        each.collect::<Vec<_>>().join(", ")
    }
}

// === impl Mask ===

impl Mask {
    /// The mask that the flag names, `*` for every field.
    ///
    /// # Errors
    /// A name that is no field of the schema: a typing error would show what was to be hidden.
    pub(crate) fn of(names: &[String], schema: &StreamSchema) -> Result<Self, String> {
        let all = names.iter().any(|name| name == "*");
        let known = |name: &&String| schema.fields.iter().any(|field| field.name == **name);
        match names.iter().find(|name| *name != "*" && !known(name)) {
            Some(unknown) => Err(unknown.clone()),
            None => Ok(Self { all, fields: names.iter().cloned().collect() }),
        }
    }

    fn hides(&self, field: &str) -> bool {
        self.all || self.fields.contains(field)
    }

    /// Whether anything is hidden: then texts that could repeat a value are left out as well.
    pub(crate) fn hides_something(&self) -> bool {
        self.all || !self.fields.is_empty()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::live::ModelOutput;

    fn schema() -> StreamSchema {
        let text = r#"{"stream":"s","format":"json","fields":[{"name":"age","dtype":"float32"},{"name":"sum","dtype":"float32"}]}"#;
        StreamSchema::parse(text).unwrap()
    }

    fn pair(offset: i64, difference: f64, agree: bool) -> Pair {
        let source = Source { partition: 0, offset };
        let answer = |score| ModelOutput { label: Some(0), score };
        Pair { source, champion: answer(0.5), candidate: answer(0.5 + difference), agree }
    }

    #[test]
    fn the_largest_are_kept_in_order_with_their_rows() {
        let mut largest = Largest::default();
        for offset in 0..100 {
            let difference = f64::from(u32::try_from(offset).unwrap()) / 200.0;
            largest.push(&pair(offset, difference, offset % 2 == 1), &[offset as f32, 1.0]);
        }
        let shown = largest.shown(&schema(), &Mask::default());
        let offsets: Vec<i64> = shown.iter().map(|one| one.pair.source.offset).collect();
        assert_eq!((&offsets[..3], offsets.len()), (&[98, 96, 94][..], LARGEST));
        assert_eq!(shown[0].line(), "age 98, sum 1");
        assert_eq!(shown[0].told()["record"], json!({"age": 98.0, "sum": 1.0}));
    }

    #[test]
    fn what_is_masked_is_not_shown() {
        let mut largest = Largest::default();
        largest.push(&pair(0, 0.1, false), &[41.0, 7.5]);
        for (names, line) in [
            (vec![], "age 41, sum 7.5"),
            (vec!["age"], "age masked, sum 7.5"),
            (vec!["*"], "age masked, sum masked"),
        ] {
            let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
            let mask = Mask::of(&names, &schema()).unwrap();
            let shown = largest.shown(&schema(), &mask);
            assert_eq!(shown[0].line(), line);
            assert_eq!(mask.hides_something(), !names.is_empty());
            assert_eq!(shown[0].told().to_string().contains("41"), line.contains("41"));
        }
        assert_eq!(Mask::of(&["aeg".into()], &schema()), Err("aeg".into()));
    }
}
