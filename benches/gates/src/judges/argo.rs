//! Argo Rollouts' analysis run with one metric, set as its documentation shows.
//!
//! Every 5 minutes the candidate's failure rate over the last 5 minutes is measured and held against
//! a fixed limit, `successCondition: result <= limit`. Above it the measurement is *Failed*; NaN (no
//! records) satisfies nothing, so it is *Failed* too. The metric fails, and the rollout is aborted,
//! once more than `failureLimit` measurements have failed (3 in the documentation's example, 0 by
//! default). A run that ends otherwise is *Successful*. The champion's rate plays no part: the limit
//! is what a team would set beforehand, here twice the rate of the last twelve hours.
//! Source: argo-rollouts analysis/analysis.go (assessMetricStatus), utils/evaluate, docs/features.

use crate::judge::{Judge, Look, Verdict};
use crate::scenario::MINUTES;
use crate::stream::{Arm, History, Minute};

const INTERVAL: usize = 5;
const FAILURE_LIMIT: usize = 3;

pub(crate) fn start(history: &History) -> Box<dyn Judge> {
    let limit = 2.0 * history.base_rate;
    Box::new(AnalysisRun::new(limit, INTERVAL, MINUTES / INTERVAL, FAILURE_LIMIT))
}

struct AnalysisRun {
    limit: f64,
    interval: usize,
    count: usize,
    failure_limit: usize,
    /// What was measured; NaN as infinity, which no limit excuses.
    measured: Vec<f64>,
}

impl AnalysisRun {
    fn new(limit: f64, interval: usize, count: usize, failure_limit: usize) -> Self {
        Self { limit, interval, count, failure_limit, measured: Vec::new() }
    }

    fn measure(&mut self, window: Arm) {
        let rate = window.failures as f64 / window.records as f64;
        self.measured.push(if rate.is_nan() { f64::INFINITY } else { rate });
    }

    fn verdict(&self) -> Verdict {
        let failed = self.measured.iter().filter(|&&rate| rate > self.limit).count();
        if failed > self.failure_limit {
            Verdict::Rollback
        } else if self.measured.len() >= self.count {
            Verdict::Promote
        } else {
            Verdict::Open
        }
    }
}

impl Judge for AnalysisRun {
    fn look(&mut self, minutes: &[Minute]) -> Look {
        if minutes.len().is_multiple_of(self.interval) {
            let mut window = Arm::default();
            let from = minutes.len() - self.interval;
            minutes[from..].iter().for_each(|minute| window.add(minute.candidate));
            self.measure(window);
        }
        Look::at_minute(self.verdict(), nth_largest(&self.measured, self.failure_limit + 1))
    }
}

/// With any limit below this, `n` measurements have failed.
pub(crate) fn nth_largest(values: &[f64], n: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    sorted.get(n - 1).copied().unwrap_or(f64::NEG_INFINITY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Laws as _, seeded};

    fn run(limit: f64, failure_limit: usize, windows: &[(u64, u64)]) -> Verdict {
        let mut run = AnalysisRun::new(limit, 1, windows.len(), failure_limit);
        for &(records, failures) in windows {
            run.measure(Arm { records, failures });
            if run.verdict() != Verdict::Open {
                break;
            }
        }
        run.verdict()
    }

    #[test]
    fn more_than_the_limit_must_fail_and_nothing_is_no_success() {
        assert_eq!(run(0.05, 0, &[(100, 5); 5]), Verdict::Promote);
        assert_eq!(run(0.05, 0, &[(100, 5), (100, 6)]), Verdict::Rollback);
        assert_eq!(run(0.05, 1, &[(100, 6), (100, 5)]), Verdict::Promote);
        assert_eq!(run(0.05, 0, &[(0, 0)]), Verdict::Rollback);
    }

    #[test]
    fn a_healthy_candidate_is_aborted_as_often_as_was_found() {
        // "error rate <= 5 %", count 5, failureLimit 0, a candidate with 1 %.
        for (records, expected) in [(5, 0.22), (10, 0.40), (20, 0.08), (50, 0.07), (100, 0.003)] {
            let mut random = seeded(9);
            let runs = 4000;
            let aborted = (0..runs)
                .filter(|_| {
                    let windows = [0; 5].map(|_| (records, random.binomial(records, 0.01)));
                    run(0.05, 0, &windows) == Verdict::Rollback
                })
                .count();
            let rate = aborted as f64 / f64::from(runs);
            assert!((rate - expected).abs() < 0.025, "{records} a measurement: {rate}");
        }
    }

    #[test]
    fn four_times_the_errors_pass_a_fixed_limit() {
        let mut random = seeded(10);
        let passed = (0..2000)
            .filter(|_| {
                let windows = [0; 5].map(|_| (1000, random.binomial(1000, 0.04)));
                run(0.05, 0, &windows) == Verdict::Promote
            })
            .count();
        assert!((1480..=1640).contains(&passed), "{passed} of 2000");
    }
}
