//! What the event says of a validation.

use contract::Verdict;
use contract::results::{Check, Model, Validation};

use crate::checks::{self, Finding};
use crate::decide::Decision;
use crate::{Args, Given};

/// The result of a decision, for consumers of the event.
pub(crate) fn result(
    args: &Args,
    given: &Given,
    decision: &Decision,
    model: Model,
    champion: Option<Model>,
) -> Validation {
    Validation {
        model,
        kind: given.model.kind.name().to_owned(),
        size: given.model.size,
        champion,
        golden_records: given.golden.cases.len() as u64,
        holdout_records: given.holdout.labels.len() as u64,
        accuracy: decision.accuracy,
        min_accuracy: args.min_accuracy,
        checks: decision.checks.iter().map(check).collect(),
    }
}

fn check(check: &checks::Check) -> Check {
    Check {
        name: check.name.clone(),
        verdict: match check.outcome {
            Finding::Pass => Some(Verdict::Pass),
            Finding::Fail => Some(Verdict::Fail),
            Finding::Inconclusive => Some(Verdict::Inconclusive),
            Finding::NotRun => None,
        },
        why: (!check.why.is_empty()).then(|| check.why.clone()),
    }
}
