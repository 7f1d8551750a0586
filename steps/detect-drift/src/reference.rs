//! A reference file in place of a range of the stream: CSV with a header, or one JSON object a line.

use std::io::{BufRead, BufReader};
use std::path::Path;

use stream::StreamSchema;

use crate::sample::Sample;

/// Reads a reference file; its first character says which of the two it is.
///
/// Lines that cannot be read are counted like unreadable records; a header without a field of the schema is
/// wrong usage.
pub(crate) fn read(path: &Path, schema: &StreamSchema) -> anyhow::Result<Sample> {
    let refuse = |error: std::io::Error| {
        fault::usage(
            format!("cannot read the reference file {}: {error}", path.display()),
            "give --reference a CSV or JSON-lines file in UTF-8",
        )
    };
    let file = regular_file::open(path, regular_file::TABLE).map_err(refuse)?;
    parse(BufReader::new(file), schema).map_err(|error| match error {
        Unusable::Read(error) => refuse(error),
        Unusable::Header(field) => fault::usage(
            format!("the header of {} does not name the field `{field}`", path.display()),
            "name every field of the schema in the first line, or give another file",
        ),
    })
}

#[derive(Debug)]
enum Unusable {
    Read(std::io::Error),
    Header(String),
}

fn parse(text: impl BufRead, schema: &StreamSchema) -> Result<Sample, Unusable> {
    let mut sample = Sample::default();
    let mut columns: Option<Vec<usize>> = None;
    let mut is_json = None;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.map_err(Unusable::Read)?;
        if line.trim().is_empty() {
            continue;
        }
        if *is_json.get_or_insert(line.trim_start().starts_with('{')) {
            sample.push(schema, 0, number, |schema, rows| {
                stream::Format::Json
                    .decoder()
                    .row(schema, line.as_bytes(), rows)
                    .map_err(|error| error.to_string())
            });
            continue;
        }
        match &columns {
            None => columns = Some(header(&line, schema)?),
            Some(columns) => sample.push(schema, 0, number, |schema, rows| {
                let start = rows.len();
                let read = csv_row(&line, columns, schema, rows);
                read.inspect_err(|_| rows.truncate(start))
            }),
        }
    }
    Ok(sample)
}

/// Where each field of the schema stands in a line.
fn header(line: &str, schema: &StreamSchema) -> Result<Vec<usize>, Unusable> {
    let names: Vec<&str> = cells(line).collect();
    let place = |field: &stream::Field| {
        let found = names.iter().position(|name| *name == field.name);
        found.ok_or_else(|| Unusable::Header(field.name.clone()))
    };
    schema.fields.iter().map(place).collect()
}

fn csv_row(
    line: &str,
    columns: &[usize],
    schema: &StreamSchema,
    rows: &mut Vec<f32>,
) -> Result<(), String> {
    let cells: Vec<&str> = cells(line).collect();
    for (column, field) in columns.iter().zip(&schema.fields) {
        let cell =
            cells.get(*column).ok_or_else(|| format!("the field `{}` is missing", field.name))?;
        match cell.parse::<f32>() {
            Ok(number) if number.is_finite() => rows.push(number),
            _ => return Err(format!("the field `{}` is not a finite number", field.name)),
        }
    }
    Ok(())
}

fn cells(line: &str) -> impl Iterator<Item = &str> {
    line.split(',').map(|cell| cell.trim().trim_matches('"'))
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
        assert!(matches!(error, Unusable::Header(field) if field == "b"));
        assert_eq!(parse(&b""[..], &schema()).unwrap().readable(), 0);
    }
}
