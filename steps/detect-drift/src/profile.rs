//! The baseline profile file: what every feature looked like in the reference range.

use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use stats::drift::{DEFAULT_POINTS, Ecdf, Moments, moments};
use stream::StreamSchema;

use crate::sample::Sample;

/// The version of the file format that this step writes and reads.
const FORMAT: u32 = 1;

/// A baseline profile. It holds no time and no path, so the same records always give the same file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Profile {
    pub(crate) format: u32,
    pub(crate) stream: String,
    /// The offsets it was made from; absent when it was made from a file.
    pub(crate) window: Option<String>,
    /// Readable records it was made from.
    pub(crate) records: u64,
    /// Records that could not be read and are not in it.
    pub(crate) unreadable: u64,
    /// In the schema's order.
    pub(crate) features: Vec<Feature>,
}

/// One feature of a profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Feature {
    pub(crate) name: String,
    pub(crate) moments: Moments,
    pub(crate) distribution: Ecdf,
}

impl Profile {
    /// Profiles a sample that holds at least one readable record.
    pub(crate) fn of(
        schema: &StreamSchema,
        sample: &Sample,
        window: Option<String>,
    ) -> anyhow::Result<Self> {
        let feature = |(index, field): (usize, &stream::Field)| -> Result<Feature, stats::Error> {
            let values = sample.column(index, schema.width());
            let distribution = Ecdf::from_values(&values, DEFAULT_POINTS)?;
            Ok(Feature { name: field.name.clone(), moments: moments(&values)?, distribution })
        };
        Ok(Self {
            format: FORMAT,
            stream: schema.stream.clone(),
            window,
            records: sample.readable(),
            unreadable: sample.unreadable.count,
            features: schema.fields.iter().enumerate().map(feature).collect::<Result<_, _>>()?,
        })
    }

    /// One feature a line, so that two profiles can be compared by eye.
    pub(crate) fn to_json(&self) -> anyhow::Result<String> {
        let features: Vec<String> =
            self.features.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
        let head = serde_json::to_string(&Self { features: Vec::new(), ..self.clone() })?;
        let head = head.strip_suffix("[]}").context("`features` is the last member")?;
        Ok(format!("{head}[\n{}\n]}}\n", features.join(",\n")))
    }

    /// Reads a profile file.
    ///
    /// # Errors
    /// Wrong usage (exit 2): no such file, or not a profile.
    pub(crate) fn load(path: &Path) -> anyhow::Result<Self> {
        let refuse = |why: String| {
            fault::usage(
                format!("cannot use the baseline {}: {why}", path.display()),
                "make one with --mode baseline; it lies in the outputs folder as baseline.json",
            )
        };
        let text = regular_file::read_to_string(path, regular_file::TEXT)
            .map_err(|error| refuse(error.to_string()))?;
        let profile: Self = words::read_json(&text).map_err(refuse)?;
        if profile.format != FORMAT {
            return Err(refuse(format!("its format is {}, not {FORMAT}", profile.format)));
        }
        Ok(profile)
    }

    /// Refuses a baseline that was made for another stream or for other fields.
    pub(crate) fn check(&self, schema: &StreamSchema) -> anyhow::Result<()> {
        let hint = "make a new baseline with --mode baseline and this schema";
        if self.stream != schema.stream {
            let what =
                format!("the baseline is that of stream {}, not of {}", self.stream, schema.stream);
            return Err(fault::usage(what, hint));
        }
        let names = |names: &mut dyn Iterator<Item = &String>| -> String {
            names.map(String::as_str).collect::<Vec<_>>().join(", ")
        };
        let has = names(&mut self.features.iter().map(|feature| &feature.name));
        let needs = names(&mut schema.fields.iter().map(|field| &field.name));
        if has != needs {
            let what = format!("the baseline has the fields {has}, the schema {needs}");
            return Err(fault::usage(what, hint));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn schema(stream: &str, fields: &[&str]) -> StreamSchema {
        let field = |name: &&str| format!(r#"{{"name":"{name}","dtype":"float32"}}"#);
        let fields: Vec<String> = fields.iter().map(field).collect();
        let fields = fields.join(",");
        let text = format!(r#"{{"stream":"{stream}","format":"json","fields":[{fields}]}}"#);
        StreamSchema::parse(&text).unwrap()
    }

    fn profile() -> Profile {
        let schema = schema("s", &["a", "b"]);
        let mut sample = Sample::default();
        for offset in 0..100 {
            sample.push(&schema, 0, offset, |_, rows| {
                rows.extend([offset as f32, 7.0]);
                Ok(())
            });
        }
        Profile::of(&schema, &sample, Some("0:0-100".into())).unwrap()
    }

    #[test]
    fn a_profile_reads_what_it_writes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("baseline.json");
        let text = profile().to_json().unwrap();
        std::fs::write(&path, &text).unwrap();
        assert_eq!(Profile::load(&path).unwrap(), profile());
        assert_eq!(text.lines().count(), 4, "{text}");
    }

    #[test]
    fn what_is_not_a_profile_is_wrong_usage() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("baseline.json");
        let good = profile().to_json().unwrap();
        for (text, why) in [
            ("{}".to_owned(), "the field `format` is missing"),
            (good.replace("\"format\":1", "\"format\":9"), "its format is 9"),
            (good.replace("\"records\":100,\"points\"", "\"records\":99,\"points\""), "cover"),
            (good[..good.len() / 2].to_owned(), "it ends in the middle"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = Profile::load(&path).unwrap_err();
            assert!(error.to_string().contains(why), "{why}: {error}");
            assert_eq!(fault::exit_code(&error), fault::exit::USAGE);
        }
        assert!(Profile::load(&dir.path().join("none")).is_err());
    }

    #[test]
    fn a_baseline_belongs_to_one_stream_and_its_fields() {
        assert!(profile().check(&schema("s", &["a", "b"])).is_ok());
        assert!(profile().check(&schema("t", &["a", "b"])).is_err());
        assert!(profile().check(&schema("s", &["b", "a"])).is_err());
        assert!(profile().check(&schema("s", &["a", "b", "c"])).is_err());
    }
}
