//! A JSON object with a number for each field; further members are ignored.
//!
//! Rows are read once for every record of the live stream: no allocation on the good path, and on the bad one an
//! error that is fit for a dead letter.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use crate::format::{Decoder, FieldValue, RowError};
use crate::schema::StreamSchema;

/// The decoder of [`Format::Json`](crate::Format::Json).
#[derive(Debug)]
pub(super) struct Json;

impl Decoder for Json {
    /// Does not fail with [`RowError::WrongLength`].
    fn row(
        &self,
        schema: &StreamSchema,
        record: &[u8],
        rows: &mut Vec<f32>,
    ) -> Result<(), RowError> {
        let start = rows.len();
        // A number that JSON cannot hold marks what has not been seen yet.
        rows.resize(start + schema.width(), f32::NAN);
        let mut failure = None;
        let members = Members { schema, row: &mut rows[start..], failure: &mut failure };
        let mut json = serde_json::Deserializer::from_slice(record);
        let parsed = json.deserialize_map(members).and_then(|()| json.end());
        let result = match (failure, parsed) {
            (Some(failure), _) => Err(failure),
            (None, Err(error)) => Err(RowError::NotJson(error.to_string())),
            (None, Ok(())) => match rows[start..].iter().position(|number| number.is_nan()) {
                Some(missing) => Err(RowError::Missing { field: schema.field_name(missing) }),
                None => Ok(()),
            },
        };
        if result.is_err() {
            rows.truncate(start);
        }
        result
    }

    /// Any member of the object is a field, whether or not the schema names it.
    fn knows(&self, _schema: Option<&StreamSchema>, _name: &str) -> bool {
        true
    }

    fn fields(
        &self,
        _schema: Option<&StreamSchema>,
        names: &[&str],
        record: &[u8],
        found: &mut dyn FnMut(usize, Option<FieldValue<'_>>),
    ) {
        let mut json = serde_json::Deserializer::from_slice(record);
        // What is not JSON has no members, and the scorer has sent it to the dead letters.
        let _ = json.deserialize_map(Wanted { names, found });
    }
}

/// Takes the members of the object into the row.
struct Members<'a> {
    schema: &'a StreamSchema,
    row: &'a mut [f32],
    failure: &'a mut Option<RowError>,
}

impl Members<'_> {
    fn fail<E: serde::de::Error>(&mut self, failure: RowError) -> E {
        *self.failure = Some(failure);
        E::custom("see failure")
    }
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of numbers")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let schema = self.schema;
        // Writers mostly keep one order, so the next field of the schema is the likely next member.
        let mut likely = 0;
        while let Some(found) = map.next_key_seed(Name { schema, likely })? {
            let Some(index) = found else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            likely = index + 1;
            let number = match map.next_value_seed(Number) {
                Ok(number) => number as f32,
                Err(error) => {
                    let field = schema.field_name(index);
                    let why = error.to_string();
                    return Err(self.fail(if why.starts_with(OUT_OF_RANGE) {
                        RowError::NotFinite { field }
                    } else {
                        RowError::NotANumber { field, why }
                    }));
                }
            };
            if !number.is_finite() {
                return Err(self.fail(RowError::NotFinite { field: schema.field_name(index) }));
            }
            if !self.row[index].is_nan() {
                return Err(self.fail(RowError::Duplicate { field: schema.field_name(index) }));
            }
            self.row[index] = number;
        }
        Ok(())
    }
}

/// How `serde_json` begins its text for a number that not even 64 bits hold; a test below keeps this true.
const OUT_OF_RANGE: &str = "number out of range";

/// A member's name as its index in the schema, without keeping the text.
struct Name<'a> {
    schema: &'a StreamSchema,
    likely: usize,
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<usize>;

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        let fields = &self.schema.fields;
        if fields.get(self.likely).is_some_and(|field| field.name == name) {
            return Ok(Some(self.likely));
        }
        Ok(fields.iter().position(|field| field.name == name))
    }
}

/// A JSON number, and nothing that would have to be converted to one.
struct Number;

impl<'de> DeserializeSeed<'de> for Number {
    type Value = f64;

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<f64, D::Error> {
        json.deserialize_any(self)
    }
}

impl Visitor<'_> for Number {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_f64<E>(self, number: f64) -> Result<f64, E> {
        Ok(number)
    }

    fn visit_i64<E>(self, number: i64) -> Result<f64, E> {
        Ok(number as f64)
    }

    fn visit_u64<E>(self, number: u64) -> Result<f64, E> {
        Ok(number as f64)
    }
}

/// Reads the members that are asked for and skips all others.
struct Wanted<'a> {
    names: &'a [&'a str],
    found: &'a mut dyn FnMut(usize, Option<FieldValue<'_>>),
}

