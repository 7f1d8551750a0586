//! Intervals that hold at all times at once: look as often as you like, stop when you like.

use crate::error::{Error, finite_sample, open_unit};
use crate::interval::Interval;
use crate::mixture::{Sides, beta_binomial_log_e, bound, precision};
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

/// The ranks (from 1) of the order statistics between which the quantile lies at all times; 0 for no
/// lower and `size + 1` for no upper bound yet.
///
/// `floor(t (p - r_l) + 1)` and `ceil(t (p + r_u))`, where `t r` is the bound of the two-sided
/// beta-binomial mixture at `v = p (1-p) t` with range (p, 1-p), swapped for the lower one.
/// Source: Howard and Ramdas, Bernoulli 2022, Theorem 1.
///
/// # Errors
/// [`Error`] for `size` or `tuned_for` 0, or a probability or confidence outside (0, 1).
pub fn quantile_ranks(
    size: u64,
    probability: f64,
    tuned_for: u64,
    confidence: f64,
) -> Result<(u64, u64), Error> {
    let p = open_unit("probability", probability)?;
    open_unit("confidence", confidence)?;
    if size == 0 || tuned_for == 0 {
        return Err(Error::TooFew { what: "sample", given: 0, needed: 1 });
    }
    let (t, alpha) = (size as f64, 1.0 - confidence);
    let time = p * (1.0 - p) * t;
    let rho = precision(p * (1.0 - p) * tuned_for as f64, alpha, Sides::Both);
    let reach = |g: f64, h: f64| {
        // A sum of t steps of at most h each.
        bound(alpha, h * t, |s| beta_binomial_log_e(s, time, rho, (g, h), Sides::Both)) / t
    };
    let lower = (t * (p - reach(1.0 - p, p)) + 1.0).floor().max(0.0);
    let upper = (t * (p + reach(p, 1.0 - p))).ceil().min(t + 1.0);
    Ok((lower as u64, upper as u64))
}

/// The log evidence that two samples of independent values have different `probability`-quantiles,
/// for example p99 latencies of the candidate and of the champion. May be looked at at any time.
///
/// `min over x of G_1(x) + G_2(x)`, where `G_k` is the beta-binomial evidence that x is not the
/// quantile of sample k: if the two share a quantile, both terms are small there. Tuned for
/// `tuned_for` values a sample. Source: Howard and Ramdas, Bernoulli 2022, Theorem 5.
///
/// It keeps the samples: O(n log n) a look. A stream counts answers slower than a limit instead
/// ([`crate::sequential`]), which is exact and needs no memory.
///
/// # Errors
/// [`Error`] for an empty sample, values that are not finite, or a probability outside (0, 1).
pub fn quantile_difference_log_e(
    candidate: &[f64],
    champion: &[f64],
    probability: f64,
    tuned_for: u64,
    alpha: f64,
) -> Result<f64, Error> {
    let p = open_unit("probability", probability)?;
    open_unit("alpha", alpha)?;
    finite_sample("candidate's values", candidate, 1)?;
    finite_sample("champion's values", champion, 1)?;
    let sorted = |values: &[f64]| {
        let mut values = values.to_vec();
        values.sort_unstable_by(f64::total_cmp);
        values
    };
    let samples = [sorted(candidate), sorted(champion)];
    let rho = precision(p * (1.0 - p) * tuned_for as f64, alpha, Sides::Both);
    // A jump of the empirical distribution function holds every count between its ends, and the one
    // nearest to p n speaks least against x.
    let against = |values: &[f64], x: f64| {
        let n = values.len() as f64;
        let below = values.partition_point(|&value| value < x) as f64;
        let up_to = values.partition_point(|&value| value <= x) as f64;
        let sum = (p * n).clamp(below, up_to) - p * n;
        beta_binomial_log_e(sum, p * (1.0 - p) * n, rho, (p, 1.0 - p), Sides::Both)
    };
    let at = |&x: &f64| samples.iter().map(|values| against(values, x)).sum::<f64>();
    Ok(samples.iter().flatten().map(at).fold(f64::INFINITY, f64::min))
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
    fn quantile_ranks_match_the_published_constants() {
        for (p, ranks) in
            [(0.5, (453, 548)), (0.9, (870, 928)), (0.95, (928, 970)), (0.99, (979, 998))]
        {
            assert_eq!(quantile_ranks(1000, p, 1000, 0.95).unwrap(), ranks, "p {p}");
        }
        assert_eq!(quantile_ranks(5, 0.99, 1000, 0.95).unwrap().1, 6);
    }

    #[test]
    fn quantile_differences_match_the_published_constants() {
        let champion: Vec<f64> = (1..=1000).map(f64::from).collect();
        for (p, offset, expected) in [
            (0.5, 70, 0.814704359),
            (0.5, 85, 0.083805495),
            (0.5, 100, 0.005494701),
            (0.9, 55, 0.034046305),
        ] {
            let candidate: Vec<f64> = (1 + offset..=1000 + offset).map(f64::from).collect();
            let log_e = quantile_difference_log_e(&candidate, &champion, p, 100, 0.05).unwrap();
            assert_close((-log_e).exp().min(1.0), expected, 1e-6);
        }
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
