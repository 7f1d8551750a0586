//! The step's part of the decision record.

use contract::results::Model;
use model::{Digest, Port};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checks::Check;
use crate::probe::Memory;

/// `details` of `report.json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Details {
    pub model: ModelFile,
    /// Null where it was compared with none.
    pub champion: Option<ModelFile>,
    pub checks: Vec<Check>,
    pub measured: Measured,
    /// What held the process in which the model was loaded; null where it was not loaded.
    pub sandbox: Option<Vec<Guard>>,
    /// What the model declares; null where it was not loaded.
    pub ports: Option<Ports>,
    pub answers: Answers,
}

/// A model's file.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    pub model: Model,
    /// Bytes.
    pub size: u64,
    /// By its content, such as `onnx`.
    pub kind: String,
}

/// The counts from which the checks can be computed again.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    pub golden_records: usize,
    /// The largest distance of a score from the golden one.
    pub golden_furthest: Option<f64>,
    pub holdout_records: usize,
    pub candidate_wrong: Option<usize>,
    pub champion_wrong: Option<usize>,
    pub pairs: Option<Discordant>,
    pub requests_timed: Option<usize>,
    pub memory: Option<Memory>,
}

/// Records of the hold-out that exactly one of the two got wrong.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Discordant {
    pub candidate_only_wrong: u64,
    pub champion_only_wrong: u64,
}

/// What keeps something away from the process, or why it does not.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    pub name: String,
    pub effect: String,
    /// Why it is not there; null where it is.
    pub lacking: Option<String>,
}

/// Inputs and outputs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ports {
    pub inputs: Vec<Port>,
    pub outputs: Vec<Port>,
}

/// What the models answered, in little: for the plots.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// `[the training side's score, this file's]`, those first that are furthest apart.
    pub golden: Vec<(f64, f64)>,
    /// Of the hold-out.
    pub scores: Option<Histogram>,
    /// Of a request, without the slowest in 200.
    pub milliseconds: Option<Histogram>,
}

/// How many values of each model fell into each bin.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Histogram {
    /// One more than there are bins, rising.
    pub edges: Vec<f64>,
    /// Null where it was not asked.
    pub champion: Option<Vec<f64>>,
    pub candidate: Vec<f64>,
}

// === impl ModelFile ===

impl ModelFile {
    pub(crate) fn new(file: &Digest, model: Model) -> Self {
        Self { model, size: file.size, kind: file.kind.name().to_owned() }
    }
}

// === impl Guard ===

impl From<sandbox::Guard> for Guard {
    fn from(guard: sandbox::Guard) -> Self {
        let sandbox::Guard { name, effect, lacking } = guard;
        Self { name, effect, lacking }
    }
}
