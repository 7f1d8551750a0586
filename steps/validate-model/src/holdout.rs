//! The labelled hold-out: a CSV file of plain numbers with a header line.

use inputs::Table;
use stream::StreamSchema;

/// The hold-out; may be empty, which is a finding and not an error.
#[derive(Debug, Default)]
pub(crate) struct Holdout {
    /// Row by row, in the schema's order.
    pub(crate) rows: Vec<f32>,
    pub(crate) labels: Vec<i64>,
}

impl Holdout {
    /// Columns go by name; columns that the schema does not name are skipped.
    pub(crate) fn parse(text: &str, schema: &StreamSchema) -> anyhow::Result<Holdout> {
        let mut table = Table::read(text.as_bytes())?;
        let label = table.column("label")?;
        let fields = schema.fields.iter().map(|field| table.column(&field.name));
        let fields = fields.collect::<Result<Vec<_>, _>>()?;
        let mut holdout = Holdout::default();
        while let Some(row) = table.row()? {
            for column in &fields {
                holdout.rows.push(row.number(*column)?);
            }
            holdout.labels.push(row.whole(label)?);
        }
        Ok(holdout)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn parse(text: &str) -> anyhow::Result<Holdout> {
        let schema = r#"{"stream":"s","format":"json","fields":[{"name":"a","dtype":"float32"},{"name":"b","dtype":"float32"}]}"#;
        Holdout::parse(text, &StreamSchema::parse(schema).unwrap())
    }

    #[test]
    fn columns_go_by_name() {
        let holdout = parse("b, extra, label, a\n1,x,0,2\n\n3,y,1,4\n").unwrap();
        assert_eq!(holdout.rows, [2.0, 1.0, 4.0, 3.0]);
        assert_eq!(holdout.labels, [0, 1]);
    }

    #[test]
    fn a_bad_cell_is_named_by_line_and_column() {
        for (text, error) in [
            ("", "the file is empty"),
            ("a,b\n1,2", "no column is called `label`"),
            ("a,label\n1,0", "no column is called `b`"),
            ("a,b,label\n1,2,0\n1,,0", "line 3, column 2: `b` is ``"),
            ("a,b,label\n1,NaN,0", "line 2, column 2: `b` is `NaN`"),
            ("a,b,label\n1,2", "line 2, column 3: `label` is missing"),
            ("a,b,label\n1,2,yes", "line 2, column 3: `label` is `yes`"),
        ] {
            let found = parse(text).unwrap_err().to_string();
            assert!(found.starts_with(error), "{found}");
        }
    }
}
