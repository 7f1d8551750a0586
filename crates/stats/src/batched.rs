//! Which of two models has the larger mean (loss, score), on a stream whose level moves?

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::asymptotic::half_width;
use crate::error::{Error, open_unit};
use crate::interval::Interval;

/// Batches whose differences are remembered, to see how they vary.
const REMEMBERED: usize = 128;
/// Standard errors by which neighbouring batches must go together before it is believed.
const BELIEVED: f64 = 2.5;
/// Fewer batches say nothing about dependence in time, so there is no interval before.
const FEWEST_BATCHES: usize = 12;
/// Sums of keys, by the key's hash: keys are independent of each other, the records of one are not.
const BUCKETS: usize = 256;
/// Fewer values of each model do not make a central limit.
const FEWEST_VALUES: u64 = 100;

/// The difference `mean of the candidate - mean of the champion`, compared within short batches.
///
/// Within a batch b (a minute, say) the difference of the two models' means, `d_b`, is not moved by a
/// rhythm of the stream or by a share that changes between batches. The estimate is
/// `sum w_b d_b / sum w_b` with `w_b = n m / (n + m)`, n and m the two models' values in the batch,
/// and its variance `sum w_b^2 (s^2 / n + t^2 / m) / (sum w_b)^2` with the variances s^2, t^2 of all
/// values so far. The interval is the asymptotic confidence sequence of that estimate.
///
/// Values that are not independent are paid for by a larger variance, the larger of two measures:
/// - keys: the variance of sums over 256 groups of keys, over that of independent values (Kish 1965);
/// - time: the variance of the batches' differences over the one above, times `(1 + r) / (1 - r)` with
///   r the autocorrelation of neighbouring batches (an AR(1); Kendall 1954 for its bias), and what so
///   few batches leave open of it.
///
/// There is no interval before [`FEWEST_BATCHES`] batches and [`FEWEST_VALUES`] values of each model,
/// for before nothing is known of the dependence, nor does the central limit hold.
/// Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, Annals of Statistics 2024, on a
/// post-stratified estimate (Miratrix, Sekhon and Yu, JRSS B 2013).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BatchedDifference {
    /// Champion, candidate.
    arms: [Arm; 2],
    open: [Sum; 2],
    weights: f64,
    weighted: f64,
    /// Sums of `w^2 / n` of each model.
    spreads: [f64; 2],
    batches: VecDeque<Batch>,
}

/// Why the interval is wider than that of independent values: factors on the variance, 1 for none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dependence {
    pub keys: f64,
    pub time: f64,
}

