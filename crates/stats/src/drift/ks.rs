//! Kolmogorov and Smirnov: the largest gap between two distribution functions.

use serde::{Deserialize, Serialize};

use super::ecdf::{Ecdf, Point};
use crate::error::{Error, finite_sample, open_unit};

/// The outcome of a two-sample test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct KsTest {
    /// D, the largest distance between the two distribution functions, in [0, 1].
    pub statistic: f64,
    /// The chance of a D at least as large when both samples come from one continuous
    /// distribution, by Kolmogorov's limit law. With ties it is too large, never too small.
    pub p_value: f64,
    /// The value at which the two differ most.
    pub at: f64,
}

/// Compares a window of finite values with a stored baseline, in O(m log m) for m values. Ties within and between them
/// count as what they are: D is taken at distinct values only, so integer features do not alarm for being integers.
///
/// `p = Q(D sqrt(n m / (n + m)))`. Source: Smirnov, Annals of Mathematical Statistics 1948; conservative for discrete
/// data: Noether, Metrika 1963.
///
/// D is taken at the values that the baseline keeps, approached from both sides. That is the exact
/// D where [`Ecdf::is_exact`], and otherwise at most [`Ecdf::resolution`] below it, so a thinned
/// baseline can miss a little but never alarm for being thinned.
///
/// # Errors
/// [`Error::TooFew`] for an empty sample, [`Error::NotFinite`] for NaN and infinities.
pub fn ks_against(baseline: &Ecdf, window: &[f64]) -> Result<KsTest, Error> {
    finite_sample("window", window, 1)?;
    let mut sorted = window.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let (n, m) = (baseline.records() as f64, sorted.len() as f64);
    let gap = |point: &Point| {
        let below = sorted.partition_point(|value| *value < point.value) as f64;
        let up_to = sorted.partition_point(|value| *value <= point.value) as f64;
        let left = (point.below as f64 / n - below / m).abs();
        left.max((point.up_to as f64 / n - up_to / m).abs())
    };
    let (mut statistic, mut at) = (0.0, baseline.min());
    for point in baseline.points() {
        let gap = gap(point);
        if gap > statistic {
            (statistic, at) = (gap, point.value);
        }
    }
    let p_value = kolmogorov_p(statistic * (n * m / (n + m)).sqrt());
    Ok(KsTest { statistic, p_value, at })
}

/// The D above which a feature counts as moved: the larger of `practical`, a difference too small to
/// matter, and the D that chance exceeds with probability `alpha`,
/// `sqrt(ln(2 / alpha) / 2) sqrt(1/n + 1/m)` (the first term of Kolmogorov's series, an upper bound).
///
/// # Errors
/// [`Error`] unless `alpha` is in (0, 1) and both samples hold records.
pub fn ks_limit(n: u64, m: u64, alpha: f64, practical: f64) -> Result<f64, Error> {
    open_unit("alpha", alpha)?;
    if n == 0 || m == 0 {
        return Err(Error::TooFew { what: "sample", given: 0, needed: 1 });
    }
    let chance = (0.5 * (2.0 / alpha).ln()).sqrt() * (1.0 / n as f64 + 1.0 / m as f64).sqrt();
    Ok(chance.max(practical))
}

