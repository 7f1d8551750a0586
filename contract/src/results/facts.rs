//! What several results are made of.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Verdict;
use kafka::Window;
use words::model_name;

/// A model: its identity, and what people call it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Model {
    /// `sha256:` of the model file; the address where the model is behind an endpoint.
    pub digest: String,
    /// From the file or image that carries it, else from the file's own metadata; for people, not an identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The image that carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

/// Offsets of one partition, the last excluded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Range {
    pub topic: String,
    pub partition: i32,
    pub from: i64,
    /// The first offset that is no longer in the range.
    pub to: i64,
}

/// One record of a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Offset {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
}

/// What is known of a value; an end that is absent is unbounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Interval {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lower: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upper: Option<f64>,
}

/// One question that a verdict rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    pub name: String,
    /// Absent where the check did not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Why it did not pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Model {
    /// The model with this digest that lies in `image`.
    #[must_use]
    pub fn of_image(digest: &str, image: &str) -> Self {
        let there = (!image.is_empty()).then(|| image.to_owned());
        Self { digest: digest.to_owned(), name: model_name::of_image(image), image: there }
    }

    /// The model with this digest that a flag named as a file.
    #[must_use]
    pub fn of_file(digest: &str, file: &str) -> Self {
        Self { digest: digest.to_owned(), name: model_name::of_file(file), image: None }
    }

    /// As a report page shows it.
    #[must_use]
    pub fn on_page(&self, role: &str) -> report::Model {
        let Self { digest, name, image } = self.clone();
        let (name, image) = (name.unwrap_or_default(), image.unwrap_or_default());
        report::Model { role: role.to_owned(), name, digest, image }
    }

    /// The same with the name that its file holds, where file and image give none that says something.
    #[must_use]
    pub fn or_own_name(self, own: Option<&str>) -> Self {
        Self { name: model_name::or_own(self.name, own), ..self }
    }
}

impl Interval {
    /// From bounds that may be infinite.
    #[must_use]
    pub fn new(lower: f64, upper: f64) -> Self {
        let finite = |value: f64| value.is_finite().then_some(value);
        Self { lower: finite(lower), upper: finite(upper) }
    }
}

/// A window of a topic, partition by partition.
#[must_use]
pub fn ranges(topic: &str, window: &Window) -> Vec<Range> {
    let range = |(partition, (from, to)): (&i32, &(i64, i64))| Range {
        topic: topic.to_owned(),
        partition: *partition,
        from: *from,
        to: *to,
    };
    window.0.iter().map(range).collect()
}

/// Records of a topic, by partition and offset.
pub fn offsets(topic: &str, at: impl IntoIterator<Item = (i32, i64)>) -> Vec<Offset> {
    at.into_iter()
        .map(|(partition, offset)| Offset { topic: topic.to_owned(), partition, offset })
        .collect()
}
