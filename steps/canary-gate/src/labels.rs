//! Records of the labels topic: the key is the id of a record, the value `{"label": <number>}`.
//!
//! What cannot be read is counted by its kind, with one example, so that whoever writes labels can see what to change.

use std::collections::BTreeMap;

use kafka::Record;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::answer::hash;

/// How a label finds its answer, in words.
pub(crate) const RULE: &str =
    "a label belongs to the prediction whose header `id` is the label record's key";

/// Why a record of the labels topic is no label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Trouble {
    /// A tombstone: it takes back a label that counted already.
    Withdrawn,
    NoKey,
    NotJson,
    /// `NaN` or `Infinity`, which JSON does not have.
    NotFinite,
    /// A number that no 64-bit float holds.
    OutOfRange,
    NotAnObject,
    NoMember,
    Null,
    Text,
    Truth,
    /// A list or an object.
    Nested,
}

/// What of the labels topic could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Troubles(BTreeMap<Trouble, Seen>);

/// How often, and the first one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    count: u64,
    example: String,
}

/// The record id (hashed) and the label.
///
/// # Errors
/// It is no label; the kind of trouble.
pub(crate) fn read(record: &Record) -> Result<(u64, f64), Trouble> {
    let value = record.value.as_deref().ok_or(Trouble::Withdrawn)?;
    let key = record.key.as_deref().ok_or(Trouble::NoKey)?;
    match member(value) {
        Some(label) => Ok((hash(key), label)),
        None => Err(trouble(value)),
    }
}

/// The label of an object; serde would take a list for one too.
fn member(value: &[u8]) -> Option<f64> {
    let is_object = value.trim_ascii_start().starts_with(b"{");
    is_object.then(|| serde_json::from_slice::<Labelled>(value).ok()?.label)?
}

#[derive(Deserialize)]
struct Labelled {
    label: Option<f64>,
}

/// What is wrong with a value that is no label.
fn trouble(value: &[u8]) -> Trouble {
    let value = match serde_json::from_slice::<Value>(value) {
        Ok(value) => value,
        Err(error) if error.to_string().starts_with("number out of range") => {
            return Trouble::OutOfRange;
        }
        Err(_) => {
            let text = String::from_utf8_lossy(value);
            let names = ["NaN", "nan", "Infinity", "inf"];
            let finite = names.iter().all(|name| !text.contains(name));
            return if finite { Trouble::NotJson } else { Trouble::NotFinite };
        }
    };
    match (value.is_object(), value.get("label")) {
        (false, _) => Trouble::NotAnObject,
        (true, None) => Trouble::NoMember,
        (true, Some(Value::Null)) => Trouble::Null,
        (true, Some(Value::String(_))) => Trouble::Text,
        (true, Some(Value::Bool(_))) => Trouble::Truth,
        (true, Some(_)) => Trouble::Nested,
    }
}

impl Troubles {
    pub(crate) fn add(&mut self, trouble: Trouble, record: &Record) {
        let seen = self.0.entry(trouble).or_default();
        if seen.count == 0 {
            seen.example = shown(record.value.as_deref().unwrap_or_default());
        }
        seen.count += 1;
    }

    /// Records that were meant as labels; one that takes a label back was not.
    pub(crate) fn count(&self) -> u64 {
        let meant = self.0.iter().filter(|(trouble, _)| **trouble != Trouble::Withdrawn);
        meant.map(|(_, seen)| seen.count).sum()
    }

    /// The most frequent trouble, with its example.
    pub(crate) fn words(&self) -> String {
        let meant = self.0.iter().filter(|(trouble, _)| **trouble != Trouble::Withdrawn);
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
        format!("{all} {}{example}; a label is a number, {{\"label\": 1}}", trouble.words())
    }
}

impl Trouble {
    fn words(self) -> &'static str {
        match self {
            Self::Withdrawn => "takes a label back",
            Self::NoKey => "has no key, which should be the id of the record",
            Self::NotJson => "has a value that is not JSON",
            Self::NotFinite => "says NaN or Infinity",
            Self::OutOfRange => "holds a number that is out of range",
            Self::NotAnObject => "has a value that is no JSON object",
            Self::NoMember => "has no member `label`",
            Self::Null => "has null for a label",
            Self::Text => "has a text for a label",
            Self::Truth => "has true or false for a label",
            Self::Nested => "has a list or an object for a label",
        }
    }
}

/// Bytes of a stranger as people may read them: one line, cut, nothing that a terminal obeys.
pub(crate) fn shown(bytes: &[u8]) -> String {
    const LONGEST: usize = 48;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * LONGEST)]);
    let safe: String =
        text.chars().take(LONGEST).map(|it| if it.is_control() { '�' } else { it }).collect();
    if text.chars().count() > LONGEST { format!("{safe}…") } else { safe }
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
    fn a_label_is_a_number_under_the_record_id() {
        for (value, label) in
            [(r#"{"label":1}"#, 1.0), (r#"{"label":-0.5,"at":7}"#, -0.5), (r#"{"label":1e3}"#, 1e3)]
        {
            assert_eq!(read(&record(Some("r1"), Some(value))), Ok((hash(b"r1"), label)));
        }
    }

    #[test]
    fn different_troubles_have_different_names() {
        for (value, trouble) in [
            (r#"{"label":null}"#, Trouble::Null),
            (r#"{"label":"1"}"#, Trouble::Text),
            (r#"{"label":true}"#, Trouble::Truth),
            (r#"{"label":[1]}"#, Trouble::Nested),
            (r#"{"label":NaN}"#, Trouble::NotFinite),
            (r#"{"label":-Infinity}"#, Trouble::NotFinite),
            (r#"{"label":1e999}"#, Trouble::OutOfRange),
            (r#"{"is_fraud":1}"#, Trouble::NoMember),
            ("1", Trouble::NotAnObject),
            ("[1]", Trouble::NotAnObject),
            ("{", Trouble::NotJson),
            ("", Trouble::NotJson),
        ] {
            assert_eq!(read(&record(Some("r1"), Some(value))), Err(trouble), "{value}");
        }
        assert_eq!(read(&record(None, Some(r#"{"label":1}"#))), Err(Trouble::NoKey));
        assert_eq!(read(&record(Some("r1"), None)), Err(Trouble::Withdrawn));
    }

    #[test]
    fn the_most_frequent_trouble_is_named_with_an_example() {
        let mut troubles = Troubles::default();
        let text = record(Some("r1"), Some("{\"label\":\"a\u{1b}[31m\"}"));
        troubles.add(Trouble::Withdrawn, &record(Some("r1"), None));
        assert_eq!((troubles.count(), troubles.words()), (0, String::new()));
        (0..3).for_each(|_| troubles.add(Trouble::Text, &text));
        let words = troubles.words();
        assert!(words.starts_with("each has a text for a label, for example `{"), "{words}");
        assert!(!words.contains('\u{1b}'), "{words:?}");
        troubles.add(Trouble::Null, &record(Some("r1"), Some(r#"{"label":null}"#)));
        assert_eq!(troubles.count(), 4);
        assert!(troubles.words().starts_with("3 of them has"), "{}", troubles.words());
        let text = serde_json::to_string(&troubles).expect("names are texts");
        assert_eq!(serde_json::from_str::<Troubles>(&text).expect("as it was written"), troubles);
    }
}
