//! Of `canary-gate`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Interval, Model};

/// A candidate that had a share of the live stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Canary {
    pub model: Model,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub champion: Option<Model>,
    /// Such as `canary` or `blue-green`.
    pub strategy: String,
    /// The candidate's share afterwards.
    pub share: f64,
    /// The route's generation afterwards; absent where the stream has no route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// Chance of a false alarm, shared among the metrics.
    pub alpha: f64,
    /// How much worse still counts as not worse, where a metric has no margin of its own.
    pub margin: f64,
    /// Labelled answers of each model that a share needs.
    pub min_records: u64,
    /// From the start to the decision; absent where the canary did not begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// What each share showed, in their order.
    pub shares: Vec<CanaryShare>,
    /// What the decision rests on.
    pub metrics: Vec<CanaryMetric>,
}

/// One share, from its route to the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CanaryShare {
    pub share: f64,
    pub generation: u64,
    pub champion: Tally,
    pub candidate: Tally,
}

/// What one model did at one share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tally {
    /// Records whose key chose this model.
    pub records: u64,
    /// Of these, without an answer of this model.
    pub failed: u64,
    /// Own answers whose label is known.
    pub labelled: u64,
    /// Records whose label is known and is not the answer's.
    pub wrong: u64,
}

/// How one metric stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CanaryMetric {
    pub name: String,
    pub margin: f64,
    /// What the two models did: events, or a mean.
    pub champion: f64,
    pub candidate: f64,
    /// A rate ratio for what is counted, a difference for means, the part of bad answers for what is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<f64>,
    /// With 95 % confidence at all times at once.
    pub interval: Interval,
    pub harm: Proof,
    /// That the candidate is not worse.
    pub safe: Proof,
}

/// A claim and the evidence for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Proof {
    pub proven: bool,
    /// Natural logarithm of the e-value, where the claim rests on one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_evidence: Option<f64>,
    /// The one that is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enough: Option<f64>,
}

/// The event types.
pub mod types {
    use super::Canary;
    use crate::{EventType, Verdict};

    pub const PASSED: EventType<Canary> = EventType::new(
        "dev.cdeventsx.headgate-canary.passed.0.1.0",
        "the candidate is good enough and keeps its share, until promote or rollback ends that",
        Verdict::Pass,
    );
    pub const FAILED: EventType<Canary> = EventType::new(
        "dev.cdeventsx.headgate-canary.failed.0.1.0",
        "the candidate does harm or may not have a canary; its share is 0",
        Verdict::Fail,
    );
    pub const UNDECIDED: EventType<Canary> = EventType::new(
        "dev.cdeventsx.headgate-canary.undecided.0.1.0",
        "the canary ended before anything was proven; the candidate's share is 0",
        Verdict::Inconclusive,
    );
}
