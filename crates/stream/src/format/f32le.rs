//! One little-endian 32-bit float for each field of the schema, nothing else.

use crate::format::{Decoder, FieldValue, RowError};
use crate::schema::StreamSchema;

/// The decoder of [`Format::F32le`](crate::Format::F32le).
#[derive(Debug)]
pub(super) struct F32le;

impl Decoder for F32le {
    /// Fails with [`RowError::WrongLength`] and [`RowError::NotFinite`].
    fn row(
        &self,
        schema: &StreamSchema,
        record: &[u8],
        rows: &mut Vec<f32>,
    ) -> Result<(), RowError> {
        let (numbers, rest) = record.as_chunks::<4>();
        if numbers.len() != schema.width() || !rest.is_empty() {
            let (got, fields) = (record.len(), schema.width());
            return Err(RowError::WrongLength { got, expected: 4 * fields, fields });
        }
        let start = rows.len();
        rows.extend(numbers.iter().map(|number| f32::from_le_bytes(*number)));
        match rows[start..].iter().position(|number| !number.is_finite()) {
            Some(bad) => {
                rows.truncate(start);
                Err(RowError::NotFinite { field: schema.field_name(bad) })
            }
            None => Ok(()),
        }
    }

    fn knows(&self, schema: Option<&StreamSchema>, name: &str) -> bool {
        place(schema, name).is_some()
    }

    fn fields(
        &self,
        schema: Option<&StreamSchema>,
        names: &[&str],
        record: &[u8],
        found: &mut dyn FnMut(usize, Option<FieldValue<'_>>),
    ) {
        let numbers = record.as_chunks::<4>().0;
        for (index, name) in names.iter().enumerate() {
            if let Some(number) = place(schema, name).and_then(|place| numbers.get(place)) {
                found(index, Some(FieldValue::Number(f32::from_le_bytes(*number).into())));
            }
        }
    }
}

/// The numbers have names only in a schema; without one `[3]` is the fourth.
fn place(schema: Option<&StreamSchema>, name: &str) -> Option<usize> {
    match schema {
        Some(schema) => schema.fields.iter().position(|field| field.name == name),
        None => name.strip_prefix('[')?.strip_suffix(']')?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn schema() -> StreamSchema {
        StreamSchema::parse(
            r#"{"stream":"s","format":"f32le","fields":[{"name":"a","dtype":"float32"},{"name":"b","dtype":"float32"}]}"#,
        )
        .unwrap()
    }

    #[test]
    fn fields_are_found_by_name_or_by_place() {
        let record = [1.5_f32, -3.0].map(f32::to_le_bytes).concat();
        let (schema, of) = (schema(), |schema: Option<&StreamSchema>, names: &[&str]| {
            let mut all = Vec::new();
            F32le.fields(schema, names, &record, &mut |index, value| {
                all.extend(value.and_then(|value| Some((index, value.number()?))));
            });
            all
        });
        let schema = Some(&schema);
        assert_eq!(of(schema, &["b", "x", "a", "b"]), [(0, -3.0), (2, 1.5), (3, -3.0)]);
        assert_eq!(of(None, &["[1]", "b", "[2]"]), [(0, -3.0)]);
        assert!(F32le.knows(schema, "b") && !F32le.knows(schema, "[1]"));
        assert!(F32le.knows(None, "[1]") && !F32le.knows(None, "b"));
    }

    #[test]
    fn a_bad_record_leaves_the_rows_before_it() {
        let mut rows = vec![7.0, 8.0];
        let nan = [1.0_f32.to_le_bytes(), f32::NAN.to_le_bytes()].concat();
        assert!(schema().parse_row(&nan, &mut rows).is_err());
        assert_eq!(rows, [7.0, 8.0]);
    }

    #[test]
    fn a_binary_row_is_taken_as_it_is() {
        let mut rows = Vec::new();
        let good = [1.5_f32.to_le_bytes(), (-3.0_f32).to_le_bytes()].concat();
        schema().parse_row(&good, &mut rows).unwrap();
        assert_eq!(rows, [1.5, -3.0]);
        assert_eq!(
            schema().parse_row(&good[..7], &mut rows).unwrap_err().to_string(),
            "the row has 7 bytes, the schema's 2 fields take 8"
        );
        let bad = [f32::INFINITY.to_le_bytes(), 0.0_f32.to_le_bytes()].concat();
        assert_eq!(
            schema().parse_row(&bad, &mut rows).unwrap_err(),
            RowError::NotFinite { field: "a".to_owned() }
        );
    }
}
