//! The case: settings with which a step reaches a verdict, and records that lie on the broker beforehand.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use kafka::Outgoing;
use serde::Deserialize;
use serde_json::Value;

/// What a run is given.
#[derive(Clone, Debug, Default)]
pub struct Case {
    /// `HEADGATE_…` settings.
    pub env: BTreeMap<String, String>,
    /// Written to the broker before each run.
    pub records: Vec<Outgoing>,
}

/// A line of the records file beside the settings.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    topic: String,
    partition: Option<i32>,
    key: Option<String>,
    /// A text as it is, anything else as JSON.
    value: Value,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

const STREAM: &str = "HEADGATE_STREAM";

impl Case {
    /// Reads `<name>.env` and, where it is there, `<name>.jsonl` beside it.
    ///
    /// `{here}` in a value stands for the file's folder; `{scratch}` is left to [`crate::observe`], which puts a
    /// folder of its own there.
    ///
    /// # Errors
    /// A file cannot be read, or has a line that is no setting or no record.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let path =
            path.canonicalize().with_context(|| format!("read the case {}", path.display()))?;
        let folder = path.parent().unwrap_or(Path::new("/"));
        let mut case = Self::parse(&std::fs::read_to_string(&path)?, folder)
            .with_context(|| format!("read the case {}", path.display()))?;
        let beside = path.with_extension("jsonl");
        if beside.exists() {
            let text = std::fs::read_to_string(&beside)?;
            case.records = records(&text).with_context(|| format!("read {}", beside.display()))?;
        }
        Ok(case)
    }

    fn parse(text: &str, folder: &Path) -> anyhow::Result<Self> {
        let mut env = BTreeMap::new();
        let lines = text.lines().map(str::trim);
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let Some((name, value)) = line.split_once('=') else { bail!("`{line}` has no `=`") };
            ensure!(name.starts_with("HEADGATE_"), "{name} is no setting of a step");
            env.insert(name.to_owned(), value.replace("{here}", &folder.display().to_string()));
        }
        ensure!(env.contains_key(STREAM), "the case does not set {STREAM}");
        Ok(Self { env, records: Vec::new() })
    }

    /// The stream whose topics are made.
    pub fn stream(&self) -> &str {
        self.env.get(STREAM).map_or("conformance", String::as_str)
    }
}

fn records(text: &str) -> anyhow::Result<Vec<Outgoing>> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| {
            let line: Line = serde_json::from_str(line).with_context(|| format!("`{line}`"))?;
            let value = match line.value {
                Value::Null => None,
                Value::String(text) => Some(text.into_bytes()),
                other => Some(other.to_string().into_bytes()),
            };
            Ok(Outgoing {
                topic: line.topic,
                partition: line.partition,
                key: line.key.map(String::into_bytes),
                value,
                headers: line.headers.into_iter().map(|(k, v)| (k, v.into_bytes())).collect(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn settings_know_their_folder() {
        let text = "# a case\nHEADGATE_STREAM=s\nHEADGATE_MODEL={here}/tiny.onnx\n";
        let case = Case::parse(text, Path::new("/cases")).unwrap();
        assert_eq!(case.stream(), "s");
        assert_eq!(case.env["HEADGATE_MODEL"], "/cases/tiny.onnx");
        for bad in ["HEADGATE_STREAM", "HEADGATE_STREAM=s\nPATH=/bin", "HEADGATE_MODEL=x"] {
            assert!(Case::parse(bad, Path::new("/")).is_err(), "{bad}");
        }
    }

    #[test]
    fn records_are_json_or_text() {
        let text = "{\"topic\":\"s.features\",\"value\":{\"a\":1}}\n\n{\"topic\":\"t\",\"value\":\"x\",\"headers\":{\"h\":\"1\"}}";
        let read = records(text).unwrap();
        assert_eq!(read[0].value.as_deref(), Some(&b"{\"a\":1}"[..]));
        assert_eq!(read[1].value.as_deref(), Some(&b"x"[..]));
        assert_eq!(read[1].headers, [("h".to_owned(), b"1".to_vec())]);
        assert!(records("{\"topic\":\"t\",\"valu\":1}").is_err());
    }
}