/// Q(x) = 2 sum_k (-1)^(k-1) exp(-2 k² x²): the chance that the scaled Kolmogorov statistic exceeds
/// x. Below 1.18 the equivalent theta series is summed, which converges where the first does not.
fn kolmogorov_p(x: f64) -> f64 {
    if x <= 0.04 {
        // The theta series underflows here; its value differs from 1 by less than 1e-300.
        return 1.0;
    }
    let sum = |term: &dyn Fn(f64) -> f64| (1..=8).map(|k| term(f64::from(k))).sum::<f64>();
    if x < 1.18 {
        let odd = |k: f64| (2.0 * k - 1.0) * std::f64::consts::PI / x;
        let theta = sum(&|k| (-odd(k).powi(2) / 8.0).exp());
        (1.0 - std::f64::consts::TAU.sqrt() / x * theta).clamp(0.0, 1.0)
    } else {
        let sign = |k: f64| if k % 2.0 == 0.0 { -1.0 } else { 1.0 };
        (2.0 * sum(&|k| sign(k) * (-2.0 * k * k * x * x).exp())).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::testing::{Random, assert_close};

    /// With a baseline that keeps every value.
    fn ks_two_sample(one: &[f64], other: &[f64]) -> Result<KsTest, Error> {
        ks_against(&Ecdf::from_values(one, one.len().max(2))?, other)
    }

    #[test]
    fn a_tenth_of_a_thousand_matches_the_oracle() {
        let one: Vec<f64> = (0..1000).map(f64::from).collect();
        let other: Vec<f64> = one.iter().map(|value| value + 100.0).collect();
        let test = ks_two_sample(&one, &other).unwrap();
        assert_close(test.statistic, 0.1, 1e-12);
        assert_close(test.p_value, 9.079986e-05, 1e-11);
    }

    #[test]
    fn both_series_meet_and_match_the_table() {
        assert_close(kolmogorov_p(1.18 - 1e-9), kolmogorov_p(1.18), 1e-8);
        // Smirnov's table of 1948: L(0.5) = 0.036055, L(1.0) = 0.730000, L(1.36) = 0.950514.
        assert_close(1.0 - kolmogorov_p(0.5), 0.036055, 1e-6);
        assert_close(1.0 - kolmogorov_p(1.0), 0.730000, 1e-6);
        assert_close(1.0 - kolmogorov_p(1.36), 0.950514, 2e-6);
        assert_eq!((kolmogorov_p(0.0), kolmogorov_p(100.0)), (1.0, 0.0));
    }

    #[test]
    fn the_limit_is_the_statistic_whose_p_is_alpha() {
        let limit = ks_limit(500, 800, 0.01, 0.0).unwrap();
        let scale = (500.0f64 * 800.0 / 1300.0).sqrt();
        assert_close(kolmogorov_p(limit * scale), 0.01, 1e-6);
        assert_eq!(ks_limit(1_000_000, 1_000_000, 0.01, 0.05).unwrap(), 0.05);
        assert!(ks_limit(0, 5, 0.01, 0.0).is_err());
        assert!(ks_limit(5, 5, 0.0, 0.0).is_err());
    }

    #[test]
    fn ties_count_once() {
        // Half zeros against all zeros: D is 1/2, at 0, whatever the order within the ties.
        let test = ks_two_sample(&[0.0, 1.0, 0.0, 1.0], &[0.0; 4]).unwrap();
        assert_eq!((test.statistic, test.at), (0.5, 0.0));
        let same = ks_two_sample(&[3.0, 1.0, 1.0, 2.0], &[1.0, 2.0, 1.0, 3.0]).unwrap();
        assert_eq!((same.statistic, same.p_value), (0.0, 1.0));
    }

    #[test]
    fn constant_features_agree_or_differ_wholly() {
        let baseline = Ecdf::from_values(&[7.0; 500], 64).unwrap();
        assert_eq!(ks_against(&baseline, &[7.0; 100]).unwrap().statistic, 0.0);
        for moved in [6.0, 8.0] {
            let test = ks_against(&baseline, &[moved; 100]).unwrap();
            assert_eq!(test.statistic, 1.0);
            assert!(test.p_value < 1e-30);
        }
    }

    #[test]
    fn a_thinned_baseline_hides_no_more_than_its_resolution() {
        let mut random = Random::seeded(3);
        let reference: Vec<f64> = (0..5000).map(|_| random.normal()).collect();
        let window: Vec<f64> = (0..400).map(|_| random.normal() + 0.3).collect();
        let whole = ks_two_sample(&reference, &window).unwrap();
        let thinned = Ecdf::from_values(&reference, 65).unwrap();
        let kept = ks_against(&thinned, &window).unwrap();
        assert!(kept.statistic <= whole.statistic);
        assert!(kept.statistic >= whole.statistic - thinned.resolution());
    }

    #[test]
    fn false_alarms_stay_below_alpha_for_real_and_for_integer_features() {
        let draws: [fn(&mut Random) -> f64; 3] = [
            |random| random.normal(),
            |random| (random.normal() * 2.0).round(),
            |random| f64::from(u8::from(random.chance(0.03))),
        ];
        for (kind, draw) in draws.into_iter().enumerate() {
            let mut random = Random::seeded(11);
            let runs = 400;
            let alarms = (0..runs)
                .filter(|_| {
                    let reference: Vec<f64> = (0..500).map(|_| draw(&mut random)).collect();
                    let window: Vec<f64> = (0..200).map(|_| draw(&mut random)).collect();
                    let test = ks_two_sample(&reference, &window).unwrap();
                    test.statistic > ks_limit(500, 200, 0.05, 0.0).unwrap()
                })
                .count();
            // 0.05 of 400 is 20; 33 is three standard errors above.
            assert!(alarms <= 33, "kind {kind}: {alarms} false alarms in {runs}");
        }
    }
}
