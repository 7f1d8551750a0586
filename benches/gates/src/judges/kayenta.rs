//! Kayenta's judge, NetflixACAJudge-v1.0, with one metric: failures in percent, a point a minute.
//!
//! Points without records are removed. Equal samples pass. Otherwise a Mann-Whitney test with a
//! confidence interval of the shift: W(mu) is the standardised rank sum of the candidate's points
//! less mu, with tie and continuity corrections; the lower end is the root of W at z = 2.3263 (98 %,
//! two-sided), the estimate the root at 0 (Hodges and Lehmann), both to 1e-4. *High*, a failed
//! metric, when the lower end is above 0.25 times the estimate and the means' ratio is 1 or
//! more. One metric: score 0 or 100; a score up to the marginal one (75) fails the canary at once.
//!
//! It looks at a growing window every 10 minutes, more often than its guide advises (an hour of
//! three), to its advantage here. Source: kayenta-judge and kayenta-mannwhitney, version 0.21.

use crate::judge::{Judge, Look, Verdict};
use crate::scenario::MINUTES;
use crate::stream::{Arm, History, Minute};

const INTERVAL: usize = 10;
const Z: f64 = 2.3263479;
const TOLERANCE: f64 = 0.25;
const ROOT_TOLERANCE: f64 = 1e-4;

pub(crate) fn start(_: &History) -> Box<dyn Judge> {
    Box::new(Kayenta { score: f64::NEG_INFINITY })
}

struct Kayenta {
    score: f64,
}

impl Judge for Kayenta {
    fn look(&mut self, minutes: &[Minute]) -> Look {
        let mut verdict = Verdict::Open;
        if minutes.len().is_multiple_of(INTERVAL) {
            let points = |arm: fn(&Minute) -> Arm| -> Vec<f64> {
                minutes.iter().map(arm).filter(|arm| arm.records > 0).map(percent).collect()
            };
            self.score =
                case(&points(|minute| minute.candidate), &points(|minute| minute.champion));
            if self.score > Z {
                verdict = Verdict::Rollback;
            } else if minutes.len() == MINUTES {
                verdict = Verdict::Promote;
            }
        }
        Look::at_minute(verdict, self.score)
    }
}

fn percent(arm: Arm) -> f64 {
    100.0 * arm.failures as f64 / arm.records as f64
}

/// The z up to which the metric is High: the lower end of the interval is above `0.25 |estimate|`
/// exactly when W there is above z, since W decreases. Minus infinity when it passes at any z.
fn case(candidate: &[f64], champion: &[f64]) -> f64 {
    let sorted = |values: &[f64]| {
        let mut values = values.to_vec();
        values.sort_unstable_by(f64::total_cmp);
        values
    };
    let (mut e, mut c) = (sorted(candidate), sorted(champion));
    if e.is_empty() || c.is_empty() || e == c {
        return f64::NEG_INFINITY;
    }
    let is_constant = |values: &[f64]| values[0] == values[values.len() - 1];
    if is_constant(&e) && is_constant(&c) {
        if e[0] == c[0] {
            return f64::NEG_INFINITY;
        }
        // Kayenta adds noise of a hundred-thousandth; any that breaks the ties does the same.
        for values in [&mut e, &mut c] {
            let scale = 1e-5 * values[0].abs();
            let n = values.len() as f64;
            values.iter_mut().enumerate().for_each(|(i, value)| *value += scale * i as f64 / n);
        }
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_e, mean_c) = (mean(&e), mean(&c));
    // The ratio of the means is not looked at when one of them is 0.
    if mean_e != 0.0 && mean_c != 0.0 && mean_e / mean_c < 1.0 {
        return f64::NEG_INFINITY;
    }
    let (low, high) = (e[0] - c[c.len() - 1], e[e.len() - 1] - c[0]);
    let estimate = root(low, high, |mu| w(&e, &c, mu, false));
    let at = TOLERANCE * estimate.abs();
    if at < low { f64::INFINITY } else { w(&e, &c, at, true) }
}

