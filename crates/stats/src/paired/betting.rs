//! Betting on the mean of paired bounded differences.

use serde::{Deserialize, Serialize};

use crate::error::{Error, open_unit};

/// An e-process for the mean of differences in [-1, 1], one a pair: candidate's loss minus
/// champion's loss.
///
/// Null hypothesis: the mean difference is at most `margin`. With `x = (d + 1) / 2` and
/// `m = (margin + 1) / 2` the wealth is `prod (1 + lambda_i (x_i - m))`, where the bet
/// `lambda_i = (mean - m) / (variance + (mean - m)^2)`, clipped to `[0, 1 / (2 m)]`, uses only what
/// was seen before pair i ("approximate Kelly"). The running mean starts as one observation of 1/2,
/// the running variance as one of 1/4.
///
/// Valid at any stopping time: P(log_e ever >= ln(1/alpha)) <= alpha, for any dependence in which
/// each difference has a conditional mean of at most `margin`.
///
/// Source: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting",
/// JRSS B 2024, with the clip at half of the largest admissible bet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BettingTest {
    null_mean: f64,
    pairs: u64,
    sum: f64,
    squares: f64,
    log_e: f64,
    peak_log_e: f64,
}

impl BettingTest {
    /// A test without evidence yet; `margin` in (-1, 1) is the mean difference that is tolerated,
    /// in the unit of the differences.
    pub fn new(margin: f64) -> Result<Self, Error> {
        let null_mean = open_unit("(margin + 1) / 2", (margin + 1.0) / 2.0)?;
        Ok(Self { null_mean, pairs: 0, sum: 0.0, squares: 0.0, log_e: 0.0, peak_log_e: 0.0 })
    }

    /// Takes one difference in [-1, 1].
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for any other value, NaN included; the state is left as it was.
    pub fn observe(&mut self, difference: f64) -> Result<(), Error> {
        if !(-1.0..=1.0).contains(&difference) {
            let must = "in [-1, 1]";
            return Err(Error::OutOfRange { what: "difference", value: difference, must });
        }
        let value = (difference + 1.0) / 2.0;
        self.log_e += (self.bet() * (value - self.null_mean)).ln_1p();
        self.peak_log_e = self.peak_log_e.max(self.log_e);
        self.pairs += 1;
        self.sum += value;
        let deviation = value - self.mean();
        self.squares += deviation * deviation;
        Ok(())
    }

    /// The evidence against "at most `margin`" by now; 0 at the start.
    pub fn log_e(&self) -> f64 {
        self.log_e
    }

    /// The most evidence there has ever been; a rejection stands.
    pub fn peak_log_e(&self) -> f64 {
        self.peak_log_e
    }

    /// Whether the null hypothesis was rejected at any time, see [`crate::sequential::threshold`].
    pub fn rejects(&self, alpha: f64, metrics: usize) -> bool {
        self.peak_log_e >= crate::sequential::threshold(alpha, metrics)
    }

    /// Pairs taken.
    pub fn pairs(&self) -> u64 {
        self.pairs
    }

    fn mean(&self) -> f64 {
        (0.5 + self.sum) / (self.pairs as f64 + 1.0)
    }

    fn bet(&self) -> f64 {
        let variance = (0.25 + self.squares) / (self.pairs as f64 + 1.0);
        let lead = self.mean() - self.null_mean;
        (lead / (variance + lead * lead)).clamp(0.0, 0.5 / self.null_mean)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::testing::{Random, assert_close};

    #[test]
    fn differences_match_the_oracle() {
        let differences = [0, 0, 1, 0, 0, -1, 0, 1, 1, 0, 0, 1, 0, 0, 0, 1, 0, -1, 0, 1];
        let mut test = BettingTest::new(0.01).unwrap();
        for (pair, difference) in differences.into_iter().enumerate() {
            test.observe(f64::from(difference)).unwrap();
            if pair + 1 == 16 {
                assert_close(test.log_e(), 0.252315529, 1e-9);
            }
        }
        assert_close(test.log_e(), -0.1248925524, 1e-9);
        assert_close(test.peak_log_e(), 0.252315529, 1e-9);
        assert_eq!(test.pairs(), 20);
    }

    #[test]
    fn refuses_what_is_not_a_bounded_difference() {
        let mut test = BettingTest::new(0.0).unwrap();
        for difference in [1.5, -1.5, f64::NAN] {
            assert!(test.observe(difference).is_err());
        }
        assert_eq!(test.pairs(), 0);
        assert!(BettingTest::new(1.0).is_err());
    }

    /// Rejections in `runs` runs of 2,000 pairs of which `worse` and `better` disagree.
    fn rejections(worse: f64, better: f64, runs: usize) -> usize {
        let mut random = Random::seeded(7);
        (0..runs)
            .filter(|_| {
                let mut test = BettingTest::new(0.0).unwrap();
                (0..2000).any(|_| {
                    let draw = random.uniform();
                    let difference = match draw {
                        d if d < worse => 1.0,
                        d if d < worse + better => -1.0,
                        _ => 0.0,
                    };
                    test.observe(difference).unwrap();
                    test.rejects(0.05, 1)
                })
            })
            .count()
    }

    #[test]
    fn false_alarms_stay_below_alpha_and_harm_is_found() {
        let alarms = rejections(0.03, 0.03, 400);
        assert!(alarms <= 20, "{alarms} false alarms in 400 runs");
        let found = rejections(0.06, 0.02, 50);
        assert!(found >= 48, "harm found in {found} of 50 runs");
    }
}
