//! Records of the labels topic, and what of them could not be read.
//!
//! What cannot be read is counted by its kind, with one example, so that whoever writes labels can see what to change.

use std::collections::BTreeMap;

use kafka::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stream::{LabelDefect, LabelRecord};

use crate::records::hash;

/// How a label finds its answer, in words.
pub(crate) const RULE: &str =
    "a label belongs to the prediction whose header `id` is the label record's key";

/// What of the labels topic could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct Troubles(
    #[schemars(with = "BTreeMap<String, Seen>")] BTreeMap<LabelDefect, Seen>,
);

/// How often, and the first one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
struct Seen {
    count: u64,
    example: String,
}

/// The record id (hashed) and the label.
///
/// # Errors
/// It is no label; the kind of defect.
pub(crate) fn read(record: &Record) -> Result<(u64, f64), LabelDefect> {
    let label = LabelRecord::read(record.key.as_deref(), record.value.as_deref())?;
    Ok((hash(label.id), label.label))
}

impl Troubles {
    pub(crate) fn add(&mut self, trouble: LabelDefect, record: &Record) {
        let seen = self.0.entry(trouble).or_default();
        if seen.count == 0 {
            seen.example = shown(record.value.as_deref().unwrap_or_default());
        }
        seen.count += 1;
    }

    /// Records that were meant as labels; one that takes a label back was not.
    pub(crate) fn count(&self) -> u64 {
        let meant = self.0.iter().filter(|(trouble, _)| **trouble != LabelDefect::Withdrawn);
        meant.map(|(_, seen)| seen.count).sum()
    }

    /// All records that are no label.
    pub(crate) fn all(&self) -> u64 {
        self.0.values().map(|seen| seen.count).sum()
    }

    /// The most frequent trouble, with its example.
    pub(crate) fn words(&self) -> String {
        let meant = self.0.iter().filter(|(trouble, _)| **trouble != LabelDefect::Withdrawn);
        let Some((trouble, seen)) = meant.max_by_key(|(_, seen)| seen.count) else {
            return String::new();
        };
        let all = match seen.count == self.count() {
            true => "each".to_owned(),
            false => format!("{} of them", report::count(seen.count)),
        };
        let example = match seen.example.is_empty() {
            true => String::new(),
            false => format!(", for example `{}`", seen.example),
        };
        format!("{all} {}{example}; a label is a number, {{\"label\": 1}}", words(*trouble))
    }
}

fn words(defect: LabelDefect) -> &'static str {
    match defect {
        LabelDefect::Withdrawn => "takes a label back",
        LabelDefect::NoKey => "has no key, which should be the id of the record",
        LabelDefect::NotJson => "has a value that is not JSON",
        LabelDefect::NotFinite => "says NaN or Infinity",
        LabelDefect::OutOfRange => "holds a number that is out of range",
        LabelDefect::NotAnObject => "has a value that is no JSON object",
        LabelDefect::NoMember => "has no member `label`",
        LabelDefect::Null => "has null for a label",
        LabelDefect::Text => "has a text for a label",
        LabelDefect::Truth => "has true or false for a label",
        LabelDefect::Nested => "has a list or an object for a label",
    }
}

/// Bytes of a stranger as people may read them: one line, cut, nothing that a terminal obeys.
pub(crate) fn shown(bytes: &[u8]) -> String {
    const MAX_CHARACTERS: usize = 48;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * MAX_CHARACTERS)]);
    let safe: String = text
        .chars()
        .take(MAX_CHARACTERS)
        .map(|it| if it.is_control() { '�' } else { it })
        .collect();
    if text.chars().count() > MAX_CHARACTERS { format!("{safe}…") } else { safe }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(key: Option<&str>, value: Option<&str>) -> Record {
        let bytes = |text: &str| text.as_bytes().to_vec();
        Record {
            partition: 0,
            offset: 0,
            timestamp_ms: 0,
            key: key.map(bytes),
            value: value.map(bytes),
            headers: Vec::new(),
        }
    }

    #[test]
    fn a_label_belongs_to_the_hash_of_its_id() {
        assert_eq!(read(&record(Some("r1"), Some(r#"{"label":1}"#))), Ok((hash(b"r1"), 1.0)));
        assert_eq!(read(&record(Some("r1"), None)), Err(LabelDefect::Withdrawn));
    }

    #[test]
    fn the_most_frequent_trouble_is_named_with_an_example() {
        let mut troubles = Troubles::default();
        let text = record(Some("r1"), Some("{\"label\":\"a\u{1b}[31m\"}"));
        troubles.add(LabelDefect::Withdrawn, &record(Some("r1"), None));
        assert_eq!((troubles.count(), troubles.words()), (0, String::new()));
        (0..3).for_each(|_| troubles.add(LabelDefect::Text, &text));
        let words = troubles.words();
        assert!(words.starts_with("each has a text for a label, for example `{"), "{words}");
        assert!(!words.contains('\u{1b}'), "{words:?}");
        troubles.add(LabelDefect::Null, &record(Some("r1"), Some(r#"{"label":null}"#)));
        assert_eq!(troubles.count(), 4);
        assert!(troubles.words().starts_with("3 of them has"), "{}", troubles.words());
        let text = serde_json::to_string(&troubles).expect("names are texts");
        assert_eq!(serde_json::from_str::<Troubles>(&text).expect("as it was written"), troubles);
    }
}
