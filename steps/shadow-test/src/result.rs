//! What the event says of a comparison.

use contract::Verdict;
use contract::results::{Interval, Model, Range, Shadow, ShadowCheck};

use crate::Args;
use crate::decide::{Check, Limits, Outcome};
use crate::models::Found;
use crate::tally::Tally;

/// Of a candidate, known by a digest or its image, that was not compared.
pub(crate) fn refused(args: &Args, model: &str) -> Shadow {
    let limits = args.limits();
    let file = args.model.as_ref().map(ToString::to_string);
    let model = match (&args.image, file) {
        (Some(image), _) => Model::of_image(model, image),
        (None, Some(file)) => Model::of_file(model, &file),
        (None, None) => Model { digest: model.to_owned(), name: None, image: None },
    };
    Shadow {
        model,
        champion: None,
        compared: false,
        window: Vec::new(),
        records: 0,
        unreadable: 0,
        pairs: 0,
        disagreements: 0,
        disagreement: None,
        candidate_failures: 0,
        champion_failures: 0,
        min_records: limits.min_records,
        confidence: limits.confidence,
        checks: Vec::new(),
    }
}

/// Of a comparison.
pub(crate) fn compared(
    candidate: &Found,
    champion: &Found,
    window: Vec<Range>,
    tally: &Tally,
    checks: &[Check],
    limits: &Limits,
) -> Shadow {
    let (pairs, disagreements) = (tally.pairs(), tally.disagreements.events);
    Shadow {
        model: candidate.model(),
        champion: Some(champion.model()),
        compared: true,
        window,
        records: tally.records,
        unreadable: tally.undecodable,
        pairs,
        disagreements,
        disagreement: (pairs > 0).then(|| disagreements as f64 / pairs as f64),
        candidate_failures: tally.failures.events,
        champion_failures: tally.champion_failures.count,
        min_records: limits.min_records,
        confidence: limits.confidence,
        checks: checks.iter().map(check).collect(),
    }
}

fn check(check: &Check) -> ShadowCheck {
    ShadowCheck {
        name: check.name.to_owned(),
        verdict: match check.outcome {
            Outcome::Pass => Verdict::Pass,
            Outcome::Fail => Verdict::Fail,
            Outcome::Inconclusive => Verdict::Inconclusive,
        },
        limit: check.limit,
        interval: check.interval.map(|interval| Interval::new(interval.lower, interval.upper)),
        events: check.events,
        trials: check.trials,
    }
}
