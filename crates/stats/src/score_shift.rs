//! How differently do two models score the same records?

use serde::{Deserialize, Serialize};

use crate::drift::{KsTest, Moments, ks_two_sample, moments};
use crate::error::{Error, finite_sample, open_unit};
use crate::interval::Interval;
use crate::special::two_sided_t;

/// The difference between the candidate's and the champion's scores of the same records.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ScoreShift {
    /// Records that both models scored.
    pub pairs: u64,
    /// Mean of `candidate - champion`, with its interval, in the unit of the score.
    pub mean_difference: Interval,
    /// Mean of `|candidate - champion|`: shifts up and down do not cancel here.
    pub mean_absolute_difference: f64,
    /// The largest `|candidate - champion|` of any record.
    pub largest_difference: f64,
    /// The two samples of scores compared as distributions. Its p-value ignores the pairing; scores
    /// of the same records go together, so it is larger than it need be, never smaller in practice.
    pub distributions: KsTest,
}

/// Compares paired scores, all finite.
///
/// The interval is Student's for paired differences, `mean ± t_{n-1} s / sqrt(n)`: it assumes
/// independent records and either many of them or differences that are not extremely skewed.
/// Source: Student, Biometrika 1908.
///
/// # Errors
/// [`Error`] with fewer than 2 pairs, for samples of different lengths, scores that are not finite,
/// or `confidence` outside (0, 1).
pub fn score_shift(
    candidate: &[f64],
    champion: &[f64],
    confidence: f64,
) -> Result<ScoreShift, Error> {
    if candidate.len() != champion.len() {
        let (candidate, champion) = (candidate.len(), champion.len());
        return Err(Error::Unpaired { candidate, champion });
    }
    finite_sample("candidate's scores", candidate, 2)?;
    finite_sample("champion's scores", champion, 2)?;
    let differences: Vec<f64> = candidate.iter().zip(champion).map(|(a, b)| a - b).collect();
    let absolute = differences.iter().map(|difference| difference.abs());
    Ok(ScoreShift {
        pairs: differences.len() as u64,
        mean_difference: mean_interval(&differences, confidence)?,
        mean_absolute_difference: absolute.clone().sum::<f64>() / differences.len() as f64,
        largest_difference: absolute.fold(0.0, f64::max),
        distributions: ks_two_sample(champion, candidate)?,
    })
}

/// Student's interval for the mean of at least 2 finite values, in their unit.
///
/// # Errors
/// As for [`score_shift`].
pub fn mean_interval(values: &[f64], confidence: f64) -> Result<Interval, Error> {
    open_unit("confidence", confidence)?;
    finite_sample("sample", values, 2)?;
    mean_interval_of(moments(values)?, values.len() as u64, confidence)
}

/// As [`mean_interval`], for a sample too large to keep: from its size, mean and standard deviation.
///
/// # Errors
/// [`Error`] with a size below 2, moments that are not finite, or `confidence` outside (0, 1).
pub fn mean_interval_of(moments: Moments, size: u64, confidence: f64) -> Result<Interval, Error> {
    open_unit("confidence", confidence)?;
    finite_sample("moments", &[moments.mean, moments.standard_deviation], 2)?;
    if size < 2 {
        return Err(Error::TooFew { what: "sample", given: size as usize, needed: 2 });
    }
    let n = size as f64;
    let half = two_sided_t(confidence, n - 1.0) * moments.standard_deviation / n.sqrt();
    let (lower, upper) = (moments.mean - half, moments.mean + half);
    Ok(Interval { estimate: moments.mean, lower, upper, confidence })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::testing::{Random, assert_close};

    #[test]
    #[expect(clippy::approx_constant, reason = "a measured score, not pi")]
    fn paired_differences_match_students_interval() {
        // Hollander and Wolfe's depression scores: t = 3.0353754 on 8 degrees of freedom.
        let before = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30];
        let after = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29];
        let shift = score_shift(&before, &after, 0.95).unwrap();
        let interval = shift.mean_difference;
        let half = interval.upper - interval.estimate;
        // 2.306004135 is t_{8; 0.975}.
        assert_close(interval.estimate / (half / 2.306004135), 3.0353754, 1e-6);
        assert_close(interval.estimate - interval.lower, half, 1e-12);
        assert_eq!(shift.pairs, 9);
        assert_close(shift.largest_difference, 1.022, 1e-12);
        assert!(shift.mean_absolute_difference > interval.estimate);
    }

    #[test]
    fn identical_scores_do_not_shift() {
        let scores = [0.1, 0.9, 0.4];
        let shift = score_shift(&scores, &scores, 0.95).unwrap();
        assert_eq!(shift.mean_difference.lower, 0.0);
        assert_eq!(shift.mean_difference.upper, 0.0);
        assert_eq!((shift.distributions.statistic, shift.distributions.p_value), (0.0, 1.0));
    }

    #[test]
    fn refuses_what_is_not_paired() {
        assert!(matches!(score_shift(&[1.0, 2.0], &[1.0], 0.95), Err(Error::Unpaired { .. })));
        assert!(matches!(score_shift(&[1.0], &[1.0], 0.95), Err(Error::TooFew { .. })));
        let nan = score_shift(&[1.0, f64::NAN], &[1.0, 1.0], 0.95);
        assert_eq!(nan, Err(Error::NotFinite { what: "candidate's scores", position: 1 }));
    }

    #[test]
    fn the_interval_covers_the_true_shift() {
        let mut random = Random::seeded(41);
        let runs = 600;
        let covered = (0..runs)
            .filter(|_| {
                let values: Vec<f64> = (0..50).map(|_| 0.2 + random.normal()).collect();
                mean_interval(&values, 0.9).unwrap().contains(0.2)
            })
            .count();
        let coverage = covered as f64 / f64::from(runs);
        assert!((0.863..=0.937).contains(&coverage), "{coverage}");
    }
}
