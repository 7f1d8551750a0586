//! Sequential intervals for differences of means with any distribution, for many records.

use crate::error::{Error, open_unit};
use crate::interval::Interval;

/// What is known of one model: how many values, their mean and their variance (unbiased), in the
/// unit of the metric. For a rate p, the variance is `p (1 - p)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arm {
    /// How many values.
    pub size: u64,
    /// Their mean.
    pub mean: f64,
    /// Their variance.
    pub variance: f64,
}

/// The precision rho at which the interval is tightest around `tuned_for` records:
/// `sqrt((-2 ln alpha + ln(-2 ln alpha + 1)) / n)`.
pub fn precision(alpha: f64, tuned_for: f64) -> f64 {
    let twice = -2.0 * alpha.ln();
    ((twice + twice.ln_1p()) / tuned_for).sqrt()
}

/// Half the width of the interval after `size` records with this `variance` a record:
/// `sqrt(s^2) sqrt(2 (n rho^2 + 1) ln(sqrt(n rho^2 + 1) / alpha) / (n rho)^2)`.
pub fn half_width(variance: f64, size: f64, tuned_for: f64, alpha: f64) -> f64 {
    let rho = precision(alpha, tuned_for);
    let spread = size * rho * rho + 1.0;
    let factor = 2.0 * spread * (spread.sqrt() / alpha).ln() / (size * rho).powi(2);
    (variance * factor).sqrt()
}

/// The asymptotic confidence sequence ("generalised always valid inference") for
/// `candidate's mean - champion's mean`: after enough records it holds at all later times at once.
///
/// With `n` the records of both and `s^2 = n (Var_a / n_a + Var_b / n_b)`, see [`half_width`].
/// A one-sided test at level alpha takes one end of an interval with confidence `1 - 2 alpha`.
/// Assumptions: independent records, many of them; early on it is only as good as the central limit
/// theorem, so give each model some hundred records before the first look.
/// Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, Annals of Statistics 2024.
///
/// # Errors
/// [`Error`] with an empty arm, a negative variance, or a confidence outside (0, 1).
pub fn mean_difference(
    candidate: Arm,
    champion: Arm,
    tuned_for: u64,
    confidence: f64,
) -> Result<Interval, Error> {
    open_unit("confidence", confidence)?;
    let (error, estimate) = standard_error(candidate, champion)?;
    let size = (candidate.size + champion.size) as f64;
    let half = half_width(error * error * size, size, tuned_for.max(1) as f64, 1.0 - confidence);
    Ok(Interval { estimate, lower: estimate - half, upper: estimate + half, confidence })
}

/// The log evidence that the two means differ: `rho^2 t^2 / (2 (n rho^2 + 1)) - ln(n rho^2 + 1) / 2`
/// with `t^2 = n d^2 / SE^2`. Reaches `ln(1/alpha)` exactly when 0 leaves the interval.
///
/// # Errors
/// As for [`mean_difference`].
pub fn mean_difference_log_e(
    candidate: Arm,
    champion: Arm,
    tuned_for: u64,
    alpha: f64,
) -> Result<f64, Error> {
    open_unit("alpha", alpha)?;
    let (error, estimate) = standard_error(candidate, champion)?;
    let size = (candidate.size + champion.size) as f64;
    let rho2 = precision(alpha, tuned_for.max(1) as f64).powi(2);
    if error == 0.0 {
        return Ok(if estimate == 0.0 { 0.0 } else { f64::INFINITY });
    }
    let t2 = size * (estimate / error).powi(2);
    Ok(rho2 * t2 / (2.0 * (size * rho2 + 1.0)) - 0.5 * (size * rho2).ln_1p())
}

fn standard_error(candidate: Arm, champion: Arm) -> Result<(f64, f64), Error> {
    let of = |arm: Arm| {
        if arm.size == 0 {
            return Err(Error::TooFew { what: "arm", given: 0, needed: 1 });
        }
        if !(arm.variance >= 0.0 && arm.mean.is_finite()) {
            let (what, must) = ("variance", "0 or more, with a finite mean");
            return Err(Error::OutOfRange { what, value: arm.variance, must });
        }
        Ok(arm.variance / arm.size as f64)
    };
    Ok(((of(candidate)? + of(champion)?).sqrt(), candidate.mean - champion.mean))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::testing::{Random, assert_close};

    #[test]
    fn matches_the_published_constants() {
        assert_close(precision(0.05, 5000.0), 0.0398400668, 1e-10);
        assert_close(half_width(1.0, 5000.0, 5000.0, 0.05), 0.0429243372, 1e-10);
    }

    #[test]
    fn the_evidence_and_the_interval_say_the_same() {
        let champion = Arm { size: 900, mean: 0.1, variance: 0.09 };
        for mean in [0.1, 0.12, 0.15, 0.16, 0.2] {
            let candidate = Arm { size: 700, mean, variance: 0.11 };
            let interval = mean_difference(candidate, champion, 1000, 0.95).unwrap();
            let log_e = mean_difference_log_e(candidate, champion, 1000, 0.05).unwrap();
            assert_eq!(interval.contains(0.0), log_e < 20f64.ln(), "{mean}");
        }
        let empty = Arm { size: 0, ..champion };
        assert!(mean_difference(empty, champion, 1000, 0.95).is_err());
    }

    #[test]
    fn false_alarms_stay_below_alpha_under_peeking() {
        let mut random = Random::seeded(2103);
        let runs = 300;
        let alarms = (0..runs)
            .filter(|_| {
                let mut wrong = [0.0; 2];
                (1..=60u64).any(|look| {
                    (0..100).for_each(|record| {
                        wrong[record % 2] += f64::from(u8::from(random.chance(0.05)));
                    });
                    let size = look * 50;
                    let arm = |wrong: f64| {
                        let mean = wrong / size as f64;
                        Arm { size, mean, variance: mean * (1.0 - mean) }
                    };
                    let log_e =
                        mean_difference_log_e(arm(wrong[0]), arm(wrong[1]), 5000, 0.05).unwrap();
                    log_e >= 20f64.ln()
                })
            })
            .count();
        assert!(alarms <= 15, "{alarms} of {runs}");
    }
}
