//! The verdict from the counts: pure, so that it can be reached again from a decision record.
//!
//! Every check compares a bound, never a bare number: it fails only when the whole interval is beyond its limit
//! and passes only when the whole interval is within. The intervals of all checks hold together with the stated
//! confidence (Bonferroni).

use contract::Verdict;
use serde::Serialize;
use stats::Interval;
use stats::proportion::clopper_pearson;
use stats::score_shift::mean_interval_of;

use crate::tally::Tally;

/// What the candidate must keep.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Limits {
    pub min_records: u64,
    pub disagreement: f64,
    pub score_shift: f64,
    pub error_rate: f64,
    /// Seconds a record.
    pub p99: f64,
    pub latency_ratio: Option<f64>,
    pub champion_mismatch: f64,
    pub score_tolerance: f64,
    pub confidence: f64,
}

/// One question with its answer.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Check {
    pub name: &'static str,
    /// What it counts or measures, in words that follow a number.
    pub about: String,
    /// None where there is nothing to estimate from.
    pub interval: Option<Interval>,
    /// How many the estimate rests on, of how many.
    pub events: Option<u64>,
    pub trials: u64,
    pub limit: f64,
    pub outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    Pass,
    Fail,
    Inconclusive,
}

/// The names of the checks, as reports and reasons tell them.
pub(crate) const MISMATCH: &str = "champion as on the stream";

/// All checks; the first one tells whether the others stand on solid ground.
pub(crate) fn checks(tally: &Tally, limits: &Limits) -> Vec<Check> {
    let number = if limits.latency_ratio.is_some() { 6.0 } else { 5.0 };
    let confidence = 1.0 - (1.0 - limits.confidence) / number;
    let rate = |name, about: &str, events, trials, limit| {
        Check::rate(name, about.into(), events, trials, limit, confidence)
    };
    let (live, latency, readable) = (&tally.live, &tally.latency, tally.readable());
    let mut checks = vec![
        rate(
            MISMATCH,
            "of the champion's answers differ from those on the stream",
            live.mismatches,
            live.compared,
            limits.champion_mismatch,
        ),
        rate(
            "disagreement",
            "of the records are answered differently",
            tally.disagreements,
            tally.pairs,
            limits.disagreement,
        ),
        Check::shift(tally, limits.score_shift, confidence),
        rate(
            "candidate's failures",
            "of the records get no answer from the candidate",
            tally.candidate_failures.count,
            readable,
            limits.error_rate,
        ),
        rate(
            "p99 latency",
            &format!("of the candidate's batches take more than {} ms a record", limits.p99 * 1e3),
            latency.over_limit,
            latency.timed,
            0.01,
        ),
    ];
    if let Some(ratio) = limits.latency_ratio {
        let about = format!("of the batches take the candidate over {ratio} times as long");
        // The median ratio is above the limit exactly when more than half of the batches are.
        checks.push(rate("median latency ratio", &about, latency.over_ratio, latency.timed, 0.5));
    }
    checks
}

/// The verdict and its reason in one sentence.
pub(crate) fn verdict(tally: &Tally, limits: &Limits, checks: &[Check]) -> (Verdict, String) {
    let readable = tally.readable();
    if readable < limits.min_records {
        let reason = format!(
            "too few records: {readable} of the window's {} can be read, {} are needed",
            tally.records, limits.min_records
        );
        return (Verdict::Inconclusive, reason);
    }
    let with = |outcome| checks.iter().filter(move |check| check.outcome == outcome);
    // What follows compares with a champion that is not the live one: it proves nothing about the candidate.
    if let Some(blind) = with(Outcome::Fail).find(|check| check.name == MISMATCH) {
        let example = tally.live.first_mismatch.as_deref().unwrap_or_default();
        let reason = format!(
            "the shadow does not see what the live stream sees: {} (first: {example})",
            blind.told()
        );
        return (Verdict::Inconclusive, reason);
    }
    let list = |outcome| with(outcome).map(Check::told).collect::<Vec<_>>().join("; ");
    if with(Outcome::Fail).next().is_some() {
        return (Verdict::Fail, list(Outcome::Fail));
    }
    if with(Outcome::Inconclusive).next().is_some() {
        return (
            Verdict::Inconclusive,
            format!("not enough evidence: {}", list(Outcome::Inconclusive)),
        );
    }
    let shares = with(Outcome::Pass).find(|check| check.name == "disagreement");
    let told = shares.map(Check::told).unwrap_or_default();
    (Verdict::Pass, format!("all {} checks hold over {readable} records; {told}", checks.len()))
}

impl Check {
    fn rate(
        name: &'static str,
        about: String,
        events: u64,
        trials: u64,
        limit: f64,
        confidence: f64,
    ) -> Self {
        let interval = clopper_pearson(events, trials, confidence).ok();
        let outcome = match &interval {
            Some(interval) if interval.upper <= limit => Outcome::Pass,
            Some(interval) if interval.lower > limit => Outcome::Fail,
            _ => Outcome::Inconclusive,
        };
        Self { name, about, interval, events: Some(events), trials, limit, outcome }
    }

    fn shift(tally: &Tally, limit: f64, confidence: f64) -> Self {
        let shift = &tally.shift;
        let interval = mean_interval_of(shift.moments(), shift.count, confidence).ok();
        let outcome = match &interval {
            Some(interval) if interval.upper <= limit && interval.lower >= -limit => Outcome::Pass,
            Some(interval) if interval.lower > limit || interval.upper < -limit => Outcome::Fail,
            _ => Outcome::Inconclusive,
        };
        let about = "is the mean shift of the score".to_owned();
        Self {
            name: "score shift",
            about,
            interval,
            events: None,
            trials: shift.count,
            limit,
            outcome,
        }
    }

    /// The value in words, with the bounds and the limit.
    fn told(&self) -> String {
        let Some(interval) = &self.interval else {
            return format!("{}: nothing to judge from", self.name);
        };
        let shown = |value| match self.events {
            Some(_) => report::percent(value),
            None => report::number(value),
        };
        format!(
            "{} {} (between {} and {}, limit {})",
            shown(interval.estimate),
            self.about,
            shown(interval.lower),
            shown(interval.upper),
            shown(self.limit)
        )
    }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