/// All values of one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Arm {
    size: f64,
    mean: f64,
    squares: f64,
    buckets: Vec<Sum>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Sum {
    size: f64,
    sum: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Batch {
    weight: f64,
    difference: f64,
    sizes: [f64; 2],
}

impl Default for BatchedDifference {
    fn default() -> Self {
        let buckets = vec![Sum::default(); BUCKETS];
        let arm = Arm { size: 0.0, mean: 0.0, squares: 0.0, buckets };
        Self {
            arms: [arm.clone(), arm],
            open: [Sum::default(); 2],
            weights: 0.0,
            weighted: 0.0,
            spreads: [0.0; 2],
            batches: VecDeque::new(),
        }
    }
}

impl BatchedDifference {
    /// Takes one value; `key` is a well-mixed 64-bit hash of the record's key.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a value that is not finite.
    pub fn observe(&mut self, candidate: bool, value: f64, key: u64) -> Result<(), Error> {
        if !value.is_finite() {
            return Err(Error::OutOfRange { what: "value", value, must: "finite" });
        }
        let model = usize::from(candidate);
        self.arms[model].take(value, key);
        self.open[model].take(value);
        Ok(())
    }

    /// Ends a batch.
    pub fn end_batch(&mut self) {
        let Some(batch) = batch(std::mem::take(&mut self.open)) else { return };
        self.weights += batch.weight;
        self.weighted += batch.weight * batch.difference;
        for (spread, size) in self.spreads.iter_mut().zip(batch.sizes) {
            *spread += batch.weight * batch.weight / size;
        }
        if self.batches.len() == REMEMBERED {
            self.batches.pop_front();
        }
        self.batches.push_back(batch);
    }

    /// Values of the champion and of the candidate.
    pub fn sizes(&self) -> [u64; 2] {
        [self.arms[0].size as u64, self.arms[1].size as u64]
    }

    /// Plain means of the champion and of the candidate; 0 without values.
    pub fn means(&self) -> [f64; 2] {
        [self.arms[0].mean, self.arms[1].mean]
    }

    /// By how much the variance of the estimate is larger than for independent values.
    pub fn dependence(&self) -> Dependence {
        Dependence { keys: self.key_effect(), time: self.time_effect() }
    }

    /// The interval by now, tightest around `tuned_for` values of both models; `None` while there are
    /// too few for any.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a confidence outside (0, 1).
    pub fn interval(&self, tuned_for: u64, confidence: f64) -> Result<Option<Interval>, Error> {
        open_unit("confidence", confidence)?;
        let (mut weights, mut weighted, mut spreads) = (self.weights, self.weighted, self.spreads);
        if let Some(open) = batch(self.open) {
            weights += open.weight;
            weighted += open.weight * open.difference;
            for (spread, size) in spreads.iter_mut().zip(open.sizes) {
                *spread += open.weight * open.weight / size;
            }
        }
        let is_short = self.batches.len() < FEWEST_BATCHES;
        if is_short || self.sizes().iter().any(|size| *size < FEWEST_VALUES) {
            return Ok(None);
        }
        let estimate = weighted / weights;
        let Dependence { keys, time } = self.dependence();
        let variance = self.variance(spreads) / (weights * weights) * keys.max(time);
        let size = self.arms[0].size + self.arms[1].size;
        let half = half_width(variance * size, size, tuned_for.max(1) as f64, 1.0 - confidence);
        Ok(Some(Interval { estimate, lower: estimate - half, upper: estimate + half, confidence }))
    }

    fn variance(&self, spreads: [f64; 2]) -> f64 {
        self.arms.iter().zip(spreads).map(|(arm, spread)| arm.variance() * spread).sum()
    }

    /// The larger one of the two models' key effects.
    fn key_effect(&self) -> f64 {
        self.arms.iter().map(Arm::key_effect).fold(1.0, f64::max)
    }

    /// Long-run variance of the batches' weighted residuals over the variance of independent values.
    fn time_effect(&self) -> f64 {
        if self.batches.len() < 5 {
            return 1.0;
        }
        let (mut weights, mut weighted) = (0.0, 0.0);
        for batch in &self.batches {
            weights += batch.weight;
            weighted += batch.weight * batch.difference;
        }
        let mean = weighted / weights;
        let residuals: Vec<f64> =
            self.batches.iter().map(|b| b.weight * (b.difference - mean)).collect();
        let variances = self.arms.each_ref().map(Arm::variance);
        let expected: f64 = self
            .batches
            .iter()
            .map(|b| {
                let part = |model: usize| variances[model] / b.sizes[model];
                b.weight * b.weight * (part(0) + part(1))
            })
            .sum();
        if expected <= 0.0 {
            return 1.0;
        }
        let number = residuals.len() as f64;
        let lost = 1.0 - 1.0 / number;
        let effect = at_lag(&residuals, 0) / expected / lost;
        // Within what independent batches show by chance, nothing is added.
        if effect <= 1.0 + 3.0 * (2.0 / number).sqrt()
            && correlation(&residuals) < BELIEVED / number.sqrt()
        {
            return 1.0;
        }
        let correlation = correlation(&residuals).clamp(0.0, 0.95);
        let persistence = (1.0 + correlation) / (1.0 - correlation);
        // So many independent batches would tell as much of the variance; what they leave open is paid for too.
        let found = number / persistence;
        let open = 1.0 - 1.645 * (2.0 / found).sqrt();
        (effect * persistence / open.max(0.25)).max(1.0)
    }
}

fn at_lag(residuals: &[f64], lag: usize) -> f64 {
    residuals.iter().zip(&residuals[lag..]).map(|(a, b)| a * b).sum()
}

/// Autocorrelation of neighbouring batches, with what a fitted mean takes away given back.
fn correlation(residuals: &[f64]) -> f64 {
    let (number, own) = (residuals.len() as f64, at_lag(residuals, 0));
    if own <= 0.0 {
        return 0.0;
    }
    let raw = at_lag(residuals, 1) / own;
    raw + (1.0 + 3.0 * raw) / number
}

impl Arm {
    fn take(&mut self, value: f64, key: u64) {
        self.size += 1.0;
        let before = value - self.mean;
        self.mean += before / self.size;
        self.squares += before * (value - self.mean);
        self.buckets[key as usize % BUCKETS].take(value);
    }

    fn variance(&self) -> f64 {
        if self.size < 2.0 { 0.0 } else { self.squares / (self.size - 1.0) }
    }

    /// `sum over groups (sum of the group - its size times the mean)^2` over `size * variance`: 1 for
    /// independent values, the design effect for keys that come again and again.
    fn key_effect(&self) -> f64 {
        let independent = self.size * self.variance();
        if independent <= 0.0 {
            return 1.0;
        }
        let squares: f64 = self.buckets.iter().map(|b| (b.sum - b.size * self.mean).powi(2)).sum();
        let effect = squares / independent * BUCKETS as f64 / (BUCKETS - 1) as f64;
        // Within what 256 groups of independent values show by chance, nothing is added.
        if effect > 1.0 + 3.0 * (2.0 / BUCKETS as f64).sqrt() { effect } else { 1.0 }
    }
}

impl Sum {
    fn take(&mut self, value: f64) {
        self.size += 1.0;
        self.sum += value;
    }
}

/// `None` where one of the two models has no value: such a batch compares nothing.
fn batch(open: [Sum; 2]) -> Option<Batch> {
    let [champion, candidate] = open;
    if champion.size == 0.0 || candidate.size == 0.0 {
        return None;
    }
    Some(Batch {
        weight: champion.size * candidate.size / (champion.size + candidate.size),
        difference: candidate.sum / candidate.size - champion.sum / champion.size,
        sizes: [champion.size, candidate.size],
    })
}

#[cfg(test)]
#[path = "batched_tests.rs"]
mod tests;
