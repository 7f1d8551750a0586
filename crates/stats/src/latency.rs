//! How slow are the answers? Quantiles that are real observations.

use crate::error::{Error, finite_sample, open_unit};
use crate::interval::Interval;
use crate::special::binomial_cdf;

/// The smallest observed value that at least a share `probability` in [0, 1] of the values do not
/// exceed, in their unit: the inverse of the empirical distribution function, type 1 of Hyndman and
/// Fan (The American Statistician 1996). Nothing is interpolated, so a p99 is a latency that some
/// answer really had.
///
/// # Errors
/// [`Error`] for an empty sample, values that are not finite, or a probability outside [0, 1].
pub fn quantile(values: &[f64], probability: f64) -> Result<f64, Error> {
    finite_sample("sample", values, 1)?;
    if !(0.0..=1.0).contains(&probability) {
        let must = "in [0, 1]";
        return Err(Error::OutOfRange { what: "probability", value: probability, must });
    }
    let mut values = values.to_vec();
    let rank = (probability * values.len() as f64).ceil().max(1.0) as usize;
    let (_, value, _) = values.select_nth_unstable_by(rank - 1, f64::total_cmp);
    Ok(*value)
}

/// A quantile with a confidence interval that holds for every distribution: its ends are order
/// statistics, chosen by the binomial law of how many values lie below the true quantile.
///
/// When the sample is too small to bound the quantile from above at this confidence, the upper end
/// is infinite; a p99 needs 368 values for 95 %. Source: David and Nagaraja, Order Statistics,
/// 3rd edition, section 7.1.
///
/// # Errors
/// As for [`quantile`], with both `probability` and `confidence` strictly between 0 and 1.
pub fn quantile_interval(
    values: &[f64],
    probability: f64,
    confidence: f64,
) -> Result<Interval, Error> {
    open_unit("confidence", confidence)?;
    open_unit("probability", probability)?;
    let estimate = quantile(values, probability)?;
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let n = sorted.len() as u64;
    let tail = (1.0 - confidence) / 2.0;
    // The k-th smallest value is above the quantile exactly when fewer than k values lie below it.
    let holds_below = |k: u64| binomial_cdf(k - 1, n, probability) <= tail;
    let holds_above = |k: u64| binomial_cdf(k - 1, n, probability) >= 1.0 - tail;
    let ranks: Vec<u64> = (1..=n).collect();
    let below = ranks.partition_point(|&k| holds_below(k));
    let above = ranks.partition_point(|&k| !holds_above(k));
    Ok(Interval {
        estimate,
        lower: if below == 0 { f64::NEG_INFINITY } else { sorted[below - 1] },
        upper: sorted.get(above).copied().unwrap_or(f64::INFINITY),
        confidence,
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::testing::Random;

    #[test]
    fn quantiles_are_observations() {
        let values = [40.0, 10.0, 30.0, 20.0];
        for (probability, expected) in
            [(0.0, 10.0), (0.25, 10.0), (0.26, 20.0), (0.5, 20.0), (0.99, 40.0), (1.0, 40.0)]
        {
            assert_eq!(quantile(&values, probability).unwrap(), expected, "p {probability}");
        }
        assert!(quantile(&[], 0.5).is_err());
        assert!(quantile(&values, 1.5).is_err());
        assert!(quantile(&[1.0, f64::NAN], 0.5).is_err());
    }

    #[test]
    fn the_median_of_ten_lies_between_the_second_and_the_ninth() {
        // The textbook table of the sign interval: ranks 2 and 9 of 10 for 95 %.
        let values: Vec<f64> = (1..=10).map(f64::from).collect();
        let interval = quantile_interval(&values, 0.5, 0.95).unwrap();
        assert_eq!((interval.lower, interval.upper), (2.0, 9.0));
    }

    #[test]
    fn a_small_sample_cannot_bound_a_high_quantile() {
        let values = |n: u32| (1..=n).map(f64::from).collect::<Vec<_>>();
        assert_eq!(quantile_interval(&values(367), 0.99, 0.95).unwrap().upper, f64::INFINITY);
        assert_eq!(quantile_interval(&values(368), 0.99, 0.95).unwrap().upper, 368.0);
    }

    #[test]
    fn the_interval_covers_the_true_quantile() {
        let mut random = Random::seeded(5);
        let runs = 300;
        let covered = (0..runs)
            .filter(|_| {
                let values: Vec<f64> = (0..1000).map(|_| random.uniform()).collect();
                quantile_interval(&values, 0.95, 0.95).unwrap().contains(0.95)
            })
            .count();
        assert!(covered * 100 >= runs * 92, "covered {covered} of {runs}");
    }
}
