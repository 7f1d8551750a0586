//! The step's part of the decision record.

use contract::results::Model;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::args::Against;
use crate::check::{Check, finite};
use crate::decide::Limits;
use crate::disagreements::Disagreement;
use crate::read::Stopped;
use crate::tally::{self, Failures, LiveCounts, ScorePair, Tally};
use crate::window::Plan;

/// `details` of `report.json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Details {
    Compared(Box<Compared>),
    NotCompared(NotCompared),
}

/// A comparison of candidate and champion, from which its verdict can be reached again.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Compared {
    pub against: Against,
    pub candidate: Model,
    pub champion: Model,
    /// The records that were to be answered, and how many there could have been at most.
    pub window: Planned,
    pub planned: u64,
    /// The offsets that were answered.
    pub read: String,
    pub stopped: Stopped,
    pub limits: Limits,
    pub checks: Vec<Check>,
    pub counts: Counts,
    pub latency: Latency,
    /// The records on which the two differ most.
    pub largest: Vec<Disagreement>,
    /// Of the pairs, drawn with the seed: `[champion's score, candidate's score, whether they are the same answer]`.
    pub sample: Vec<ScorePair>,
    pub seed: u64,
}

/// A verdict without a comparison.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotCompared {
    /// By the digest that it should have had, or its image, where nothing was found there.
    pub candidate: Model,
    /// Null where it was not looked for, or there is none.
    pub champion: Option<Model>,
}

/// The records that were to be answered.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Planned {
    /// As `PARTITION:FIRST-END`, separated by commas.
    Offsets(String),
    /// What arrived, for so long or until so many.
    Live { seconds: f64, records: u64 },
}

/// Everything that the checks are computed from.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    pub records: u64,
    /// Records that are no row of the schema, which the stream dead-letters.
    pub undecodable: u64,
    pub first_undecodable: Option<String>,
    /// Records that both answered.
    pub pairs: u64,
    pub disagreements: u64,
    pub candidate_failures: Failures,
    pub champion_failures: Failures,
    pub shift: Shift,
    pub live: LiveCounts,
}

/// Candidate's score less the champion's.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shift {
    pub pairs: u64,
    pub mean: Option<f64>,
    pub standard_deviation: Option<f64>,
}

/// Times of whole batches, counted against the limits.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// Records a batch.
    pub batch: usize,
    /// Batches.
    pub timed: u64,
    pub over_limit: u64,
    pub over_ratio: u64,
    pub quantiles: Vec<Quantile>,
}

/// Seconds a record.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quantile {
    /// Such as `p99`.
    pub name: String,
    /// Null where the champion was not asked here.
    pub champion: Option<f64>,
    pub candidate: f64,
}

// === impl Planned ===

impl From<&Plan> for Planned {
    fn from(plan: &Plan) -> Self {
        match plan {
            Plan::Past(window) => Self::Offsets(window.to_string()),
            Plan::Live { time, records, .. } => {
                Self::Live { seconds: time.as_secs_f64(), records: *records }
            }
        }
    }
}

// === impl Counts ===

impl From<&Tally> for Counts {
    fn from(tally: &Tally) -> Self {
        let shift = &tally.shift;
        Self {
            records: tally.records,
            undecodable: tally.undecodable,
            first_undecodable: tally.first_undecodable.clone(),
            pairs: tally.pairs(),
            disagreements: tally.disagreements.events,
            candidate_failures: Failures {
                count: tally.failures.events,
                first: tally.first_failure.clone(),
            },
            champion_failures: tally.champion_failures.clone(),
            shift: Shift {
                pairs: shift.count(),
                mean: finite(shift.mean()),
                standard_deviation: finite(shift.variance().sqrt()),
            },
            live: tally.live.clone(),
        }
    }
}

// === impl Latency ===

impl From<&tally::Latency> for Latency {
    fn from(latency: &tally::Latency) -> Self {
        let (champion, candidate): (Vec<_>, Vec<_>) = latency.sample.kept().iter().copied().unzip();
        let champion: Vec<f64> = champion.into_iter().flatten().collect();
        let quantile = |(name, probability): (&str, f64)| {
            let of = |values: &[f64]| stats::latency::quantile(values, probability).ok();
            let (champion, candidate) = (of(&champion), of(&candidate)?);
            Some(Quantile { name: name.to_owned(), champion, candidate })
        };
        let quantiles = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)];
        Self {
            batch: latency.batch,
            timed: latency.over_limit.values.count(),
            over_limit: latency.over_limit.events,
            over_ratio: latency.over_ratio.events,
            quantiles: quantiles.into_iter().filter_map(quantile).collect(),
        }
    }
}
