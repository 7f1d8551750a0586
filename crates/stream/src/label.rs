//! A label: what turned out to be true of a record.
//!
//! ```text
//! <stream>.labels   key = the record's id, value {"label": <number>}; further members are ignored
//! ```

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A label of one record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LabelRecord<'a> {
    /// The record's id.
    pub id: &'a [u8],
    pub label: f64,
}

/// Why a record of the labels topic is no label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabelDefect {
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

#[derive(Deserialize)]
struct Labelled {
    label: Option<f64>,
}

impl<'a> LabelRecord<'a> {
    /// The record's value; a whole number is written as one.
    pub fn value(&self) -> Vec<u8> {
        // Up to here each whole number is a float of its own.
        let is_whole = self.label.fract() == 0.0 && self.label.abs() <= (1_u64 << 53) as f64;
        match is_whole && !(self.label == 0.0 && self.label.is_sign_negative()) {
            true => format!(r#"{{"label":{}}}"#, self.label as i64).into_bytes(),
            false => serde_json::json!({ "label": self.label }).to_string().into_bytes(),
        }
    }

    /// Reads a record of the labels topic.
    ///
    /// # Errors
    /// It is no label; the kind of defect.
    pub fn read(key: Option<&'a [u8]>, value: Option<&[u8]>) -> Result<Self, LabelDefect> {
        let value = value.ok_or(LabelDefect::Withdrawn)?;
        let id = key.ok_or(LabelDefect::NoKey)?;
        let label = member(value).ok_or_else(|| defect(value))?;
        Ok(Self { id, label })
    }
}

/// The label of an object; serde would take a list for one too.
fn member(value: &[u8]) -> Option<f64> {
    let is_object = value.trim_ascii_start().starts_with(b"{");
    is_object.then(|| serde_json::from_slice::<Labelled>(value).ok()?.label)?
}

/// What is wrong with a value that is no label.
fn defect(value: &[u8]) -> LabelDefect {
    let value = match serde_json::from_slice::<Value>(value) {
        Ok(value) => value,
        Err(error) if error.to_string().starts_with("number out of range") => {
            return LabelDefect::OutOfRange;
        }
        Err(_) => {
            let text = String::from_utf8_lossy(value);
            let names = ["NaN", "nan", "Infinity", "inf"];
            let finite = names.iter().all(|name| !text.contains(name));
            return if finite { LabelDefect::NotJson } else { LabelDefect::NotFinite };
        }
    };
    match (value.is_object(), value.get("label")) {
        (false, _) => LabelDefect::NotAnObject,
        (true, None) => LabelDefect::NoMember,
        (true, Some(Value::Null)) => LabelDefect::Null,
        (true, Some(Value::String(_))) => LabelDefect::Text,
        (true, Some(Value::Bool(_))) => LabelDefect::Truth,
        (true, Some(_)) => LabelDefect::Nested,
    }
}

#[cfg(test)]
mod tests {
    use stats::random::Random;

    use super::*;

    #[test]
    fn whatever_is_written_is_read_again() {
        let mut random = Random::seeded(7);
        for round in 0..10_000 {
            let any = f64::from(random.bits() as i32) / 16.0;
            let label = [any, (random.bits() % 5) as f64, -0.0, 1e300][round % 4];
            if !label.is_finite() {
                continue;
            }
            let written = LabelRecord { id: b"r1", label };
            let value = written.value();
            let read = LabelRecord::read(Some(written.id), Some(&value));
            assert_eq!(read.map(|read| read.label.to_bits()), Ok(label.to_bits()), "{label}");
        }
        assert_eq!(LabelRecord { id: b"", label: 1.0 }.value(), br#"{"label":1}"#);
    }

    #[test]
    fn a_label_is_a_number_under_the_record_id() {
        for (value, label) in
            [(r#"{"label":1}"#, 1.0), (r#"{"label":-0.5,"at":7}"#, -0.5), (r#"{"label":1e3}"#, 1e3)]
        {
            let read = LabelRecord::read(Some(b"r1"), Some(value.as_bytes()));
            assert_eq!(read, Ok(LabelRecord { id: b"r1", label }));
        }
    }

    #[test]
    fn different_defects_have_different_names() {
        for (value, defect) in [
            (r#"{"label":null}"#, LabelDefect::Null),
            (r#"{"label":"1"}"#, LabelDefect::Text),
            (r#"{"label":true}"#, LabelDefect::Truth),
            (r#"{"label":[1]}"#, LabelDefect::Nested),
            (r#"{"label":NaN}"#, LabelDefect::NotFinite),
            (r#"{"label":-Infinity}"#, LabelDefect::NotFinite),
            (r#"{"label":1e999}"#, LabelDefect::OutOfRange),
            (r#"{"is_fraud":1}"#, LabelDefect::NoMember),
            ("1", LabelDefect::NotAnObject),
            ("[1]", LabelDefect::NotAnObject),
            ("{", LabelDefect::NotJson),
            ("", LabelDefect::NotJson),
        ] {
            let read = LabelRecord::read(Some(b"r1"), Some(value.as_bytes()));
            assert_eq!(read, Err(defect), "{value}");
        }
        assert_eq!(LabelRecord::read(None, Some(br#"{"label":1}"#)), Err(LabelDefect::NoKey));
        assert_eq!(LabelRecord::read(Some(b"r1"), None), Err(LabelDefect::Withdrawn));
    }
}