/// Where the decreasing function crosses 0; an end when it does not within.
fn root(mut low: f64, mut high: f64, decreasing: impl Fn(f64) -> f64) -> f64 {
    if decreasing(low) <= 0.0 {
        return low;
    }
    if decreasing(high) >= 0.0 {
        return high;
    }
    while high - low > ROOT_TOLERANCE {
        let middle = 0.5 * (low + high);
        let value = decreasing(middle);
        if value == 0.0 {
            // As Brent's method, which ends on an exact zero; the rank sum has flat stretches.
            return middle;
        }
        if value > 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// The standardised rank sum of `e - mu` among both sorted samples, average ranks for ties.
fn w(e: &[f64], c: &[f64], mu: f64, continuity: bool) -> f64 {
    let (m, n) = (e.len() as f64, c.len() as f64);
    let (mut i, mut j) = (0, 0);
    let (mut ranks, mut ties) = (0.0, 0.0);
    while i < e.len() || j < c.len() {
        let next_e = e.get(i).map_or(f64::INFINITY, |value| value - mu);
        let next_c = c.get(j).copied().unwrap_or(f64::INFINITY);
        let value = next_e.min(next_c);
        let (from_i, from_j) = (i, j);
        while i < e.len() && e[i] - mu == value {
            i += 1;
        }
        while j < c.len() && c[j] == value {
            j += 1;
        }
        let tied = (i - from_i + j - from_j) as f64;
        let rank = (from_i + from_j) as f64 + (tied + 1.0) / 2.0;
        ranks += rank * (i - from_i) as f64;
        ties += tied.powi(3) - tied;
    }
    let all = m + n;
    let variance = m * n / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)));
    let excess = ranks - m * (m + 1.0) / 2.0 - m * n / 2.0;
    let correction = if continuity && excess != 0.0 { 0.5 * excess.signum() } else { 0.0 };
    // All values tied: Kayenta fails with an error, which is no failed metric.
    if variance > 0.0 { (excess - correction) / variance.sqrt() } else { f64::NEG_INFINITY }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::seeded;

    fn is_high(candidate: &[f64], champion: &[f64]) -> bool {
        case(candidate, champion) > Z
    }

    #[test]
    fn a_hundredfold_in_seven_of_ten_points_passes_and_in_eight_fails() {
        // spinnaker #6278.
        let mut candidate = [100.0; 10];
        candidate[7..].fill(1.0);
        assert!(!is_high(&candidate, &[1.0; 10]));
        candidate[7] = 100.0;
        assert!(is_high(&candidate, &[1.0; 10]));
    }

    #[test]
    fn sparse_errors_against_none_pass() {
        // kayenta #426.
        assert!(!is_high(&[0.0, 1.0, 2.0, 1.0, 0.0, 0.0], &[0.0; 6]));
    }

    #[test]
    fn equal_or_empty_samples_pass_and_constant_ones_are_told_apart() {
        assert!(!is_high(&[1.0, 2.0], &[2.0, 1.0]));
        assert!(!is_high(&[], &[1.0]));
        assert!(!is_high(&[3.0; 20], &[3.0; 9]));
        assert!(is_high(&[3.0; 20], &[2.0; 20]));
        assert!(!is_high(&[2.0; 20], &[3.0; 20]));
    }

    /// High or Low at one look at lognormal points, as in the published simulation.
    fn alarms(points: usize, correlation: f64) -> f64 {
        let mut random = seeded(13);
        let runs = 1500;
        let mut series = || -> Vec<f64> {
            let mut state = random.normal();
            (0..points)
                .map(|_| {
                    let fresh = (1.0 - correlation * correlation).sqrt();
                    state = correlation * state + fresh * random.normal();
                    (0.5 * state).exp()
                })
                .collect()
        };
        let alarms = (0..runs)
            .filter(|_| {
                let (one, other) = (series(), series());
                is_high(&one, &other) || is_high(&other, &one)
            })
            .count();
        alarms as f64 / f64::from(runs)
    }

    #[test]
    fn false_alarms_are_as_frequent_as_was_found() {
        for (points, correlation, expected) in
            [(2, 0.0, 0.23), (3, 0.0, 0.059), (5, 0.0, 0.002), (60, 0.0, 0.0025), (60, 0.6, 0.106)]
        {
            let rate = alarms(points, correlation);
            assert!((rate - expected).abs() < 0.04, "{points} points, {correlation}: {rate}");
        }
    }
}
