//! The step's part of the decision record.

use contract::results::Model;
use routes::{Confirmation, Route};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::known_good::Good;
use crate::run::Finished;
use crate::scan::Range;
use crate::timeline::Rate;
use crate::{result, run};

/// `details` of `report.json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Details {
    /// The bad model; nothing where none was found.
    pub(crate) bad: Option<Model>,
    /// Where the good model comes from; nothing where the champion stayed.
    pub(crate) good: Option<Good>,
    /// The route that stood there.
    pub(crate) before: Option<Route>,
    /// The route afterwards.
    pub(crate) after: Option<Route>,
    /// Whether this run wrote the route.
    pub(crate) wrote_route: bool,
    /// The record that is no route, where this run wrote over one.
    pub(crate) wrote_over: Option<String>,
    /// What shows that the bad model is gone; nothing where nothing had to be shown.
    pub(crate) proof: Option<Proof>,
}

/// What scorers and predictions say.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Proof {
    pub(crate) confirmation: Confirmation,
    pub(crate) predictions: Predictions,
    pub(crate) answers: Answers,
    /// Who answered, span by span.
    pub(crate) timeline: Vec<Rate>,
}

/// The predictions that were read.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Predictions {
    /// Milliseconds since 1970; nothing where they were read from their beginning.
    pub(crate) read_since_ms: Option<i64>,
    /// The offsets, PARTITION:FIRST-END separated by commas.
    pub(crate) read: String,
    /// Whether earlier ones, which are no longer kept, may have been the bad model's.
    pub(crate) incomplete: bool,
    pub(crate) watched_seconds: f64,
    /// Answers under the new route or a later one.
    pub(crate) later_answers: u64,
    /// Answers that must not be.
    pub(crate) offences: u64,
    /// The first of them.
    pub(crate) shown: Vec<String>,
}

/// What the bad model answered.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answers {
    pub(crate) count: u64,
    /// Of these, without a readable source.
    pub(crate) without_source: u64,
    pub(crate) ranges: Vec<Range>,
}

// === impl Details ===

impl From<&Finished> for Details {
    fn from(finished: &Finished) -> Self {
        Self {
            bad: result::bad(finished),
            good: finished.good.clone(),
            before: finished.before.clone(),
            after: finished.after.clone(),
            wrote_route: finished.wrote,
            wrote_over: finished.mended.clone(),
            proof: finished.proof.as_ref().map(Proof::from),
        }
    }
}

// === impl Proof ===

impl From<&run::Proof> for Proof {
    fn from(run::Proof { confirmation, scan, since, read }: &run::Proof) -> Self {
        Self {
            confirmation: confirmation.clone(),
            predictions: Predictions {
                read_since_ms: *since,
                read: read.before.to_string(),
                incomplete: read.incomplete,
                watched_seconds: read.watched_for.as_secs_f64(),
                later_answers: scan.observed,
                offences: scan.offences,
                shown: scan.shown.clone(),
            },
            answers: Answers {
                count: scan.answers,
                without_source: scan.unplaced,
                ranges: scan.ranges(),
            },
            timeline: scan.timeline.rates(),
        }
    }
}
