//! The z-test of two proportions, made for one look and looked at every minute.
//!
//! `z = (p_c - p_b) / sqrt(p (1-p) (1/n_c + 1/n_b))` with the pooled rate p over all records so far;
//! rollback at z >= 1.645, the one-sided 5 % of a single look. Asked once each model has answered 30
//! records and 5 failed, the rule of thumb below which textbooks do not use it. Promotes at the end.

use crate::judge::{Judge, Look, Verdict};
use crate::scenario::MINUTES;
use crate::stream::{Arm, History, Minute};

pub(crate) const THRESHOLD: f64 = 1.6448536;

pub(crate) fn start(_: &History) -> Box<dyn Judge> {
    Box::new(FixedZ::default())
}

#[derive(Default)]
struct FixedZ {
    candidate: Arm,
    champion: Arm,
}

impl Judge for FixedZ {
    fn look(&mut self, minutes: &[Minute]) -> Look {
        if let Some(minute) = minutes.last() {
            self.candidate.add(minute.candidate);
            self.champion.add(minute.champion);
        }
        let score = z(self.candidate, self.champion);
        let verdict = match score {
            z if z >= THRESHOLD => Verdict::Rollback,
            _ if minutes.len() == MINUTES => Verdict::Promote,
            _ => Verdict::Open,
        };
        Look::at_minute(verdict, score)
    }
}

impl Arm {
    pub(crate) fn add(&mut self, more: Arm) {
        self.records += more.records;
        self.failures += more.failures;
    }
}

fn z(candidate: Arm, champion: Arm) -> f64 {
    let failures = candidate.failures + champion.failures;
    if candidate.records < 30 || champion.records < 30 || failures < 5 {
        return f64::NEG_INFINITY;
    }
    let (n_c, n_b) = (candidate.records as f64, champion.records as f64);
    let pooled = failures as f64 / (n_c + n_b);
    let difference = candidate.failures as f64 / n_c - champion.failures as f64 / n_b;
    difference / (pooled * (1.0 - pooled) * (1.0 / n_c + 1.0 / n_b)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let arm = |records, failures| Arm { records, failures };
        // 0.06 against 0.04 of 1,000: 0.02 / sqrt(0.05 * 0.95 * 0.002).
        let expected = 0.02 / (0.05f64 * 0.95 * 0.002).sqrt();
        assert!((z(arm(1000, 60), arm(1000, 40)) - expected).abs() < 1e-12);
        assert_eq!(z(arm(29, 5), arm(1000, 40)), f64::NEG_INFINITY);
        assert_eq!(z(arm(1000, 4), arm(1000, 0)), f64::NEG_INFINITY);
    }
}
