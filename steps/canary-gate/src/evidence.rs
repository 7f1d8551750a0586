//! The evidence: what failed, whose it was, and what that proves.
//!
//! Two metrics are held against harm, label errors and failures to answer, each by an e-process whose null
//! hypothesis is "at most `1 + margin` times as often as the champion". One e-process holds the opposite for label
//! errors, "at least `1 + margin` times as often"; rejecting that one is what a pass rests on.

use routes::Variant;
use serde::Serialize;
use stats::sequential::{CountTest, Side, threshold};

use crate::answer::Answer;
use crate::bursts::Bursts;
use crate::plan::Plan;
use crate::trace::Point;

/// Label errors, and failures to answer.
const METRICS: usize = 2;

/// The chance that a failure is the candidate's where each of its answers has one of the champion's beside it.
pub(crate) const EVEN: f64 = 0.5;

/// The three e-processes.
#[derive(Debug)]
pub(crate) struct Evidence {
    pub(crate) label_harm: CountTest,
    pub(crate) label_safe: CountTest,
    pub(crate) failure_harm: CountTest,
    /// ln(K/alpha): either metric may raise the alarm.
    pub(crate) harm_limit: f64,
    /// ln(1/alpha): one claim, on one metric.
    pub(crate) safe_limit: f64,
    label_bursts: Bursts,
    failure_bursts: Bursts,
}

/// A metric that shows harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Metric {
    LabelErrors,
    AnswerFailures,
}

impl Evidence {
    pub(crate) fn new(plan: &Plan) -> Self {
        let test = |side| {
            CountTest::new(side, plan.margin).expect("a plan's margin is finite and not negative")
        };
        Self {
            label_harm: test(Side::Harm),
            label_safe: test(Side::Safe),
            failure_harm: test(Side::Harm),
            harm_limit: threshold(plan.alpha, METRICS),
            safe_limit: threshold(plan.alpha, 1),
            label_bursts: Bursts::new(plan.burst),
            failure_bursts: Bursts::new(plan.burst),
        }
    }

    /// The answer was wrong; `share` was in force when it was given.
    pub(crate) fn label_error(&mut self, answer: &Answer, share: f64) {
        if self.label_bursts.counts(answer.key, answer.at_ms) {
            observe(&mut self.label_harm, answer.drawn, share);
            observe(&mut self.label_safe, answer.drawn, share);
        }
    }

    /// One answer of the candidate beside one of the champion's past: which of the two were wrong.
    ///
    /// Both had the same chance to fail if both models fail equally often, so each failure is the candidate's with
    /// probability one half. Failures within one pair do not exclude each other, which only takes evidence away: with
    /// failure rates `p` and `q` and factors `a >= 1 >= b` of the two kinds of event, the expected factor of a pair at
    /// the border of the hypothesis is `1 + p q (a - 1)(b - 1) <= 1`, so it stays an e-process. It may be looked at
    /// between pairs; the order within one is such that the peak never stands between its two events.
    pub(crate) fn pair(&mut self, answer: &Answer, candidate_wrong: bool, champion_wrong: bool) {
        let candidate_wrong = candidate_wrong && self.label_bursts.counts(answer.key, answer.at_ms);
        if champion_wrong {
            observe(&mut self.label_harm, Variant::Champion, EVEN);
        }
        if candidate_wrong {
            observe(&mut self.label_harm, Variant::Candidate, EVEN);
            observe(&mut self.label_safe, Variant::Candidate, EVEN);
        }
        if champion_wrong {
            observe(&mut self.label_safe, Variant::Champion, EVEN);
        }
    }

    /// The model did not answer; `share` was in force.
    pub(crate) fn failure(&mut self, answer: &Answer, share: f64) {
        if self.failure_bursts.counts(answer.key, answer.at_ms) {
            observe(&mut self.failure_harm, answer.drawn, share);
        }
    }

    /// The metric that proves harm, if one does. A proof stands, whatever is seen later.
    pub(crate) fn harm(&self) -> Option<Metric> {
        if self.label_harm.peak_log_e() >= self.harm_limit {
            return Some(Metric::LabelErrors);
        }
        (self.failure_harm.peak_log_e() >= self.harm_limit).then_some(Metric::AnswerFailures)
    }

    /// Whether it is proven that the candidate errs less than `1 + margin` times as often.
    pub(crate) fn is_safe(&self) -> bool {
        self.label_safe.peak_log_e() >= self.safe_limit
    }

    /// Events left out because their key had just failed.
    pub(crate) fn repeated(&self) -> u64 {
        self.label_bursts.repeated + self.failure_bursts.repeated
    }

    pub(crate) fn point(&self, at: f64) -> Point {
        Point {
            at,
            label_harm: self.label_harm.log_e(),
            failure_harm: self.failure_harm.log_e(),
            label_safe: self.label_safe.log_e(),
        }
    }
}

fn observe(test: &mut CountTest, drawn: Variant, share: f64) {
    test.observe(drawn == Variant::Candidate, share)
        .expect("a plan's shares lie between 0 and 1, where both models answer");
}
