//! The verdict from the counts: pure, so that it can be reached again from a decision record.
//!
//! Every check makes one of two claims, never on a bare number: that the candidate is beyond its limit, or within.
//! Both are watched after every batch; the false-alarm rate is shared over the checks, and each claim holds however
//! often it is looked at, so reading may stop at any of them.

use contract::Verdict;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::alpha::Metric;
use stats::cluster::ClusteredMean;
use stats::limit::{Evidence, Watch};

use crate::check::{Check, Interval, Moment};
use crate::tally::{Rate, Tally};

/// What the candidate must keep.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    pub min_records: u64,
    pub disagreement: f64,
    pub score_shift: f64,
    pub error_rate: f64,
    /// Seconds a record.
    pub p99: f64,
    pub latency_ratio: Option<f64>,
    /// Null where the champion does not answer here, so that there is nothing to hold against the stream.
    pub champion_mismatch: Option<f64>,
    pub score_tolerance: f64,
    pub confidence: f64,
}

/// One question, and what was counted for it.
pub(crate) struct Question<'a> {
    pub name: &'static str,
    /// What it counts or measures, in words that follow a number.
    about: String,
    values: &'a ClusteredMean,
    /// How many of the values are events; none for a mean.
    events: Option<u64>,
    limit: f64,
    watch: Watch,
}

/// Says whether the others stand on solid ground; the first check, where it is asked.
const MISMATCH: &str = "champion as on the stream";
const DISAGREEMENT: &str = "disagreement";

/// All questions, in an order that does not change during a run.
pub(crate) fn questions<'a>(tally: &'a Tally, limits: &Limits) -> Vec<Question<'a>> {
    let latency = &tally.latency;
    let records = limits.min_records.max(1);
    let batches = (records / latency.batch as u64).max(1);
    // Tightest around the fewest records that may decide, so that what is clear is decided then.
    let watch = |tuned_for| Watch { alpha: 0.0, tuned_for };
    let rate = |name, about: &str, rate: &'a Rate, limit| {
        let (about, values, events) = (about.to_owned(), &rate.values, Some(rate.events));
        Question { name, about, values, events, limit, watch: watch(records) }
    };
    let mut questions = Vec::new();
    if let Some(limit) = limits.champion_mismatch {
        let about = "of the champion's answers differ from those on the stream";
        questions.push(rate(MISMATCH, about, &tally.mismatches, limit));
    }
    let about = "of the records are answered differently";
    questions.push(rate(DISAGREEMENT, about, &tally.disagreements, limits.disagreement));
    questions.push(Question {
        name: "score shift",
        about: "is the mean shift of the score".to_owned(),
        values: &tally.shift,
        events: None,
        limit: limits.score_shift,
        watch: watch(records),
    });
    let about = "of the records get no answer from the candidate";
    questions.push(rate("candidate's failures", about, &tally.failures, limits.error_rate));
    let about =
        format!("of the candidate's batches take more than {} ms a record", limits.p99 * 1e3);
    let slow = rate("p99 latency", &about, &latency.over_limit, 0.01);
    questions.push(Question { watch: watch(batches), ..slow });
    if let Some(ratio) = limits.latency_ratio {
        let about = format!("of the batches take the candidate over {ratio} times as long");
        // The median ratio is above the limit exactly when more than half of the batches are.
        let slower = rate("median latency ratio", &about, &latency.over_ratio, 0.5);
        questions.push(Question { watch: watch(batches), ..slower });
    }
    share_alpha(&mut questions, 1.0 - limits.confidence);
    questions
}

