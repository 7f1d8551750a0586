//! The records on which the two differ most, with their fields; what is masked is never shown.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stream::StreamSchema;

use crate::live::ModelOutput;
use crate::mask::Mask;
use crate::tally::{Pair, Source};

/// Disagreements that are listed one by one.
const MAX_LISTED: usize = 20;

/// The pairs that differ most, largest first, each with the row that both were asked.
#[derive(Debug, Default)]
pub(crate) struct Largest(BTreeMap<(Reverse<u64>, Source), (Pair, Vec<f32>)>);

/// A record that the two answer differently.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Disagreement {
    pub source: Source,
    pub champion: ModelOutput,
    pub candidate: ModelOutput,
    /// The fields in the order of the schema.
    pub record: Vec<Field>,
}

/// A field of a record.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Field {
    pub name: String,
    pub value: Shown,
}

/// What may be shown of a field's value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Shown {
    Number(f32),
    Masked(Masked),
}

/// Stands in place of a value that `--mask` hides.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Masked {
    Masked,
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
        if self.0.len() == MAX_LISTED
            && self.0.last_key_value().is_some_and(|(last, _)| *last < place)
        {
            return;
        }
        self.0.insert(place, (pair.clone(), row.to_vec()));
        if self.0.len() > MAX_LISTED {
            self.0.pop_last();
        }
    }

    /// What may be shown of them.
    pub(crate) fn shown(&self, schema: &StreamSchema, mask: &Mask) -> Vec<Disagreement> {
        let field = |(field, number): (&stream::Field, &f32)| {
            let value = match mask.hides(&field.name) {
                true => Shown::Masked(Masked::Masked),
                false => Shown::Number(*number),
            };
            Field { name: field.name.clone(), value }
        };
        let shown = |(pair, row): &(Pair, Vec<f32>)| {
            let Pair { source, champion, candidate, .. } = *pair;
            let record = schema.fields.iter().zip(row).map(field).collect();
            Disagreement { source, champion, candidate, record }
        };
        self.0.values().map(shown).collect()
    }
}

// === impl Disagreement ===

impl Disagreement {
    /// The fields in one line for people.
    pub(crate) fn line(&self) -> String {
        let each = self.record.iter().map(|Field { name, value }| match value {
            Shown::Number(number) => format!("{name} {number}"),
            Shown::Masked(_) => format!("{name} masked"),
        });
        each.collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

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
        let offsets: Vec<i64> = shown.iter().map(|one| one.source.offset).collect();
        assert_eq!((&offsets[..3], offsets.len()), (&[98, 96, 94][..], MAX_LISTED));
        assert_eq!(shown[0].line(), "age 98, sum 1");
        let record = serde_json::to_value(&shown[0].record[0]).unwrap();
        assert_eq!(record, serde_json::json!({ "name": "age", "value": 98.0 }));
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
            let record = serde_json::to_string(&shown[0].record).unwrap();
            assert_eq!(record.contains("41"), line.contains("41"));
            assert_eq!(record.contains(r#""value":"masked""#), line.contains("masked"));
        }
        assert_eq!(Mask::of(&["aeg".into()], &schema()), Err("aeg".into()));
    }
}