impl<'de> Visitor<'de> for Wanted<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Key<'de>>()? {
            if !self.names.contains(&&*name.0) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let value = map.next_value::<Value>()?;
            for (index, _) in self.names.iter().enumerate().filter(|(_, it)| **it == name.0) {
                (self.found)(index, of(&value));
            }
        }
        Ok(())
    }
}

/// A member's name, in the record's own memory where it has no escapes.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

fn of(value: &Value) -> Option<FieldValue<'_>> {
    match value {
        Value::String(text) => Some(FieldValue::Text(text.into())),
        Value::Number(number) => number.as_f64().map(FieldValue::Number),
        Value::Bool(truth) => Some(FieldValue::Text(truth.to_string().into())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn schema() -> StreamSchema {
        StreamSchema::parse(
            r#"{"stream":"s","format":"json","fields":[{"name":"a","dtype":"float32"},{"name":"b","dtype":"float32"}]}"#,
        )
        .unwrap()
    }

    fn row(json: &str) -> Result<Vec<f32>, RowError> {
        let mut rows = Vec::new();
        schema().parse_row(json.as_bytes(), &mut rows).map(|()| rows)
    }

    #[test]
    fn a_row_has_the_schemas_order_whatever_the_records_is() {
        assert_eq!(row(r#"{"a":1,"b":-2.5}"#).unwrap(), [1.0, -2.5]);
        assert_eq!(row(r#" { "b":1e2, "x":{"deep":["a"]}, "a":0 } "#).unwrap(), [0.0, 100.0]);
        assert_eq!(row(r#"{"\u0061":3,"b":18446744073709551615}"#).unwrap(), [3.0, 1.844_674_4e19]);
    }

    #[test]
    fn a_bad_record_is_refused_with_its_field() {
        for (json, error) in [
            (r#"{"a":1}"#, "the field `b` is missing"),
            (r#"{"a":1,"b":2,"a":1}"#, "the field `a` is there twice"),
            (r#"{"a":1,"b":1e39}"#, "the field `b` is not a finite 32-bit number"),
            (r#"{"a":1e999,"b":1}"#, "the field `a` is not a finite 32-bit number"),
            (r#"{"a":"1","b":1}"#, "the field `a` is not a number: invalid type: string \"1\""),
            (r#"{"a":null,"b":1}"#, "the field `a` is not a number: invalid type: null"),
            (r#"{"a":true,"b":1}"#, "the field `a` is not a number: invalid type: boolean"),
            (r#"{"a":[1],"b":1}"#, "the field `a` is not a number: invalid type: sequence"),
            (r#"{"a":NaN,"b":1}"#, "the field `a` is not a number: expected value"),
            (r#"{"a":1,"b":2} x"#, "not a JSON object: trailing characters"),
            (r#"{"a":1,"#, "not a JSON object: EOF"),
            ("[1,2]", "not a JSON object: invalid type: sequence"),
            ("", "not a JSON object: EOF"),
        ] {
            let error_text = row(json).unwrap_err().to_string();
            assert!(error_text.starts_with(error), "{json}: {error_text}");
        }
    }

    #[test]
    fn members_are_found_by_name_whatever_they_hold() {
        let of = |record: &str| {
            let mut all = Vec::new();
            Json.fields(None, &["a", "b", "a"], record.as_bytes(), &mut |index, value| {
                let value = value.map(|value| match value {
                    FieldValue::Text(text) => format!("'{text}'"),
                    FieldValue::Number(number) => number.to_string(),
                });
                all.push((index, value));
            });
            all
        };
        let is = |index, text: &str| (index, Some(text.to_owned()));
        assert_eq!(of(r#"{"a":"x","c":{"b":1}}"#), [is(0, "'x'"), is(2, "'x'")]);
        assert_eq!(of(r#"{"\u0062":1.5}"#), [is(1, "1.5")]);
        assert_eq!(of(r#"{"b":true,"b":[1]}"#), [is(1, "'true'"), (1, None)]);
        assert_eq!(of("[1]"), []);
    }

    #[test]
    fn nesting_without_end_is_an_error_and_not_a_crash() {
        let deep = format!(r#"{{"x":{}"#, "[".repeat(1_000_000));
        assert!(matches!(row(&deep), Err(RowError::NotJson(_))));
    }

    #[test]
    fn a_bad_record_leaves_the_rows_before_it() {
        let mut rows = vec![7.0, 8.0];
        assert!(schema().parse_row(br#"{"a":1}"#, &mut rows).is_err());
        assert_eq!(rows, [7.0, 8.0]);
    }
}
