//! Of `shadow-test`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Interval, Model, Range};
use crate::Verdict;

/// A candidate beside the champion on records of the live stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Shadow {
    pub model: Model,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub champion: Option<Model>,
    /// False where no record was compared; the counts are 0 then.
    pub compared: bool,
    /// The records that were read.
    pub window: Vec<Range>,
    pub records: u64,
    /// Records that are no row of the schema.
    pub unreadable: u64,
    /// Records that both answered.
    pub pairs: u64,
    /// Of these, answered differently.
    pub disagreements: u64,
    /// The share that they are of the pairs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disagreement: Option<f64>,
    pub candidate_failures: u64,
    pub champion_failures: u64,
    /// The fewest records that a verdict needs.
    pub min_records: u64,
    /// Of all claims together.
    pub confidence: f64,
    pub checks: Vec<ShadowCheck>,
}

/// One question about the candidate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ShadowCheck {
    pub name: String,
    pub verdict: Verdict,
    pub limit: f64,
    /// Holds at all times, whenever reading stopped; absent where there was nothing to estimate from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// How many records counted, of `trials`; absent for a mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<u64>,
    pub trials: u64,
}

/// The event types.
pub mod types {
    use super::Shadow;
    use crate::{EventType, Verdict};

    pub const PASSED: EventType<Shadow> = EventType::new(
        "dev.cdeventsx.headgate-shadow.passed.0.1.0",
        "the candidate keeps every limit on the records of the live stream",
        Verdict::Pass,
    );
    pub const FAILED: EventType<Shadow> = EventType::new(
        "dev.cdeventsx.headgate-shadow.failed.0.1.0",
        "the candidate is beyond a limit, or is no model for this stream",
        Verdict::Fail,
    );
    pub const UNDECIDED: EventType<Shadow> = EventType::new(
        "dev.cdeventsx.headgate-shadow.undecided.0.1.0",
        "no champion, too few records, or a shadow that does not see what the live stream sees",
        Verdict::Inconclusive,
    );
}
