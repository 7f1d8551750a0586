//! Flagger's checks with one metric.
//!
//! Every minute the candidate's failure rate over that minute is held against a fixed range. A value
//! outside, or no value, is a failed check. Failed checks add up and are never forgiven; when their
//! number has reached `threshold` (5 in its documentation's examples), the next tick rolls back. With
//! none failed in a tick the weight grows; here all gates share one plan. The limit is what a team
//! would set beforehand, twice the champion's rate of the last twelve hours.
//! Source: flagger pkg/controller/scheduler.go and scheduler_metrics.go.

use super::argo::nth_largest;
use crate::judge::{Judge, Look, Verdict};
use crate::scenario::MINUTES;
use crate::stream::{Arm, History, Minute};

const THRESHOLD: usize = 5;

pub(crate) fn start(history: &History) -> Box<dyn Judge> {
    Box::new(Checks { limit: 2.0 * history.base_rate, threshold: THRESHOLD, measured: Vec::new() })
}

struct Checks {
    limit: f64,
    threshold: usize,
    /// What was measured; no value as infinity.
    measured: Vec<f64>,
}

impl Checks {
    /// One tick: rolls back on the checks before, then makes its own.
    fn tick(&mut self, window: Arm) -> Look {
        let score = nth_largest(&self.measured, self.threshold);
        let failed = self.measured.iter().filter(|&&rate| rate > self.limit).count();
        let rate = window.failures as f64 / window.records as f64;
        self.measured.push(if rate.is_nan() { f64::INFINITY } else { rate });
        let verdict = if failed >= self.threshold {
            Verdict::Rollback
        } else if self.measured.len() == MINUTES {
            Verdict::Promote
        } else {
            Verdict::Open
        };
        Look::at_minute(verdict, score)
    }
}

impl Judge for Checks {
    fn look(&mut self, minutes: &[Minute]) -> Look {
        self.tick(minutes.last().map(|minute| minute.candidate).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Laws as _, seeded};

    fn checks(limit: f64, threshold: usize) -> Checks {
        Checks { limit, threshold, measured: Vec::new() }
    }

    #[test]
    fn the_tick_after_the_last_failed_check_rolls_back() {
        let mut checks = checks(0.01, 2);
        let (good, bad) = (Arm { records: 100, failures: 1 }, Arm { records: 100, failures: 2 });
        let verdicts: Vec<Verdict> =
            [bad, good, bad, good].map(|window| checks.tick(window).verdict).into();
        assert_eq!(verdicts, [Verdict::Open, Verdict::Open, Verdict::Open, Verdict::Rollback]);
    }

    #[test]
    fn no_value_is_a_failed_check() {
        let mut checks = checks(1.0, 1);
        checks.tick(Arm::default());
        assert_eq!(checks.tick(Arm::default()).verdict, Verdict::Rollback);
    }

    #[test]
    fn a_healthy_candidate_is_rolled_back_as_often_as_was_found() {
        // Success of at least 99 %, 10 steps, a candidate with 0.5 % errors.
        for (records, threshold, expected) in
            [(20, 1, 0.63), (50, 1, 0.92), (100, 1, 0.61), (500, 1, 0.35), (50, 5, 0.18)]
        {
            let mut random = seeded(11);
            let runs = 3000;
            let rolled_back = (0..runs)
                .filter(|_| {
                    let mut checks = checks(0.01, threshold);
                    let mut passed = 0;
                    // A failed check does not advance, so ten have to pass.
                    while passed < 10 {
                        let failures = random.binomial(records, 0.005);
                        passed += u32::from(failures as f64 / records as f64 <= 0.01);
                        if checks.tick(Arm { records, failures }).verdict == Verdict::Rollback {
                            return true;
                        }
                    }
                    false
                })
                .count();
            let rate = rolled_back as f64 / f64::from(runs);
            assert!((rate - expected).abs() < 0.04, "{records} {threshold}: {rate}");
        }
    }
}