/// One promise: the chance of any wrong claim among all of them, at any time, is at most `alpha`.
fn share_alpha(questions: &mut [Question<'_>], alpha: f64) {
    let metric =
        |question: &Question<'_>| Metric { name: question.name.into(), weight: 1.0, slices: 0 };
    let metrics: Vec<Metric> = questions.iter().map(metric).collect();
    // A confidence outside of (0, 1) is refused with the flags; no claim is ever made at 0.
    let shares = stats::alpha::share(alpha, &metrics).unwrap_or_default();
    for (question, share) in questions.iter_mut().zip(shares) {
        question.watch.alpha = share.overall;
    }
}

impl Question<'_> {
    /// What the evidence has decided by now.
    pub(crate) fn claim(&self) -> Verdict {
        let enough = self.enough();
        match self.evidence() {
            Some(evidence) if evidence.beyond >= enough => Verdict::Fail,
            Some(evidence) if evidence.within >= enough => Verdict::Pass,
            _ => Verdict::Inconclusive,
        }
    }

    /// The interval that neither claim speaks against.
    pub(crate) fn bounds(&self) -> Option<Interval> {
        let bounds = match self.events {
            Some(_) => self.watch.rate_bounds(self.values),
            None => self.watch.mean_bounds(self.values),
        };
        bounds.ok().and_then(Interval::of)
    }

    /// The question as it stands, with the claim that was made after so many records, and the way there.
    pub(crate) fn checked(self, claim: Option<(Verdict, u64)>, track: Vec<Moment>) -> Check {
        Check {
            name: self.name.to_owned(),
            interval: self.bounds(),
            evidence: self.evidence().map(Into::into),
            enough: self.enough(),
            events: self.events,
            trials: self.values.count(),
            dependence: self.values.dependence().into(),
            limit: self.limit,
            verdict: claim.map_or(Verdict::Inconclusive, |(verdict, _)| verdict),
            decided_after: claim.map(|(_, records)| records),
            about: self.about,
            track,
        }
    }

    fn evidence(&self) -> Option<Evidence> {
        match self.events {
            Some(_) => self.watch.rate_evidence(self.values, self.limit).ok(),
            None => self.watch.mean_evidence(self.values, self.limit).ok(),
        }
    }

    fn enough(&self) -> f64 {
        -self.watch.alpha.ln()
    }
}

/// The verdict and its reason in one sentence. `planned` is how many records could have been read.
pub(crate) fn verdict(
    tally: &Tally,
    planned: u64,
    limits: &Limits,
    checks: &[Check],
) -> (Verdict, String) {
    let readable = tally.readable();
    if readable < limits.min_records {
        let reason = format!(
            "too few records: {readable} of the window's {} can be read, {} are needed",
            tally.records, limits.min_records
        );
        return (Verdict::Inconclusive, reason);
    }
    let with = |verdict| checks.iter().filter(move |check| check.verdict == verdict);
    // What follows compares with a champion that is not the live one: it proves nothing about the candidate.
    if let Some(blind) = with(Verdict::Fail).find(|check| check.name == MISMATCH) {
        let example = tally.live.first_mismatch.as_deref().unwrap_or_default();
        let reason = format!(
            "the shadow does not see what the live stream sees: {} (first: {example})",
            blind.in_words()
        );
        return (Verdict::Inconclusive, reason);
    }
    let list = |verdict| with(verdict).map(Check::in_words).collect::<Vec<_>>().join("; ");
    let after = match tally.records < planned {
        true => format!("after {} of {}", report::count(tally.records), report::count(planned)),
        false => format!("over {}", report::count(tally.records)),
    };
    if with(Verdict::Fail).next().is_some() {
        return (Verdict::Fail, format!("{}; decided {after} records", list(Verdict::Fail)));
    }
    if with(Verdict::Inconclusive).next().is_some() {
        let open = list(Verdict::Inconclusive);
        return (Verdict::Inconclusive, format!("not enough evidence {after} records: {open}"));
    }
    let shares = with(Verdict::Pass).find(|check| check.name == DISAGREEMENT);
    let shares = shares.map(Check::in_words).unwrap_or_default();
    (Verdict::Pass, format!("all {} checks hold {after} records; {shares}", checks.len()))
}

#[cfg(test)]
#[path = "decide_tests.rs"]
pub(crate) mod tests;
