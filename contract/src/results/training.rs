//! Of `train-linear`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Model, Range};

/// A model that was trained, or not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Training {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Model>,
    /// The artifact that holds model, golden set, hold-out and schema, by digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<String>,
    /// The records that were read.
    pub window: Vec<Range>,
    pub readable: u64,
    pub unreadable: u64,
    /// Records with a label.
    pub labelled: u64,
    /// Labelled records that training needs.
    pub min_records: u64,
    /// Records that the model was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learnt: Option<u64>,
    /// Newer records that it was judged by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out: Option<u64>,
    /// Share of the newer records that it answers with their label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
}

/// The event types.
pub mod types {
    use super::Training;
    use crate::{EventType, Verdict};

    pub const TRAINED: EventType<Training> = EventType::new(
        "dev.cdeventsx.headgate-model.trained.0.1.0",
        "a model was trained; names the artifact that holds it",
        Verdict::Pass,
    );
    pub const UNDECIDED: EventType<Training> = EventType::new(
        "dev.cdeventsx.headgate-training.undecided.0.1.0",
        "too few labelled records, or all of one class; there is no model",
        Verdict::Inconclusive,
    );
}
