//! Is the candidate's error rate worse than the champion's, on one labelled hold-out?
//!
//! Both models answer the same records, so their errors go together and the two rates must not be
//! compared as if they came from two samples. Everything is in the pairs on which exactly one of
//! them is wrong.

use crate::error::{Error, open_unit};
use crate::interval::Interval;
use crate::paired::Discordant;
use crate::special::{bisect, two_sided_z};

/// Confidence interval for `candidate's error rate - champion's error rate` on the same `records`.
///
/// The candidate is *not worse than the champion by more than a margin* when the upper end is at
/// most the margin. That is a one-sided test, so take `confidence = 1 - 2 alpha` for it.
///
/// Method: Tango's score interval, all differences D with `|T(D)| <= z`, where
/// `T(D) = (b - c - n D) / sqrt(n (2 q + D (1 - D)))`, b and c are the pairs that only the candidate
/// and only the champion got wrong, and q is the most likely rate of the latter when the difference
/// is D. It keeps its coverage with few or no discordant pairs, where the textbook interval has
/// width 0. Source: Tango, Statistics in Medicine 17 (1998) 891-908; recommended by Fagerland,
/// Lydersen and Laake, Statistics in Medicine 33 (2014) 2850-2875.
///
/// # Errors
/// [`Error`] when there are no records, more discordant pairs than records, or `confidence` is not
/// in (0, 1).
pub fn error_rate_difference(
    pairs: Discordant,
    records: u64,
    confidence: f64,
) -> Result<Interval, Error> {
    open_unit("confidence", confidence)?;
    if records == 0 {
        return Err(Error::TooFew { what: "records", given: 0, needed: 1 });
    }
    if pairs.total() > records {
        let (value, must) = (pairs.total() as f64, "at most the number of records");
        return Err(Error::OutOfRange { what: "discordant pairs", value, must });
    }
    let score = Score {
        candidate_only: pairs.candidate_only as f64,
        champion_only: pairs.champion_only as f64,
        records: records as f64,
    };
    let z = two_sided_z(confidence);
    let estimate = (score.candidate_only - score.champion_only) / score.records;
    Ok(Interval {
        estimate,
        lower: bisect(-1.0, 1.0, -z, |difference| -score.at(difference)).min(estimate),
        upper: bisect(-1.0, 1.0, z, |difference| -score.at(difference)).max(estimate),
        confidence,
    })
}

struct Score {
    candidate_only: f64,
    champion_only: f64,
    records: f64,
}

impl Score {
    /// Tango's T at a hypothetical difference: decreasing, 0 at the estimate.
    fn at(&self, difference: f64) -> f64 {
        let n = self.records;
        let excess = self.candidate_only - self.champion_only - n * difference;
        let variance =
            n * (2.0 * self.champion_only_rate(difference) + difference * (1.0 - difference));
        if variance > 0.0 {
            excess / variance.sqrt()
        } else if excess == 0.0 {
            0.0
        } else {
            excess.signum() * f64::INFINITY
        }
    }

    /// The most likely rate of "only the champion is wrong" given the difference: the larger root of
    /// a quadratic, from Tango's appendix.
    fn champion_only_rate(&self, difference: f64) -> f64 {
        let n = self.records;
        let a = 2.0 * n;
        let b = (2.0 * n - self.candidate_only + self.champion_only) * difference
            - self.candidate_only
            - self.champion_only;
        let c = -self.champion_only * difference * (1.0 - difference);
        ((b * b - 4.0 * a * c).max(0.0).sqrt() - b) / (2.0 * a)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::testing::{Random, assert_close};

    fn interval(candidate_only: u64, champion_only: u64, records: u64) -> Interval {
        let pairs = Discordant { candidate_only, champion_only };
        error_rate_difference(pairs, records, 0.95).unwrap()
    }

    #[test]
    fn published_example() {
        // Bentur et al. 2009, airway hyper-responsiveness: 1 against 7 of 21, as printed by
        // Fagerland et al. 2014: -0.517 to -0.026.
        let airway = interval(1, 7, 21);
        assert_close(airway.estimate, -6.0 / 21.0, 1e-12);
        assert_close(airway.lower, -0.517, 5e-4);
        assert_close(airway.upper, -0.026, 5e-4);
    }

    #[test]
    fn the_two_models_are_interchangeable() {
        for (b, c, n) in [(1, 7, 21), (40, 20, 160), (0, 5, 100), (3, 0, 3), (0, 0, 9)] {
            let (one, other) = (interval(b, c, n), interval(c, b, n));
            assert_close(one.lower, -other.upper, 1e-9);
            assert_close(one.upper, -other.lower, 1e-9);
            assert!(one.contains(one.estimate), "{one:?}");
        }
    }

    #[test]
    fn no_disagreement_still_leaves_doubt() {
        // z² / (n + z²) for b = c = 0.
        let z2 = 1.959963984540054f64.powi(2);
        assert_close(interval(0, 0, 100).upper, z2 / (100.0 + z2), 1e-9);
        assert_close(interval(0, 0, 36_000).upper, z2 / (36_000.0 + z2), 1e-9);
    }

    #[test]
    fn refuses_impossible_counts() {
        let pairs = Discordant { candidate_only: 2, champion_only: 2 };
        assert!(error_rate_difference(pairs, 3, 0.95).is_err());
        assert!(error_rate_difference(pairs, 0, 0.95).is_err());
        assert!(error_rate_difference(pairs, 4, 1.0).is_err());
    }

    #[test]
    fn covers_the_truth_as_often_as_it_says() {
        let mut random = Random::seeded(1998);
        for (worse, better, records) in [(0.02, 0.02, 300), (0.05, 0.01, 300), (0.004, 0.002, 2000)]
        {
            let runs = 600;
            let covered = (0..runs)
                .filter(|_| {
                    let mut pairs = Discordant::default();
                    for _ in 0..records {
                        let draw = random.uniform();
                        if draw < worse {
                            pairs.candidate_only += 1;
                        } else if draw < worse + better {
                            pairs.champion_only += 1;
                        }
                    }
                    let interval = error_rate_difference(pairs, records, 0.95).unwrap();
                    interval.contains(worse - better)
                })
                .count();
            let coverage = covered as f64 / f64::from(runs);
            // Three standard errors of the simulation around 0.95.
            assert!((0.923..=0.985).contains(&coverage), "{worse} {better} {records}: {coverage}");
        }
    }
}
