//! Intervals for one proportion: an error rate on a hold-out, a share of disagreements.

use statrs::function::beta::beta_reg;

use crate::error::{Error, open_unit};
use crate::interval::Interval;
use crate::special::{bisect, two_sided_z};

/// Wilson's score interval for `events` of `trials` independent trials: close to its nominal
/// coverage on average, also near 0 and 1, where the textbook interval collapses.
///
/// `(p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)`. Source: Wilson, JASA 1927.
///
/// # Errors
/// [`Error`] when there are no trials, more events than trials, or `confidence` is not in (0, 1).
pub fn wilson(events: u64, trials: u64, confidence: f64) -> Result<Interval, Error> {
    let estimate = rate(events, trials, confidence)?;
    let n = trials as f64;
    let z = two_sided_z(confidence);
    let scale = 1.0 + z * z / n;
    let centre = (estimate + z * z / (2.0 * n)) / scale;
    let half = z / scale * (estimate * (1.0 - estimate) / n + z * z / (4.0 * n * n)).sqrt();
    Ok(Interval {
        estimate,
        lower: if events == 0 { 0.0 } else { centre - half },
        upper: if events == trials { 1.0 } else { centre + half },
        confidence,
    })
}

/// Clopper and Pearson's exact interval: never below its nominal coverage, at the price of width.
/// Use it where the guarantee matters more than power, for example for a bound on a failure rate.
///
/// Ends are quantiles of Beta(x, n-x+1) and Beta(x+1, n-x). Source: Clopper and Pearson,
/// Biometrika 1934.
///
/// # Errors
/// As for [`wilson`].
pub fn clopper_pearson(events: u64, trials: u64, confidence: f64) -> Result<Interval, Error> {
    let estimate = rate(events, trials, confidence)?;
    let tail = (1.0 - confidence) / 2.0;
    let (x, n) = (events as f64, trials as f64);
    let lower = match events {
        0 => 0.0,
        _ => bisect(0.0, 1.0, tail, |p| beta_reg(x, n - x + 1.0, p)),
    };
    let upper = match events {
        all if all == trials => 1.0,
        _ => bisect(0.0, 1.0, 1.0 - tail, |p| beta_reg(x + 1.0, n - x, p)),
    };
    Ok(Interval { estimate, lower, upper, confidence })
}

fn rate(events: u64, trials: u64, confidence: f64) -> Result<f64, Error> {
    open_unit("confidence", confidence)?;
    if trials == 0 {
        return Err(Error::TooFew { what: "trials", given: 0, needed: 1 });
    }
    if events > trials {
        let must = "at most the number of trials";
        return Err(Error::OutOfRange { what: "events", value: events as f64, must });
    }
    Ok(events as f64 / trials as f64)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::testing::assert_close;

    #[test]
    fn three_of_fifty_match_the_oracles() {
        let exact = clopper_pearson(3, 50, 0.95).unwrap();
        assert_close(exact.lower, 0.0125485878, 1e-9);
        assert_close(exact.upper, 0.1654819463, 1e-9);
        let score = wilson(3, 50, 0.95).unwrap();
        assert_close(score.lower, 0.0206149703, 1e-9);
        assert_close(score.upper, 0.1621709169, 1e-9);
    }

    #[test]
    fn none_and_all_keep_to_the_unit_interval() {
        for interval in [wilson, clopper_pearson] {
            let none = interval(0, 20, 0.95).unwrap();
            let all = interval(20, 20, 0.95).unwrap();
            assert_eq!((none.lower, all.upper), (0.0, 1.0));
            assert_close(none.upper, 1.0 - all.lower, 1e-12);
            assert!(none.upper > 0.1 && none.upper < 0.2);
        }
        // The "rule of three", exactly: 1 - 0.025^(1/20).
        let exact = clopper_pearson(0, 20, 0.95).unwrap();
        assert_close(exact.upper, 1.0 - 0.025f64.powf(0.05), 1e-12);
    }

    #[test]
    fn refuses_what_is_not_a_proportion() {
        assert!(matches!(wilson(0, 0, 0.95), Err(Error::TooFew { .. })));
        assert!(matches!(wilson(3, 2, 0.95), Err(Error::OutOfRange { what: "events", .. })));
        assert!(matches!(wilson(1, 2, 1.0), Err(Error::OutOfRange { .. })));
    }
}
