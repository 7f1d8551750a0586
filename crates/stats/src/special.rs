//! Quantiles of the usual laws, out of `statrs`, in the form that the other modules need.

use statrs::distribution::{ChiSquared, ContinuousCDF};
use statrs::function::{beta::beta_reg, erf::erfc_inv};

/// The value below which a standard normal variable stays with `probability`.
pub(crate) fn normal_quantile(probability: f64) -> f64 {
    -std::f64::consts::SQRT_2 * erfc_inv(2.0 * probability)
}

/// The z that a two-sided interval of this confidence uses: 1.96 for 0.95.
pub(crate) fn two_sided_z(confidence: f64) -> f64 {
    normal_quantile((1.0 + confidence) / 2.0)
}

/// The value below which a chi-square variable with `freedom` > 0 degrees stays with `probability`.
pub(crate) fn chi_squared_quantile(probability: f64, freedom: f64) -> f64 {
    ChiSquared::new(freedom).expect("the degrees of freedom are positive").inverse_cdf(probability)
}

/// P(X <= k) for X binomial(n, p), through the regularised incomplete beta function.
pub(crate) fn binomial_cdf(k: u64, n: u64, p: f64) -> f64 {
    if k >= n {
        return 1.0;
    }
    if p <= 0.0 {
        return 1.0;
    }
    if p >= 1.0 {
        return 0.0;
    }
    beta_reg((n - k) as f64, k as f64 + 1.0, 1.0 - p)
}

/// The x in [low, high] at which the increasing function crosses `target`, to the last bit or so.
pub(crate) fn bisect(
    mut low: f64,
    mut high: f64,
    target: f64,
    increasing: impl Fn(f64) -> f64,
) -> f64 {
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if increasing(middle) < target {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::assert_close;

    #[test]
    fn quantiles_match_the_printed_tables() {
        assert_close(two_sided_z(0.95), 1.959963984540054, 1e-12);
        assert_close(chi_squared_quantile(0.95, 9.0), 16.918977604620448, 1e-8);
        assert_close(chi_squared_quantile(0.99, 1.0), 6.634896601021213, 1e-8);
    }

    #[test]
    fn binomial_sums_match_the_definition() {
        // Counted by hand: 16 equally likely outcomes of four fair coins.
        assert_close(binomial_cdf(0, 4, 0.5), 1.0 / 16.0, 1e-12);
        assert_close(binomial_cdf(1, 4, 0.5), 5.0 / 16.0, 1e-12);
        assert_close(binomial_cdf(4, 4, 0.5), 1.0, 0.0);
        assert_close(binomial_cdf(2, 9, 0.0), 1.0, 0.0);
        assert_close(binomial_cdf(2, 9, 1.0), 0.0, 0.0);
    }

    /// P(X <= k) added up term by term from the mode outwards, without any special function.
    fn binomial_sum(k: u64, n: u64, p: f64) -> f64 {
        let mode = ((n + 1) as f64 * p) as u64;
        let ratio = |i: u64| (n - i) as f64 / (i + 1) as f64 * p / (1.0 - p);
        let mut weights = vec![0.0; n as usize + 1];
        weights[mode as usize] = 1.0;
        for i in mode..n {
            weights[i as usize + 1] = weights[i as usize] * ratio(i);
        }
        for i in (0..mode).rev() {
            weights[i as usize] = weights[i as usize + 1] / ratio(i);
        }
        let part: f64 = weights[..=k as usize].iter().sum();
        part / weights.iter().sum::<f64>()
    }

    #[test]
    fn binomial_sums_hold_for_large_samples() {
        for (n, p) in
            [(1000, 0.5), (36_000, 0.01), (50_000, 0.5), (1_000_000, 0.5), (1_000_000, 0.99)]
        {
            let spread = (n as f64 * p * (1.0 - p)).sqrt();
            for z in [-4.0, -2.0, 0.0, 0.1, 2.0, 3.0] {
                let k = (n as f64 * p + z * spread) as u64;
                let (got, expected) = (binomial_cdf(k, n, p), binomial_sum(k, n, p));
                // Intervals and p-values need the tails. In the middle of a million trials the
                // continued fraction of `statrs` stops early, which moves a p near 1 by 0.001.
                let tolerance = if z.abs() >= 2.0 || n < 100_000 { 1e-10 } else { 2e-3 };
                assert_close(got, expected, tolerance);
            }
        }
    }
}
