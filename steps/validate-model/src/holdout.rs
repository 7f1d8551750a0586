//! The labelled hold-out: a CSV file of plain numbers with a header line.

use stream::StreamSchema;

/// The hold-out; may be empty, which is a finding and not an error.
#[derive(Debug, Default)]
pub(crate) struct Holdout {
    /// Row by row, in the schema's order.
    pub(crate) rows: Vec<f32>,
    pub(crate) labels: Vec<i64>,
}

impl Holdout {
    /// Columns go by name; columns that the schema does not name are passed over.
    pub(crate) fn parse(text: &str, schema: &StreamSchema) -> Result<Holdout, String> {
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let (_, header) =
            lines.next().ok_or("the file is empty; its first line names the columns")?;
        let names: Vec<&str> = header.split(',').map(str::trim).collect();
        let column = |name: &str| {
            let place = names.iter().position(|found| *found == name);
            place.ok_or_else(|| format!("no column is called `{name}`"))
        };
        let label = column("label")?;
        let fields = schema
            .fields
            .iter()
            .map(|field| column(&field.name))
            .collect::<Result<Vec<usize>, String>>()?;

        let mut holdout = Holdout::default();
        for (index, line) in lines {
            let cells: Vec<&str> = line.split(',').map(str::trim).collect();
            let bad = |column: usize| {
                let cell = cells.get(column).copied().unwrap_or("nothing");
                format!("line {}: `{}` is `{cell}`, which is no number", index + 1, names[column])
            };
            for column in &fields {
                let number = cells.get(*column).and_then(|cell| cell.parse::<f32>().ok());
                let number =
                    number.filter(|number| number.is_finite()).ok_or_else(|| bad(*column))?;
                holdout.rows.push(number);
            }
            let told = cells.get(label).and_then(|cell| cell.parse().ok());
            holdout.labels.push(told.ok_or_else(|| bad(label))?);
        }
        Ok(holdout)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn parse(text: &str) -> Result<Holdout, String> {
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
    fn a_bad_cell_is_told_with_its_line() {
        for (text, error) in [
            ("", "the file is empty"),
            ("a,b\n1,2", "no column is called `label`"),
            ("a,label\n1,0", "no column is called `b`"),
            ("a,b,label\n1,2,0\n1,,0", "line 3: `b` is ``"),
            ("a,b,label\n1,NaN,0", "line 2: `b` is `NaN`"),
            ("a,b,label\n1,2", "line 2: `label` is `nothing`"),
            ("a,b,label\n1,2,yes", "line 2: `label` is `yes`"),
        ] {
            let told = parse(text).unwrap_err();
            assert!(told.starts_with(error), "{told}");
        }
    }
}
