//! The mean of values that may go together, and how much less sure it is than that of independent ones.

use serde::{Deserialize, Serialize};

use crate::random::mix;

/// Batches at most; when there are so many, two neighbours become one.
const MOST_BATCHES: usize = 128;
/// Coarser sums of them are looked at down to so many.
const FEWEST_BATCHES: usize = 16;
/// Signed sums of keys: their squares have a relative error of sqrt(2 / 512), 6 %.
const BUCKETS: usize = 512;
/// Fewer keys than this, weighed by their values, are no sample of keys.
const FEWEST_KEYS: f64 = 30.0;
/// Standard errors above 1 at which a dispersion is believed.
const BELIEVED: f64 = 2.0;

/// Count, mean and variance of a sequence of values, with what tells whether they are independent:
/// sums by key and sums by stretches of the sequence. Constant in size.
#[derive(Debug, Clone, PartialEq)]
pub struct ClusteredMean {
    count: u64,
    mean: f64,
    squares: f64,
    keyed: u64,
    /// For each bucket the sum of values and of counts, each key with its sign.
    by_key: Vec<[f64; 2]>,
    /// Sums of `size` values each, in their order, and the one that is being filled.
    batches: Vec<f64>,
    size: u64,
    open: (u64, f64),
}

/// How many times more the mean varies than that of independent values, and why.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Dependence {
    /// At least 1: as many values as this say what one independent value would.
    pub factor: f64,
    /// What was found.
    pub cause: Cause,
}

/// In which way values go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// Nothing speaks against independent values.
    Independent,
    /// The values of a key go together: they are counted by key.
    Keys,
    /// Neighbours in the sequence go together: they are counted in batches.
    Time,
}

impl Default for ClusteredMean {
    fn default() -> Self {
        Self {
            count: 0,
            mean: 0.0,
            squares: 0.0,
            keyed: 0,
            by_key: vec![[0.0; 2]; BUCKETS],
            batches: Vec::with_capacity(MOST_BATCHES),
            size: 1,
            open: (0, 0.0),
        }
    }
}

impl ClusteredMean {
    /// Takes the next finite value; `key` is a hash of what it belongs to, where it belongs to something.
    pub fn observe(&mut self, value: f64, key: Option<u64>) {
        // Welford, Technometrics 1962.
        self.count += 1;
        let deviation = value - self.mean;
        self.mean += deviation / self.count as f64;
        self.squares += deviation * (value - self.mean);
        if let Some(key) = key {
            self.keyed += 1;
            let hash = mix(key ^ 0x2f6e_2b1d_9c5a_7e43);
            let sign = if hash & 1 == 0 { 1.0 } else { -1.0 };
            let bucket = &mut self.by_key[(hash >> 1) as usize % BUCKETS];
            bucket[0] += sign * value;
            bucket[1] += sign;
        }
        self.open.0 += 1;
        self.open.1 += value;
        if self.open.0 == self.size {
            self.batches.push(self.open.1);
            self.open = (0, 0.0);
            if self.batches.len() == MOST_BATCHES {
                self.batches = halved(&self.batches);
                self.size *= 2;
            }
        }
    }

    /// Values taken.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their mean; 0 without values.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Their variance (unbiased), in the square of their unit; 0 with fewer than two.
    pub fn variance(&self) -> f64 {
        self.squares / (self.count as f64 - 1.0).max(1.0)
    }

    /// How the values depend on each other by now: by key or in time, whichever costs more.
    ///
    /// - By key: `sum_k (x_k - m n_k)^2 / (n s^2)`, where key k has n_k values that add up to x_k (the
    ///   design effect of the mean, Kish 1965). The sum over the keys is measured by signed sums in
    ///   512 buckets (Alon, Matias and Szegedy 1999). Fewer than 30 keys (`n^2 / sum n_k^2`) are taken
    ///   as the keys that there are, not as a sample of others.
    /// - In time: batch means, `sum_j (y_j - m b)^2 / (n s^2)` over batches of b values that add up to
    ///   y_j, for 64 to 127 batches and for sums of 2 and 4 of them (Law and Carson, Operations
    ///   Research 1979); the batches grow with the sequence, so that slow courses come out in the end.
    ///
    /// Believed only where clearly above 1, two standard errors (so independent values keep their
    /// exact tests), and then with one standard error on top, so that it is seldom too small.
    pub fn dependence(&self) -> Dependence {
        let (keys, time) = (self.by_key(), self.in_time());
        if keys <= 1.0 && time <= 1.0 {
            Dependence { factor: 1.0, cause: Cause::Independent }
        } else if keys >= time {
            Dependence { factor: keys, cause: Cause::Keys }
        } else {
            Dependence { factor: time, cause: Cause::Time }
        }
    }

