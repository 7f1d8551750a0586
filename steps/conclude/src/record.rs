//! The step's part of the decision record.

use contract::Verdict;
use contract::event::{OutcomeEvent, ReportPlace};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::failures::Failure;

/// `details` of `report.json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Details {
    /// The outcomes of the release's steps, oldest first.
    pub outcomes: Vec<StepOutcome>,
    /// The tasks that Argo reports as failed.
    pub failures: Vec<Failure>,
}

/// The outcome that a step of the release emitted.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepOutcome {
    pub step: String,
    pub event_type: String,
    pub verdict: Verdict,
    pub reason: String,
    /// When the event was emitted, RFC 3339.
    pub at: String,
    pub report: ReportPlace,
}

impl From<&OutcomeEvent> for StepOutcome {
    fn from(event: &OutcomeEvent) -> Self {
        let data = &event.custom_data;
        Self {
            step: data.step.clone(),
            event_type: event.context.event_type.clone(),
            verdict: data.verdict,
            reason: data.reason.clone(),
            at: event.context.timestamp.clone(),
            report: data.report.clone(),
        }
    }
}
