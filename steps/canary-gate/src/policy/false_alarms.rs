//! False alarms on your stream: the champion's label errors, split by chance again and
//! again, each split judged as a canary would be.
//!
//! A canary of the champion beside itself is one trial. The keys that it saw can be dealt out anew with another salt, in
//! as many ways as one likes, and each way is a canary with no harm in it; so the part that alarms is the false-alarm
//! rate, with the stream's own clusters and rhythm. Pure.

use std::cell::OnceCell;

use contract::Verdict;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::counted::{CountedMetric, Decision};
use stats::proportion::clopper_pearson;
use stats::random::{GOLDEN, mix, unit};

use crate::policy::metrics::spec::Of;
use crate::policy::plan::Plan;
use crate::policy::stream_profile::StreamProfile;

/// More failures than this are left out, the latest ones.
const MAX_FAILURES: usize = 200_000;

/// What was seen, to be dealt out.
#[derive(Debug)]
pub(crate) struct Alarms {
    fresh: CountedMetric,
    alpha: f64,
    trials: u32,
    log: Vec<Logged>,
    left_out: u64,
    /// What the splits of this log said, once somebody asked.
    counted: OnceCell<Counted>,
}

#[derive(Clone, Copy, Debug)]
enum Logged {
    Failure { key: u64, share: f64 },
    Batch { share: f64 },
}

/// What the splits said.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Counted {
    pub(crate) trials: u32,
    /// Splits that were called harmful, and those called safe.
    pub(crate) harmful: u32,
    pub(crate) safe: u32,
    /// Failures that were dealt out.
    pub(crate) failures: u64,
    pub(crate) left_out: u64,
    /// The part that alarmed.
    pub(crate) rate: Rate,
    /// What was promised.
    pub(crate) alpha: f64,
}

/// A part of all, with 95 % confidence.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Rate {
    pub(crate) estimate: f64,
    pub(crate) lower: f64,
    pub(crate) upper: f64,
}

impl Alarms {
    pub(crate) fn new(plan: &Plan, profile: &StreamProfile) -> Self {
        let place =
            plan.metrics.iter().position(|metric| metric.of == Of::LabelErrors).unwrap_or(0);
        let alpha = plan.alphas()[place].overall;
        let counted = crate::policy::forecast::counted(plan, profile, place, alpha);
        let fresh = CountedMetric::new(&counted).expect("a plan's margins and shares make sense");
        let trials = plan.trials;
        Self { fresh, alpha, trials, log: Vec::new(), left_out: 0, counted: OnceCell::new() }
    }

    /// A record of this key was answered wrongly, by whichever of the two.
    pub(crate) fn failed(&mut self, key: u64, share: f64) {
        self.counted.take();
        if self.log.len() < MAX_FAILURES {
            self.log.push(Logged::Failure { key, share });
        } else {
            self.left_out += 1;
        }
    }

    /// A batch is over.
    pub(crate) fn end_batch(&mut self, share: f64) {
        self.counted.take();
        self.log.push(Logged::Batch { share });
    }

    /// Deals the keys out and judges each split.
    pub(crate) fn count(&self) -> Counted {
        *self.counted.get_or_init(|| self.deal())
    }

    fn deal(&self) -> Counted {
        let (mut harmful, mut safe) = (0, 0);
        for salt in 0..self.trials {
            let mut metric = self.fresh.clone();
            for logged in &self.log {
                match *logged {
                    Logged::Failure { key, share } => {
                        let candidate = position(key, salt) < share;
                        metric.observe(candidate, share, key).expect("a plan's shares are shares");
                    }
                    Logged::Batch { share } => metric.end_batch(share),
                }
            }
            harmful += u32::from(metric.is_proven(Decision::Harmful));
            safe += u32::from(metric.is_proven(Decision::Safe));
        }
        let failures = self.log.iter().filter(|logged| matches!(logged, Logged::Failure { .. }));
        let trials = u64::from(self.trials);
        let rate = clopper_pearson(u64::from(harmful), trials, 0.95)
            .expect("a plan of an a-a run has trials");
        Counted {
            trials: self.trials,
            harmful,
            safe,
            failures: failures.count() as u64,
            left_out: self.left_out,
            rate: Rate { estimate: rate.estimate, lower: rate.lower, upper: rate.upper },
            alpha: self.alpha,
        }
    }
}

impl Counted {
    /// The promise is broken only where the data show that it is.
    pub(crate) fn verdict(&self) -> Verdict {
        if self.failures == 0 {
            Verdict::Inconclusive
        } else if self.rate.lower > self.alpha {
            Verdict::Fail
        } else {
            Verdict::Pass
        }
    }
}

/// Where a key falls in [0, 1) with this salt; the same for each record of the key, as in the scorer's split.
fn position(key: u64, salt: u32) -> f64 {
    unit(mix(key ^ (u64::from(salt) + 1).wrapping_mul(GOLDEN)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(keys: u64) -> Counted {
        let plan = Plan { trials: 300, ..Plan::for_tests() };
        let mut alarms = Alarms::new(&plan, &StreamProfile::nothing(&plan));
        for n in 0..2_000u64 {
            let key = crate::records::hash(&(n % keys).to_le_bytes());
            alarms.failed(key, if n < 500 { 0.1 } else { 0.5 });
            if n % 50 == 49 {
                alarms.end_batch(if n < 500 { 0.1 } else { 0.5 });
            }
        }
        alarms.count()
    }

    #[test]
    fn splits_of_one_model_seldom_alarm_with_keys_that_come_again_too() {
        for keys in [u64::MAX, 100] {
            let counted = counted(keys);
            assert!(counted.rate.estimate <= 0.05, "{keys}: {counted:?}");
            assert_eq!((counted.verdict(), counted.failures), (Verdict::Pass, 2_000));
        }
    }

    #[test]
    fn without_a_failure_nothing_was_measured() {
        let plan = Plan::for_tests();
        let counted = Alarms::new(&plan, &StreamProfile::nothing(&plan)).count();
        assert_eq!(counted.verdict(), Verdict::Inconclusive);
    }
}
