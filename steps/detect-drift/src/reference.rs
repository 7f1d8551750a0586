//! A reference file in place of a range of the stream: CSV with a header, or one JSON object a line.

use std::io::{BufRead, BufReader};
use std::path::Path;

use inputs::{Table, TableError};
use stream::StreamSchema;

use crate::sample::Sample;

/// Reads a reference file; its first character says which of the two it is.
///
/// Rows that cannot be read are counted like unreadable records; a header without a field of the schema is
/// wrong usage.
pub(crate) fn read(path: &Path, schema: &StreamSchema) -> anyhow::Result<Sample> {
    let refuse = |error: TableError| {
        let what = format!("cannot read the reference file {}: {error}", path.display());
        let hint = match error {
            TableError::NoColumn(_) | TableError::Twice(_) => {
                "name every field of the schema once in the first line, or give another file"
            }
            _ => "give --reference a CSV or JSON-lines file in UTF-8",
        };
        fault::usage(what, hint)
    };
    let file = regular_file::open(path, regular_file::TABLE).map_err(|e| refuse(e.into()))?;
    parse(BufReader::new(file), schema).map_err(refuse)
}

fn parse(mut text: impl BufRead, schema: &StreamSchema) -> Result<Sample, TableError> {
    match text.fill_buf()?.trim_ascii_start() {
        [b'{', ..] => json(text, schema),
        [] => Ok(Sample::default()),
        _ => csv(text, schema),
    }
}

fn json(text: impl BufRead, schema: &StreamSchema) -> Result<Sample, TableError> {
    let mut sample = Sample::default();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line?;
        if !line.trim().is_empty() {
            sample.push(schema, 0, number, |schema, rows| {
                let decoder = stream::Format::Json.decoder();
                decoder.row(schema, line.as_bytes(), rows).map_err(|error| error.to_string())
            });
        }
    }
    Ok(sample)
}

fn csv(text: impl BufRead, schema: &StreamSchema) -> Result<Sample, TableError> {
    let mut table = Table::read(text)?;
    let columns = schema.fields.iter().map(|field| table.column(&field.name));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let mut sample = Sample::default();
    while let Some(row) = table.row()? {
        sample.push(schema, 0, row.line as i64, |_, rows| {
            let numbers: Result<Vec<f32>, _> =
                columns.iter().map(|column| row.number(*column)).collect();
            rows.extend(numbers.map_err(|cell| cell.reason())?);
            Ok(())
        });
    }
    Ok(sample)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::sample::Place;

    fn schema() -> StreamSchema {
        let fields = r#"[{"name":"a","dtype":"float32"},{"name":"b","dtype":"float32"}]"#;
        let text = format!(r#"{{"stream":"s","format":"f32le","fields":{fields}}}"#);
        StreamSchema::parse(&text).unwrap()
    }

    #[test]
    fn csv_columns_are_found_by_name() {
        let csv = "b,label,\"a\"\n1,x,2\n\n3,y,4\n5,z\n6,w,nan\n";
        let sample = parse(csv.as_bytes(), &schema()).unwrap();
        assert_eq!((sample.column(0, 2), sample.column(1, 2)), (vec![2.0, 4.0], vec![1.0, 3.0]));
        assert_eq!(sample.unreadable.count, 2);
        assert_eq!(
            sample.unreadable.reasons["the field `a` is missing"].first,
            Place { partition: 0, offset: 5 }
        );
    }

    #[test]
    fn json_lines_are_recognised_by_the_content() {
        let lines = "{\"a\":1,\"b\":2}\nnot json\n{\"b\":3,\"a\":4,\"c\":0}\n";
        let sample = parse(lines.as_bytes(), &schema()).unwrap();
        assert_eq!((sample.column(0, 2), sample.unreadable.count), (vec![1.0, 4.0], 1));
    }

    #[test]
    fn a_header_must_name_every_field() {
        let error = parse("a,c\n1,2\n".as_bytes(), &schema()).unwrap_err();
        assert!(matches!(error, TableError::NoColumn(field) if field == "b"));
        assert_eq!(parse(&b""[..], &schema()).unwrap().readable(), 0);
    }
}
