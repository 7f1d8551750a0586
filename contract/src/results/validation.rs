//! Of `validate-model`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Check, Model};

/// What is known of a model that was validated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Validation {
    pub model: Model,
    /// Of the file's content, such as `onnx`.
    pub kind: String,
    /// Bytes.
    pub size: u64,
    /// The model that it was compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub champion: Option<Model>,
    pub golden_records: u64,
    pub holdout_records: u64,
    /// Share of right labels on the hold-out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// The least share that was asked for.
    pub min_accuracy: f64,
    pub checks: Vec<Check>,
}

/// The event types.
pub mod types {
    use super::Validation;
    use crate::{EventType, Verdict};

    pub const VALIDATED: EventType<Validation> = EventType::new(
        "dev.cdeventsx.headgate-model.validated.0.1.0",
        "the model passed every check and may enter the release",
        Verdict::Pass,
    );
    pub const REJECTED: EventType<Validation> = EventType::new(
        "dev.cdeventsx.headgate-model.rejected.0.1.0",
        "the model failed a check",
        Verdict::Fail,
    );
    pub const UNDECIDED: EventType<Validation> = EventType::new(
        "dev.cdeventsx.headgate-model.undecided.0.1.0",
        "no check failed, but there was not enough evidence for one",
        Verdict::Inconclusive,
    );
}
