//! A question about the candidate with its answer, as verdict, page and decision record have it.

use contract::Verdict;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What one question came to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    pub name: String,
    /// What is counted or measured, in words that follow a number.
    pub about: String,
    /// Null where there is nothing to estimate from.
    pub interval: Option<Interval>,
    pub evidence: Option<Evidence>,
    /// The log evidence at which a claim is made.
    pub enough: f64,
    /// How many the estimate rests on, of how many; null for a mean.
    pub events: Option<u64>,
    pub trials: u64,
    pub dependence: Dependence,
    pub limit: f64,
    pub verdict: Verdict,
    /// Records that had been read when the claim was made.
    pub decided_after: Option<u64>,
    /// How the interval shrank.
    pub track: Vec<Moment>,
}

/// The interval that neither claim speaks against, in the unit of what is estimated.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    pub estimate: f64,
    pub lower: f64,
    pub upper: f64,
    /// Of both ends together.
    pub confidence: f64,
}

/// The log evidence for the two claims about the limit; null where it is without bound.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    pub beyond: Option<f64>,
    pub within: Option<f64>,
}

/// How many times more the estimate varies than that of independent values, and why.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dependence {
    pub factor: f64,
    pub cause: Cause,
}

/// In which way values go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    Independent,
    Keys,
    Time,
}

/// The interval after so many records: `[records, lower, estimate, upper]`, for a record holds hundreds of them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "(u64, f64, f64, f64)", into = "(u64, f64, f64, f64)")]
#[schemars(with = "(u64, f64, f64, f64)")]
pub struct Moment {
    pub records: u64,
    pub lower: f64,
    pub estimate: f64,
    pub upper: f64,
}

/// JSON has no other numbers.
pub(crate) fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

// === impl Check ===

impl Check {
    /// A value of this check as people read it.
    pub(crate) fn shown(&self, value: f64) -> String {
        match self.events {
            Some(_) => report::percent(value),
            None => report::number(value),
        }
    }

    /// The value in words, with the bounds and the limit.
    pub(crate) fn in_words(&self) -> String {
        let Some(interval) = &self.interval else {
            return format!("{}: nothing to judge from", self.name);
        };
        format!(
            "{} {} (between {} and {}, limit {})",
            self.shown(interval.estimate),
            self.about,
            self.shown(interval.lower),
            self.shown(interval.upper),
            self.shown(self.limit)
        )
    }
}

// === impl Interval ===

impl Interval {
    /// None where an end is without bound: that is nothing to judge from.
    pub(crate) fn of(interval: stats::Interval) -> Option<Self> {
        let stats::Interval { estimate, lower, upper, confidence } = interval;
        let is_bounded = [estimate, lower, upper].iter().all(|end| end.is_finite());
        is_bounded.then_some(Self { estimate, lower, upper, confidence })
    }
}

// === impl Evidence ===

impl From<stats::limit::Evidence> for Evidence {
    fn from(evidence: stats::limit::Evidence) -> Self {
        Self { beyond: finite(evidence.beyond), within: finite(evidence.within) }
    }
}

// === impl Dependence ===

impl From<stats::cluster::Dependence> for Dependence {
    fn from(found: stats::cluster::Dependence) -> Self {
        let cause = match found.cause {
            stats::cluster::Cause::Independent => Cause::Independent,
            stats::cluster::Cause::Keys => Cause::Keys,
            stats::cluster::Cause::Time => Cause::Time,
        };
        Self { factor: found.factor, cause }
    }
}

// === impl Moment ===

impl Moment {
    pub(crate) fn new(records: u64, bounds: Interval) -> Self {
        let Interval { lower, estimate, upper, .. } = bounds;
        Self { records, lower, estimate, upper }
    }
}

impl From<(u64, f64, f64, f64)> for Moment {
    fn from((records, lower, estimate, upper): (u64, f64, f64, f64)) -> Self {
        Self { records, lower, estimate, upper }
    }
}

impl From<Moment> for (u64, f64, f64, f64) {
    fn from(it: Moment) -> Self {
        (it.records, it.lower, it.estimate, it.upper)
    }
}
