//! Statlog Shuttle: nine sensor readings a record, labelled anomalies.

use std::io::Read;
use std::path::Path;

use anyhow::Context;

/// One reading with the truth that becomes known later.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The record's value on the features topic.
    pub json: String,
    /// 1 for an anomaly.
    pub label: u8,
}

/// The later two thirds of the file, which no model was trained on, in their order.
///
/// # Errors
/// The file is missing or damaged.
pub fn live_part(path: &Path) -> anyhow::Result<Vec<Reading>> {
    let file = std::fs::File::open(path).with_context(|| format!("open {}", path.display()))?;
    let mut text = String::new();
    flate2::read::GzDecoder::new(file)
        .read_to_string(&mut text)
        .with_context(|| format!("unpack {}", path.display()))?;
    let all = parse(&text)?;
    Ok(all[all.len() / 3..].to_vec())
}

fn parse(csv: &str) -> anyhow::Result<Vec<Reading>> {
    let mut lines = csv.lines();
    let header: Vec<&str> =
        lines.next().context("the telemetry file is empty")?.split(',').collect();
    let (names, last) = header.split_at(header.len() - 1);
    anyhow::ensure!(last == ["anomaly"], "the last column should be the label");
    let reading = |line: &str| -> Option<Reading> {
        let values: Vec<i64> =
            line.split(',').map(|cell| cell.trim().parse().ok()).collect::<Option<_>>()?;
        let (label, sensors) = values.split_last()?;
        if sensors.len() != names.len() {
            return None;
        }
        let fields: Vec<String> =
            names.iter().zip(sensors).map(|(name, value)| format!("\"{name}\":{value}")).collect();
        Some(Reading {
            json: format!("{{{}}}", fields.join(",")),
            label: u8::try_from(*label).ok()?,
        })
    };
    lines.map(|line| reading(line).with_context(|| format!("`{line}` is no reading"))).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_line_becomes_named_fields_and_a_label() {
        let read = parse("f1,f2,anomaly\n50,-21,1\n").unwrap();
        assert_eq!(read, [Reading { json: r#"{"f1":50,"f2":-21}"#.into(), label: 1 }]);
        assert!(parse("f1,f2,anomaly\n50,1\n").is_err());
        assert!(parse("f1,f2\n50,1\n").is_err());
    }
}
