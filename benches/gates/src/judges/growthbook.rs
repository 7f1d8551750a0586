//! GrowthBook's sequential test: an asymptotic confidence sequence of the relative difference.
//!
//! Per look: lift `m_c / m_b - 1`, its variance by the delta method,
//! `v_c / (n_c m_b^2) + v_b m_c^2 / (n_b m_b^4)`, and the half width
//! `sqrt(s^2) sqrt(2 (n rho^2 + 1) ln(sqrt(n rho^2 + 1) / alpha) / (n rho)^2)` with n all records,
//! `s^2 = n SE^2`, `rho = sqrt((-2 ln alpha + ln(-2 ln alpha + 1)) / N*)`, N* = 5,000, alpha = 0.05,
//! two-sided. Rollback when the whole interval is above 0; promotes at the end.
//! Source: growthbook's gbstats (frequentist tests, sequential), its own test constants below.

use crate::judge::{Judge, Look, Verdict};
use crate::scenario::MINUTES;
use crate::stream::{Arm, History, Minute};

const ALPHA: f64 = 0.05;
const TUNED_FOR: f64 = 5000.0;

pub(crate) fn start(_: &History) -> Box<dyn Judge> {
    Box::new(GrowthBook::default())
}

#[derive(Default)]
struct GrowthBook {
    candidate: Arm,
    champion: Arm,
}

impl Judge for GrowthBook {
    fn look(&mut self, minutes: &[Minute]) -> Look {
        if let Some(minute) = minutes.last() {
            self.candidate.add(minute.candidate);
            self.champion.add(minute.champion);
        }
        let interval = interval(self.candidate, self.champion, TUNED_FOR);
        let (verdict, score) = match interval {
            Some((lift, half)) if lift - half > 0.0 => (Verdict::Rollback, lift / half),
            Some((lift, half)) => (Verdict::Open, lift / half),
            None => (Verdict::Open, f64::NEG_INFINITY),
        };
        let is_over = verdict == Verdict::Open && minutes.len() == MINUTES;
        Look::at_minute(if is_over { Verdict::Promote } else { verdict }, score)
    }
}

/// The lift and half the width of its interval; none without failures of both.
fn interval(candidate: Arm, champion: Arm, tuned_for: f64) -> Option<(f64, f64)> {
    if candidate.failures == 0 || champion.failures == 0 {
        return None;
    }
    let (n_c, n_b) = (candidate.records as f64, champion.records as f64);
    let (m_c, m_b) = (candidate.failures as f64 / n_c, champion.failures as f64 / n_b);
    let (v_c, v_b) = (m_c * (1.0 - m_c), m_b * (1.0 - m_b));
    let variance = v_c / (n_c * m_b * m_b) + v_b * m_c * m_c / (n_b * m_b.powi(4));
    let n = n_c + n_b;
    let twice = -2.0 * ALPHA.ln();
    let rho = ((twice + twice.ln_1p()) / tuned_for).sqrt();
    let spread = n * rho * rho + 1.0;
    let factor = 2.0 * spread * (spread.sqrt() / ALPHA).ln() / (n * rho).powi(2);
    Some((m_c / m_b - 1.0, (variance * n * factor).sqrt()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_own_test_constants() {
        let arm = |records, failures| Arm { records, failures };
        let (lift, half) = interval(arm(3461, 2422), arm(3000, 1396), 5000.0).unwrap_or_default();
        assert!((lift - 0.50386).abs() < 5e-6, "{lift}");
        assert!((lift - half - 0.40098).abs() < 5e-6, "{}", lift - half);
        assert!((lift + half - 0.60675).abs() < 5e-6, "{}", lift + half);
        assert!(interval(arm(10, 0), arm(10, 1), 5000.0).is_none());
    }
}
