//! What a step returns when it has reached a verdict.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::event::Subject;

/// The answer of a gate. A "no" is a value, not an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The evidence is enough and speaks for going on.
    Pass,
    /// The evidence is enough and speaks against.
    Fail,
    /// The evidence is not enough; never a reason to go on.
    Inconclusive,
}

impl Verdict {
    /// The word written to the `verdict` output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Renders `report.html` from the finished decision record.
pub type ReportPage = Box<dyn FnOnce(&Value) -> String>;

/// One reached verdict and everything to be told about it.
pub struct Outcome {
    pub verdict: Verdict,
    /// One sentence a person understands: what was decided and on what grounds.
    pub reason: String,
    /// The event to tell; one of the step's [`crate::Step::EVENTS`].
    pub event: Subject,
    /// What the run was given, by digest; with the flags it makes the event's id. Never what the run found.
    pub inputs: BTreeMap<String, String>,
    /// The step's own output parameters, by the names in [`crate::Step::OUTPUTS`].
    pub outputs: BTreeMap<&'static str, String>,
    /// The rest of the decision record: values beside thresholds, offset ranges, seeds.
    pub details: Value,
    pub page: ReportPage,
}
