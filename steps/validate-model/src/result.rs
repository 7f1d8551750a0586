//! What the event says of a validation.

use contract::Verdict;
use contract::results::{Check, Model, Validation};

use crate::checks::{self, Finding};
use crate::decide::Decision;
use crate::{Args, Champion, Given};

/// The result of a decision, for consumers of the event.
pub(crate) fn result(args: &Args, given: &Given, decision: &Decision) -> Validation {
    let model = &given.model;
    let champion = given.champion.as_ref().map(|champion| match &args.champion {
        Some(Champion::File(file)) => Model::of_file(&champion.sha256, &file.to_string()),
        _ => Model { digest: champion.sha256.clone(), name: None, image: None },
    });
    Validation {
        model: Model::of_file(&model.sha256, &args.model.to_string()),
        kind: model.kind.name().to_owned(),
        size: model.size,
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
        name: check.name.to_owned(),
        verdict: match check.outcome {
            Finding::Pass => Some(Verdict::Pass),
            Finding::Fail => Some(Verdict::Fail),
            Finding::Inconclusive => Some(Verdict::Inconclusive),
            Finding::NotRun => None,
        },
        why: (!check.why.is_empty()).then(|| check.why.clone()),
    }
}
