//! Of `conclude`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Model;
use crate::Verdict;
use crate::event::ReportPlace;

/// How a release ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Release {
    /// How far the release was to come: `promoted`, or `shadowed` for a dry run.
    pub goal: String,
    /// The step that decided; empty where none emitted anything.
    pub step: String,
    /// The model of the release, as its last step named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Model>,
    /// The events of the release, in their order.
    pub steps: Vec<Emitted>,
}

/// An event of the release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Emitted {
    pub step: String,
    #[serde(rename = "type")]
    pub event_type: String,
    /// The event's id.
    pub event: String,
    pub verdict: Verdict,
    pub at: String,
    pub report: ReportPlace,
}

/// The event types.
pub mod types {
    use super::Release;
    use crate::{EventType, Verdict};

    pub const SUCCEEDED: EventType<Release> = EventType::new(
        "dev.cdeventsx.headgate-release.succeeded.0.1.0",
        "the release is over and reached its goal",
        Verdict::Pass,
    );
    pub const FAILED: EventType<Release> = EventType::new(
        "dev.cdeventsx.headgate-release.failed.0.1.0",
        "the release is over and did not reach its goal, or was rolled back",
        Verdict::Fail,
    );
    pub const UNDECIDED: EventType<Release> = EventType::new(
        "dev.cdeventsx.headgate-release.undecided.0.1.0",
        "the release is over because a step had not enough evidence to go on",
        Verdict::Inconclusive,
    );
}
