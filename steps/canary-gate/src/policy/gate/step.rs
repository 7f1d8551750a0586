//! One share of a canary, and what was seen at it.

use std::collections::BTreeMap;

use routes::{Route, Variant};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A share, from the writing of its route to the next.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Step {
    pub(crate) share: f64,
    pub(crate) generation: u64,
    /// Seconds since the gate began.
    pub(crate) written: f64,
    pub(crate) confirmed: Option<f64>,
    pub(crate) confirmed_by: Vec<String>,
    /// Answers of this generation count from these offsets of the predictions topic on.
    pub(crate) counted_from: BTreeMap<i32, i64>,
    /// Answers of this generation from before every scorer had confirmed.
    pub(crate) too_early: u64,
    pub(crate) champion: Counts,
    pub(crate) candidate: Counts,
    pub(crate) route: Route,
}

/// What was seen of one variant at one share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Counts {
    /// Records whose key was assigned to this variant.
    pub(crate) records: u64,
    /// Of these, answered by the other one because this one did not.
    pub(crate) fallbacks: u64,
    /// Own answers that were held against their label, by every critical metric that does so.
    pub(crate) labelled: u64,
    /// Records whose label is known and is not the answer's.
    pub(crate) errors: u64,
}

/// Records that are no evidence.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Skipped {
    /// Answers under other routes.
    pub(crate) foreign: u64,
    /// No prediction, or no business event.
    pub(crate) unreadable: u64,
    /// Answers of models that give no label.
    pub(crate) without_label: u64,
}

impl Step {
    /// Labelled answers of the variant that has fewer: without a baseline there is no evidence either.
    pub(crate) fn labelled(&self) -> u64 {
        self.champion.labelled.min(self.candidate.labelled)
    }

    pub(super) fn of(&mut self, variant: Variant) -> &mut Counts {
        match variant {
            Variant::Champion => &mut self.champion,
            Variant::Candidate => &mut self.candidate,
        }
    }
}

impl Counts {
    /// For a log.
    pub(crate) fn words(self) -> String {
        let [records, labelled, errors, fallbacks] =
            [self.records, self.labelled, self.errors, self.fallbacks].map(report::count);
        format!("{records} records, {labelled} labelled, {errors} wrong, {fallbacks} not answered")
    }

    /// Over all steps: champion, candidate.
    pub(crate) fn totals(steps: &[Step]) -> (Self, Self) {
        let sum = |of: fn(&Step) -> Self| steps.iter().map(of).fold(Self::default(), Self::plus);
        (sum(|step| step.champion), sum(|step| step.candidate))
    }

    fn plus(self, other: Self) -> Self {
        Self {
            records: self.records + other.records,
            fallbacks: self.fallbacks + other.fallbacks,
            labelled: self.labelled + other.labelled,
            errors: self.errors + other.errors,
        }
    }
}