    fn by_key(&self) -> f64 {
        let spread = self.squares * self.keyed as f64 / self.count.max(1) as f64;
        if self.keyed == 0 || spread <= 0.0 {
            return 1.0;
        }
        let counted: f64 = self.by_key.iter().map(|[_, n]| n * n).sum();
        let keys = (self.keyed as f64).powi(2) / counted.max(1.0);
        if keys < FEWEST_KEYS {
            return 1.0;
        }
        let residual = |[x, n]: &[f64; 2]| (x - self.mean * n).powi(2);
        let found = self.by_key.iter().map(residual).sum::<f64>() / spread;
        believed(found, (2.0 / BUCKETS as f64 + 2.0 / keys).sqrt())
    }

    fn in_time(&self) -> f64 {
        let (mut batches, mut size) = (self.batches.clone(), self.size as f64);
        let mut most = 1.0_f64;
        while batches.len() >= FEWEST_BATCHES && self.squares > 0.0 {
            let n = batches.len() as f64;
            let spread = n * size * self.squares / self.count as f64;
            let residual = |sum: &f64| (sum - self.mean * size).powi(2);
            // The mean is fitted, which takes one of n degrees of freedom.
            let found = batches.iter().map(residual).sum::<f64>() / spread * n / (n - 1.0);
            // Batches of one value say nothing about neighbours.
            if size > 1.0 {
                most = most.max(believed(found, (2.0 / (n - 1.0)).sqrt()));
            }
            batches = halved(&batches);
            size *= 2.0;
        }
        most
    }
}

/// The dispersion to count with: 1, unless what was found is clearly more.
fn believed(found: f64, error: f64) -> f64 {
    if found > 1.0 + BELIEVED * error { found * (1.0 + error) } else { 1.0 }
}

/// Sums of two neighbours each; a last one without a neighbour is left out.
fn halved(batches: &[f64]) -> Vec<f64> {
    batches.chunks_exact(2).map(|pair| pair[0] + pair[1]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, assert_close};

    #[test]
    fn moments_are_those_of_the_values() {
        let mut values = ClusteredMean::default();
        for value in [1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0] {
            values.observe(value, None);
        }
        assert_eq!((values.count(), values.mean(), values.variance()), (4, 1e9 + 10.0, 30.0));
        assert_eq!(ClusteredMean::default().dependence().cause, Cause::Independent);
    }

    #[test]
    fn independent_values_are_seldom_taken_for_dependent_ones() {
        let mut random = Random::seeded(51);
        let mut wrong = 0;
        for _ in 0..100 {
            let mut values = ClusteredMean::default();
            for key in 0..4_000 {
                values.observe(f64::from(u8::from(random.chance(0.05))), Some(mix(key)));
            }
            wrong += usize::from(values.dependence().cause != Cause::Independent);
        }
        assert!(wrong <= 15, "{wrong} of 100");
    }

    #[test]
    fn a_slow_course_is_found_in_time() {
        let mut random = Random::seeded(52);
        let mut values = ClusteredMean::default();
        let mut state = 0.0;
        for _ in 0..50_000 {
            state = 0.6 * state + 0.8 * random.normal();
            values.observe(state, None);
        }
        // (1 + 0.6) / (1 - 0.6) = 4, with up to a third on top for the error of the estimate.
        let found = values.dependence();
        assert_eq!(found.cause, Cause::Time);
        assert!((3.2..=6.0).contains(&found.factor), "{found:?}");
    }

    #[test]
    fn keys_that_go_together_are_found_however_they_are_mixed() {
        let mut random = Random::seeded(53);
        let levels: Vec<f64> = (0..400).map(|_| random.normal()).collect();
        let mut values = ClusteredMean::default();
        for _ in 0..8_000 {
            let key = (random.uniform() * 400.0) as usize;
            values.observe(levels[key] + random.normal(), Some(mix(key as u64)));
        }
        // 1 + 20 values a key with an intraclass correlation of 1/2.
        let found = values.dependence();
        assert_eq!(found.cause, Cause::Keys);
        assert!((8.0..=14.0).contains(&found.factor), "{found:?}");
    }

    #[test]
    fn a_handful_of_keys_is_no_sample_of_keys() {
        let mut random = Random::seeded(54);
        let mut values = ClusteredMean::default();
        for n in 0..8_000_u64 {
            values.observe((n % 5) as f64 + random.normal(), Some(mix(n % 5)));
        }
        assert_close(values.by_key(), 1.0, 0.0);
    }
}
