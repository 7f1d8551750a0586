//! Intervals that hold at all times at once: look as often as you like, stop when you like.

use crate::error::{Error, open_unit};
use crate::interval::Interval;
use crate::mixture::{Sides, beta_binomial_log_e, precision};
use crate::special::bisect;

/// A confidence sequence for a rate, from `events` of `trials` independent trials: with probability
/// `confidence` it holds the true rate after every trial of an endless watch.
///
/// The rates p at which the two-sided beta-binomial mixture ([`beta_binomial_log_e`]) of
/// `s = events - p trials`, `v = p (1-p) trials`, range (p, 1-p) stays below `ln(1/alpha)`; it is
/// tightest around `tuned_for` trials. Source: Howard et al., Annals of Statistics 2021.
///
/// # Errors
/// [`Error`] when there are no trials, more events than trials, `tuned_for` is 0, or `confidence`
/// is not in (0, 1).
pub fn rate(events: u64, trials: u64, tuned_for: u64, confidence: f64) -> Result<Interval, Error> {
    open_unit("confidence", confidence)?;
    if trials == 0 || tuned_for == 0 {
        return Err(Error::TooFew { what: "trials", given: 0, needed: 1 });
    }
    if events > trials {
        let must = "at most the number of trials";
        return Err(Error::OutOfRange { what: "events", value: events as f64, must });
    }
    let alpha = 1.0 - confidence;
    let (n, estimate) = (trials as f64, events as f64 / trials as f64);
    let log_e = |p: f64| {
        let variance = p * (1.0 - p);
        let rho = precision(variance * tuned_for as f64, alpha, Sides::Both);
        beta_binomial_log_e((estimate - p) * n, variance * n, rho, (p, 1.0 - p), Sides::Both)
    };
    const EDGE: f64 = 1e-12;
    let target = -alpha.ln();
    let lower = if estimate <= EDGE || log_e(EDGE) < target {
        0.0
    } else {
        bisect(EDGE, estimate, -target, |p| -log_e(p))
    };
    let upper = if estimate >= 1.0 - EDGE || log_e(1.0 - EDGE) < target {
        1.0
    } else {
        bisect(estimate.max(EDGE), 1.0 - EDGE, target, log_e)
    };
    Ok(Interval { estimate, lower, upper, confidence })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::testing::{Random, assert_close};

    #[test]
    fn rates_match_the_published_constants() {
        for (events, trials, tuned_for, lower, upper) in [
            (700, 1000, 100, 0.6516298, 0.7459495),
            (15, 50, 50, 0.1295570, 0.5118964),
            (5, 50, 50, 0.0130218, 0.2692647),
            (1, 50, 50, 0.0, 0.1348916),
            (100, 200, 1, 0.3289234, 0.6710766),
            (1, 2, 50, 0.0, 1.0),
            (0, 1, 50, 0.0, 1.0),
            (1, 1, 50, 0.0, 1.0),
        ] {
            let interval = rate(events, trials, tuned_for, 0.95).unwrap();
            assert_close(interval.lower, lower, 1e-6);
            assert_close(interval.upper, upper, 1e-6);
        }
        assert!(rate(2, 1, 50, 0.95).is_err());
        assert!(rate(0, 0, 50, 0.95).is_err());
    }

    #[test]
    fn the_true_rate_is_left_out_of_few_watches() {
        let mut random = Random::seeded(2021);
        let runs = 400;
        let missed = (0..runs)
            .filter(|_| {
                let mut events = 0;
                (1..=500u64).any(|trial| {
                    events += u64::from(random.chance(0.1));
                    let due = trial % 20 == 0;
                    due && !rate(events, trial, 200, 0.95).unwrap().contains(0.1)
                })
            })
            .count();
        assert!(missed <= 20, "{missed} of {runs}");
    }
}
