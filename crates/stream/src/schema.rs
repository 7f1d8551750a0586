//! The schema of a stream: which numbers a feature record holds, in which order a model takes them.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::format::{Format, RowError};

/// A stream's declared records, read from a JSON file such as `demo/shuttle/schema.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamSchema {
    /// The stream's name; its topics are `<stream>.features`, `<stream>.predictions` and so on.
    pub stream: String,
    /// How a record's value is written.
    pub format: Format,
    /// The fields, in the order of the columns of the model's input.
    pub fields: Vec<Field>,
}

/// One number of a feature record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Its name in JSON records, and of the input in models that take one input for each field.
    pub name: String,
    /// The type of the model's input.
    pub dtype: Dtype,
}

/// The type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// 32-bit floating point: what scikit-learn, XGBoost and LightGBM exports take.
    Float32,
}

/// A schema that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// Not JSON, or not of this shape.
    #[error("the stream schema cannot be used: {0}")]
    Shape(String),
    /// Well-formed, but it says nothing usable.
    #[error("the stream schema cannot be used: {0}")]
    Meaning(String),
}

impl StreamSchema {
    /// Reads a schema out of its JSON text.
    ///
    /// # Errors
    /// [`SchemaError::Shape`] and [`SchemaError::Meaning`].
    pub fn parse(text: &str) -> Result<StreamSchema, SchemaError> {
        let schema: StreamSchema = words::read_json(text).map_err(SchemaError::Shape)?;
        if schema.stream.is_empty() {
            return Err(SchemaError::Meaning("`stream` is empty".to_owned()));
        }
        if schema.fields.is_empty() {
            return Err(SchemaError::Meaning("`fields` is empty".to_owned()));
        }
        let mut names = HashSet::new();
        match schema.fields.iter().find(|field| !names.insert(field.name.as_str())) {
            Some(field) => {
                Err(SchemaError::Meaning(format!("the field `{}` is there twice", field.name)))
            }
            None => Ok(schema),
        }
    }

    /// Appends the record's row to `rows`, in the order of the fields; `rows` is as before when it fails.
    ///
    /// # Errors
    /// [`RowError`].
    pub fn parse_row(&self, record: &[u8], rows: &mut Vec<f32>) -> Result<(), RowError> {
        self.format.decoder().row(self, record, rows)
    }

    /// How many numbers a row has.
    pub fn width(&self) -> usize {
        self.fields.len()
    }

    pub(crate) fn field_name(&self, index: usize) -> String {
        self.fields[index].name.clone()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_schema_names_its_fields_in_order() {
        let schema = StreamSchema::parse(
            r#"{"stream":"shuttle","format":"json","fields":[{"name":"b","dtype":"float32"},{"name":"a","dtype":"float32"}]}"#,
        )
        .unwrap();
        assert_eq!(schema.width(), 2);
        assert_eq!(schema.fields[0].name, "b");
    }

    #[test]
    fn a_schema_that_says_nothing_usable_is_refused_with_the_reason() {
        for (text, reason) in [
            (r#"{"stream":"s","format":"json","fields":[]}"#, "`fields` is empty"),
            (r#"{"stream":"","format":"json","fields":[]}"#, "`stream` is empty"),
            (r#"{"stream":"s","format":"avro","fields":[]}"#, "`avro` is not known"),
            (r#"{"stream":"s","format":"json","fieldz":[]}"#, "there is no field `fieldz`"),
            (
                r#"{"stream":"s","format":"f32le","fields":[{"name":"a","dtype":"float32"},{"name":"a","dtype":"float32"}]}"#,
                "`a` is there twice",
            ),
            (
                r#"{"stream":"s","format":"f32le","fields":[{"name":"a","dtype":"int8"}]}"#,
                "`int8` is not known",
            ),
        ] {
            let error = StreamSchema::parse(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
