//! How large is the candidate's effect, watched record by record, with no model of the outcomes?

use serde::{Deserialize, Serialize};

use crate::error::{Error, open_unit};
use crate::interval::Interval;
use crate::mixture::{Sides, bound, gamma_exponential_log_e, precision};

/// A confidence sequence for `mean loss of the candidate - mean loss of the champion`, for losses
/// in [0, 1] of records that are split at random with a known share.
///
/// Each record gives an unbiased guess of the difference by inverse probability weighting,
/// `X = (c - d) + (A - s) / (s (1 - s)) (Y - mean of its model so far)`, with A = 1 for the
/// candidate, Y the loss, and c, d the two models' means over earlier records (1/2 at the start).
/// `sum X +- u(V)`, with `V = sum (X - (c - d))^2` and u the gamma-exponential bound at alpha/2 with
/// scale `2 / min(s, 1-s)`, holds the sum of the true differences at all times. The share may change
/// from record to record between the smallest and the largest that are announced at the start, and
/// the difference may change in time: the interval is for its mean over the records so far.
///
/// Source: Howard, Ramdas, McAuliffe and Sekhon, Annals of Statistics 2021, Corollary 2.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WeightedDifference {
    /// The smallest probability with which either model is drawn.
    least: f64,
    records: u64,
    sum: f64,
    time: f64,
    means: [RunningMean; 2],
}

#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct RunningMean {
    size: u64,
    sum: f64,
}

impl WeightedDifference {
    /// A sequence without records; all shares to come lie in [`smallest`, `largest`].
    ///
    /// # Errors
    /// [`Error::OutOfRange`] unless both are strictly between 0 and 1.
    pub fn new(smallest: f64, largest: f64) -> Result<Self, Error> {
        let least = open_unit("smallest share", smallest)?;
        let least = least.min(1.0 - open_unit("largest share", largest)?);
        let means = [RunningMean::default(); 2];
        Ok(Self { least, records: 0, sum: 0.0, time: 0.0, means })
    }

    /// Takes the loss in [0, 1] of one record, drawn for the candidate with probability `share`.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a loss outside [0, 1] or a share outside the announced range.
    pub fn observe(&mut self, candidate: bool, share: f64, loss: f64) -> Result<(), Error> {
        if !(0.0..=1.0).contains(&loss) {
            return Err(Error::OutOfRange { what: "loss", value: loss, must: "in [0, 1]" });
        }
        let rarer = share.min(1.0 - share);
        if rarer.is_nan() || rarer < self.least - 1e-12 {
            let must = "in the range announced at the start";
            return Err(Error::OutOfRange { what: "share", value: share, must });
        }
        let [champion_mean, candidate_mean] = self.means.map(|mean| mean.value());
        let drawn = usize::from(candidate);
        let weight = if candidate { 1.0 / share } else { -1.0 / (1.0 - share) };
        let surprise = weight * (loss - self.means[drawn].value());
        self.records += 1;
        self.sum += candidate_mean - champion_mean + surprise;
        self.time += surprise * surprise;
        self.means[drawn].size += 1;
        self.means[drawn].sum += loss;
        Ok(())
    }

    /// The interval by now, tightest around `tuned_for` records whose losses have `variance`
    /// (`p (1-p)` for an error rate p).
    ///
    /// # Errors
    /// [`Error`] without records, or for a confidence or a variance that makes no sense.
    pub fn interval(
        &self,
        tuned_for: u64,
        variance: f64,
        confidence: f64,
    ) -> Result<Interval, Error> {
        open_unit("confidence", confidence)?;
        if self.records == 0 || tuned_for == 0 {
            return Err(Error::TooFew { what: "records", given: 0, needed: 1 });
        }
        if !(variance > 0.0 && variance.is_finite()) {
            return Err(Error::OutOfRange { what: "variance", value: variance, must: "above 0" });
        }
        let alpha = (1.0 - confidence) / 2.0;
        let scale = 2.0 / self.least;
        let typical = tuned_for as f64 * variance * (1.0 / self.least + 1.0 / (1.0 - self.least));
        let rho = precision(typical, alpha, Sides::Upper);
        let n = self.records as f64;
        let log_e = |sum| gamma_exponential_log_e(sum, self.time, rho, scale);
        let half = bound(alpha, 2.0 * scale * n, log_e) / n;
        let estimate = self.sum / n;
        let (lower, upper) = ((estimate - half).max(-1.0), (estimate + half).min(1.0));
        Ok(Interval { estimate, lower, upper, confidence })
    }
}

impl RunningMean {
    fn value(self) -> f64 {
        if self.size == 0 { 0.5 } else { self.sum / self.size as f64 }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::testing::{Random, assert_close};

    #[test]
    fn two_records_by_hand() {
        let mut difference = WeightedDifference::new(0.5, 0.5).unwrap();
        difference.observe(true, 0.5, 1.0).unwrap();
        // 0 + 2 (1 - 1/2) = 1; then (1 - 1/2) - 2 (0 - 1/2) = 1.5.
        difference.observe(false, 0.5, 0.0).unwrap();
        let interval = difference.interval(100, 0.25, 0.95).unwrap();
        assert_close(interval.estimate, 1.25, 1e-12);
        assert_eq!((interval.lower, interval.upper), (-1.0, 1.0));
        assert!(difference.observe(true, 0.4, 1.0).is_err());
        assert!(difference.observe(true, 0.5, 1.1).is_err());
    }

    #[test]
    fn the_true_difference_is_held_at_all_times_and_the_interval_shrinks() {
        let mut random = Random::seeded(64);
        let runs = 200;
        let mut width = 0.0;
        let missed = (0..runs)
            .filter(|_| {
                let mut difference = WeightedDifference::new(0.1, 0.5).unwrap();
                (0..6000).any(|record| {
                    let share = if record < 2000 { 0.1 } else { 0.5 };
                    let candidate = random.chance(share);
                    let wrong = random.chance(if candidate { 0.15 } else { 0.05 });
                    difference.observe(candidate, share, f64::from(u8::from(wrong))).unwrap();
                    if record % 500 != 499 {
                        return false;
                    }
                    let interval = difference.interval(3000, 0.05, 0.95).unwrap();
                    width = interval.upper - interval.lower;
                    !interval.contains(0.1)
                })
            })
            .count();
        assert!(missed <= 10, "{missed} of {runs}");
        assert!(width < 0.1, "{width}");
    }
}
