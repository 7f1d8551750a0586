//! The value of a prediction: `{"label":1,"score":0.93}`, and `"scores":[…]` for more than two classes.

use serde::Deserialize;
use serde_json::Value;

/// What a model answered, as it is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PredictionValue<'a> {
    /// None of a regressor.
    pub label: Option<i64>,
    pub score: f32,
    /// One number a class; empty for up to two classes.
    pub scores: &'a [f32],
}

/// What a value says, as it is read, from whatever writer: a member that is not there, null or no number is none.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct StatedValue {
    #[serde(default)]
    label: Option<Value>,
    #[serde(default)]
    score: Option<Value>,
}

impl PredictionValue<'_> {
    /// Writes it over what `out` holds.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(b"{\"label\":");
        match self.label {
            Some(label) => out.extend_from_slice(itoa::Buffer::new().format(label).as_bytes()),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"score\":");
        // Writing into memory cannot fail, and neither can writing a number as JSON.
        let _written = serde_json::to_writer(&mut *out, &self.score);
        if !self.scores.is_empty() {
            out.extend_from_slice(b",\"scores\":");
            let _written = serde_json::to_writer(&mut *out, self.scores);
        }
        out.push(b'}');
    }
}

impl StatedValue {
    /// Reads a value; `None` where it is no JSON object.
    pub fn read(value: &[u8]) -> Option<Self> {
        // serde would take a list for an object.
        if !value.trim_ascii_start().starts_with(b"{") {
            return None;
        }
        // A member that is there twice is no reason to know nothing: the last one counts.
        serde_json::from_slice(value).ok().or_else(|| {
            let mut object: serde_json::Map<String, Value> = serde_json::from_slice(value).ok()?;
            Some(Self { label: object.remove("label"), score: object.remove("score") })
        })
    }

    /// The label, if it is a number.
    pub fn label(&self) -> Option<f64> {
        self.label.as_ref()?.as_f64()
    }

    /// The score, if it is a number.
    pub fn score(&self) -> Option<f64> {
        self.score.as_ref()?.as_f64()
    }

    /// The label of a classifier, none of a regressor.
    ///
    /// # Errors
    /// There is one, but it is no whole number.
    pub fn class(&self) -> Result<Option<i64>, NoClass> {
        match &self.label {
            None | Some(Value::Null) => Ok(None),
            Some(label) => label.as_i64().map(Some).ok_or(NoClass),
        }
    }
}

/// A label that is no class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the label is no whole number")]
pub struct NoClass;

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use stats::random::Random;

    use super::*;

    #[test]
    fn a_value_is_json_whatever_the_number() {
        for (label, score, scores, json) in [
            (Some(1), 0.75, &[][..], r#"{"label":1,"score":0.75}"#),
            (None, -3.0, &[], r#"{"label":null,"score":-3.0}"#),
            (
                Some(2),
                0.5,
                &[0.25, 0.25, 0.5],
                r#"{"label":2,"score":0.5,"scores":[0.25,0.25,0.5]}"#,
            ),
        ] {
            let mut out = b"left over".to_vec();
            PredictionValue { label, score, scores }.write(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), json);
        }
    }

    #[test]
    fn whatever_is_written_is_read_again() {
        let (mut random, mut out) = (Random::seeded(5), Vec::new());
        for round in 0..10_000 {
            let label = random.chance(0.5).then(|| random.bits() as i64);
            let any = f32::from_bits(random.bits() as u32);
            let score = [any, f32::MIN_POSITIVE, 1e-40, f32::MAX][round % 4];
            if !score.is_finite() {
                continue;
            }
            PredictionValue { label, score, scores: &[score, 0.5][..round % 3 / 2 * 2] }
                .write(&mut out);
            let read = StatedValue::read(&out).unwrap();
            assert_eq!(read.class(), Ok(label));
            assert_eq!(read.score().unwrap() as f32, score);
        }
    }

    #[test]
    fn what_is_no_number_is_none_and_no_class() {
        for (value, label, score, class) in [
            (r#"{"label":1}"#, Some(1.0), None, Ok(Some(1))),
            (r#"{"label":1.5,"score":2}"#, Some(1.5), Some(2.0), Err(NoClass)),
            (r#"{"label":"1","score":0.5}"#, None, Some(0.5), Err(NoClass)),
            (r#"{"label":null,"score":null}"#, None, None, Ok(None)),
            (r#"{"label":1,"label":2,"score":0.5}"#, Some(2.0), Some(0.5), Ok(Some(2))),
            ("{}", None, None, Ok(None)),
        ] {
            let read = StatedValue::read(value.as_bytes()).unwrap();
            assert_eq!(
                (read.label(), read.score(), read.class()),
                (label, score, class),
                "{value}"
            );
        }
        for value in [r#"{"label":1e999,"score":0.5}"#, r#"{"label":NaN}"#, "[1,0.5]", "1", ""] {
            assert_eq!(StatedValue::read(value.as_bytes()), None, "{value}");
        }
    }
}
