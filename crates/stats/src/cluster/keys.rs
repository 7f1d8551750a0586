//! How unevenly the failures are spread over the keys.

use serde::{Deserialize, Serialize};

use crate::random::mix;

/// Independent measures of the second moment; their mean has a relative error of sqrt(2 / 512), 6 %.
pub const MEASURES: usize = 512;

/// The first two moments of "failures of a key", in constant memory.
///
/// With sticky keys, each key's `w` failures go to the candidate together with probability s. The
/// variance of the candidate's count is then `s (1-s) sum w^2` where independent failures have
/// `s (1-s) sum w`; the ratio `sum w^2 / sum w` is the design effect. The sum of squares is measured
/// by a signed sketch: every key has a random sign in each of [`MEASURES`] buckets' sums, and the
/// square of a sum has the expectation `sum w^2`.
///
/// Sources: Kish, Survey Sampling 1965 (design effect); Charikar, Chen and Farach-Colton 2004 and
/// Alon, Matias and Szegedy 1999 (sketch).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeyWeights {
    failures: u64,
    buckets: Vec<i64>,
}

/// What counts as one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aggregation {
    /// Every failure. For keys that seldom fail twice.
    ByRecord,
    /// The first failure of each key: exact however the failures of a key go together.
    ByKey,
}

impl Default for KeyWeights {
    fn default() -> Self {
        Self { failures: 0, buckets: vec![0; MEASURES] }
    }
}

impl KeyWeights {
    /// Takes one failure of a key, given as a well-mixed 64-bit hash.
    pub fn observe(&mut self, key: u64) {
        self.failures += 1;
        let hash = mix(key ^ 0x5bd1_e995_9e37_79b9);
        let bucket = (hash >> 1) as usize % MEASURES;
        self.buckets[bucket] += if hash & 1 == 0 { 1 } else { -1 };
    }

    /// Failures taken.
    pub fn failures(&self) -> u64 {
        self.failures
    }

    /// `sum w^2 / sum w` by now, at least 1; 1 without failures.
    pub fn design_effect(&self) -> f64 {
        if self.failures == 0 {
            return 1.0;
        }
        let squares: f64 = self.buckets.iter().map(|&sum| (sum * sum) as f64).sum();
        (squares / self.failures as f64).max(1.0)
    }
}

impl Aggregation {
    /// The choice for a canary, from the champion's failures before it: by key when a key fails
    /// more often than once on average of failures by a tenth or more, beyond three standard errors
    /// of the sketch. It is made before the canary, so that it cannot depend on its outcome.
    ///
    /// Without a history the safe choice is [`Aggregation::ByKey`].
    pub fn from_history(history: &KeyWeights) -> Self {
        if history.failures == 0 {
            return Self::ByKey;
        }
        let error = (2.0 / MEASURES as f64).sqrt();
        let limit = 1.0 + (3.0 * error).max(0.1);
        if history.design_effect() > limit { Self::ByKey } else { Self::ByRecord }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(keys: u64, failures_each: u64) -> KeyWeights {
        let mut weights = KeyWeights::default();
        for key in 0..keys {
            (0..failures_each).for_each(|_| weights.observe(mix(key + 1)));
        }
        weights
    }

    #[test]
    fn keys_that_fail_once_have_no_design_effect() {
        let weights = weights(5000, 1);
        assert!(weights.design_effect() < 1.2, "{}", weights.design_effect());
        assert_eq!(Aggregation::from_history(&weights), Aggregation::ByRecord);
    }

    #[test]
    fn keys_that_fail_ten_times_have_ten() {
        let weights = weights(5000, 10);
        let effect = weights.design_effect();
        assert!((8.0..=12.0).contains(&effect), "{effect}");
        assert_eq!(Aggregation::from_history(&weights), Aggregation::ByKey);
    }

    #[test]
    fn without_a_history_the_choice_is_safe() {
        assert_eq!(Aggregation::from_history(&KeyWeights::default()), Aggregation::ByKey);
    }
}
