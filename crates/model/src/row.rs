//! From the bytes of a feature record to the row of numbers that a model takes.
//!
//! This runs once for every record of the live stream: no allocation on the good path, and on the bad one an
//! error that is fit for a dead letter.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};

use crate::schema::{Format, StreamSchema};

/// Why a record is no row.  The text is what a dead letter says.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RowError {
    /// Not a JSON object at all.
    #[error("not a JSON object: {0}")]
    NotJson(String),
    /// A field of the schema is not there.
    #[error("the field `{field}` is missing")]
    Missing {
        /// The field.
        field: String,
    },
    /// A field is there twice.
    #[error("the field `{field}` is there twice")]
    Duplicate {
        /// The field.
        field: String,
    },
    /// A field's value is not a number.
    #[error("the field `{field}` is not a number: {why}")]
    NotANumber {
        /// The field.
        field: String,
        /// What it is.
        why: String,
    },
    /// NaN, infinite, or too large for 32 bits.
    #[error("the field `{field}` is not a finite 32-bit number")]
    NotFinite {
        /// The field.
        field: String,
    },
    /// A binary row of the wrong length.
    #[error("the row has {got} bytes, the schema's {fields} fields take {expected}")]
    WrongLength {
        /// Bytes that are there.
        got: usize,
        /// Bytes that must be there.
        expected: usize,
        /// Fields of the schema.
        fields: usize,
    },
}

impl StreamSchema {
    /// Appends the record's row to `rows`, in the schema's order; `rows` is as before when it fails.
    ///
    /// # Errors
    /// [`RowError`].
    pub fn parse_row(&self, record: &[u8], rows: &mut Vec<f32>) -> Result<(), RowError> {
        match self.format {
            Format::Json => self.parse_json_row(record, rows),
            Format::F32le => self.parse_f32le_row(record, rows),
        }
    }

    /// Appends the row of a JSON object; members that the schema does not name are passed over.
    ///
    /// # Errors
    /// [`RowError`], but for [`RowError::WrongLength`].
    pub fn parse_json_row(&self, record: &[u8], rows: &mut Vec<f32>) -> Result<(), RowError> {
        let start = rows.len();
        // A number that JSON cannot hold marks what has not been seen yet.
        rows.resize(start + self.width(), f32::NAN);
        let mut failure = None;
        let members =
            Members { schema: self, row: &mut rows[start..], at: None, failure: &mut failure };
        let mut json = serde_json::Deserializer::from_slice(record);
        let parsed = json.deserialize_map(members).and_then(|()| json.end());
        let result = match (failure, parsed) {
            (Some(failure), _) => Err(failure),
            (None, Err(error)) => Err(RowError::NotJson(error.to_string())),
            (None, Ok(())) => match rows[start..].iter().position(|number| number.is_nan()) {
                Some(missing) => Err(RowError::Missing { field: self.field_name(missing) }),
                None => Ok(()),
            },
        };
        if result.is_err() {
            rows.truncate(start);
        }
        result
    }

    /// Appends a row of little-endian 32-bit floats.
    ///
    /// # Errors
    /// [`RowError::WrongLength`] and [`RowError::NotFinite`].
    pub fn parse_f32le_row(&self, record: &[u8], rows: &mut Vec<f32>) -> Result<(), RowError> {
        let (numbers, rest) = record.as_chunks::<4>();
        if numbers.len() != self.width() || !rest.is_empty() {
            let (got, fields) = (record.len(), self.width());
            return Err(RowError::WrongLength { got, expected: 4 * fields, fields });
        }
        let start = rows.len();
        rows.extend(numbers.iter().map(|number| f32::from_le_bytes(*number)));
        match rows[start..].iter().position(|number| !number.is_finite()) {
            Some(bad) => {
                rows.truncate(start);
                Err(RowError::NotFinite { field: self.field_name(bad) })
            }
            None => Ok(()),
        }
    }

    fn field_name(&self, index: usize) -> String {
        self.fields[index].name.clone()
    }
}

/// Takes the members of the object into the row.
struct Members<'a> {
    schema: &'a StreamSchema,
    row: &'a mut [f32],
    at: Option<usize>,
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
            self.at = Some(index);
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

/// A member's name, told as its index in the schema, without keeping the text.
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
        schema().parse_json_row(json.as_bytes(), &mut rows).map(|()| rows)
    }

    #[test]
    fn a_row_has_the_schemas_order_whatever_the_records_is() {
        assert_eq!(row(r#"{"a":1,"b":-2.5}"#).unwrap(), [1.0, -2.5]);
        assert_eq!(row(r#" { "b":1e2, "x":{"deep":["a"]}, "a":0 } "#).unwrap(), [0.0, 100.0]);
        assert_eq!(row(r#"{"\u0061":3,"b":18446744073709551615}"#).unwrap(), [3.0, 1.844_674_4e19]);
    }

    #[test]
    fn a_bad_record_is_told_with_its_field() {
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
            let told = row(json).unwrap_err().to_string();
            assert!(told.starts_with(error), "{json}: {told}");
        }
    }

    #[test]
    fn nesting_without_end_is_an_error_and_not_a_crash() {
        let deep = format!(r#"{{"x":{}"#, "[".repeat(1_000_000));
        assert!(matches!(row(&deep), Err(RowError::NotJson(_))));
    }

    #[test]
    fn a_bad_record_leaves_the_rows_before_it() {
        let mut rows = vec![7.0, 8.0];
        assert!(schema().parse_json_row(br#"{"a":1}"#, &mut rows).is_err());
        assert_eq!(rows, [7.0, 8.0]);
        let nan = [1.0_f32.to_le_bytes(), f32::NAN.to_le_bytes()].concat();
        assert!(schema().parse_f32le_row(&nan, &mut rows).is_err());
        assert_eq!(rows, [7.0, 8.0]);
    }

    #[test]
    fn a_binary_row_is_taken_as_it_is() {
        let mut rows = Vec::new();
        let good = [1.5_f32.to_le_bytes(), (-3.0_f32).to_le_bytes()].concat();
        schema().parse_f32le_row(&good, &mut rows).unwrap();
        assert_eq!(rows, [1.5, -3.0]);
        assert_eq!(
            schema().parse_f32le_row(&good[..7], &mut rows).unwrap_err().to_string(),
            "the row has 7 bytes, the schema's 2 fields take 8"
        );
        let bad = [f32::INFINITY.to_le_bytes(), 0.0_f32.to_le_bytes()].concat();
        assert_eq!(
            schema().parse_f32le_row(&bad, &mut rows).unwrap_err(),
            RowError::NotFinite { field: "a".to_owned() }
        );
    }
}
