//! What the event says of a comparison.

use contract::results::{Interval, Model, Range, Shadow, ShadowCheck};

use crate::check::Check;
use crate::decide::Limits;
use crate::tally::Tally;

/// Of a candidate that was not compared.
pub(crate) fn not_compared(limits: &Limits, candidate: Model) -> Shadow {
    Shadow {
        model: candidate,
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
    candidate: &Model,
    champion: &Model,
    window: Vec<Range>,
    tally: &Tally,
    checks: &[Check],
    limits: &Limits,
) -> Shadow {
    let (pairs, disagreements) = (tally.pairs(), tally.disagreements.events);
    Shadow {
        model: candidate.clone(),
        champion: Some(champion.clone()),
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
        name: check.name.clone(),
        verdict: check.verdict,
        limit: check.limit,
        interval: check.interval.map(|interval| Interval::new(interval.lower, interval.upper)),
        events: check.events,
        trials: check.trials,
    }
}
