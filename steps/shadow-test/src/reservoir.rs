//! A sample of fixed size out of a stream of unknown length.

/// Keeps a uniform sample: every element seen has the same chance to be in it (Vitter's algorithm R, ACM TOMS
/// 1985). The same elements and seed give the same sample.
#[derive(Debug)]
pub(crate) struct Reservoir<T> {
    kept: Vec<T>,
    size: usize,
    seen: u64,
    state: u64,
}

impl<T> Reservoir<T> {
    pub(crate) fn new(size: usize, seed: u64) -> Self {
        Self { kept: Vec::with_capacity(size), size, seen: 0, state: seed }
    }

    pub(crate) fn push(&mut self, element: T) {
        self.seen += 1;
        if self.kept.len() < self.size {
            self.kept.push(element);
            return;
        }
        let place = (u128::from(self.random()) * u128::from(self.seen)) >> 64;
        if let Some(old) = self.kept.get_mut(place as usize) {
            *old = element;
        }
    }

    pub(crate) fn kept(&self) -> &[T] {
        &self.kept
    }

    /// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(seed: u64) -> Vec<u32> {
        let mut reservoir = Reservoir::new(1_000, seed);
        (0..100_000).for_each(|element| reservoir.push(element));
        reservoir.kept().to_vec()
    }

    #[test]
    fn a_short_stream_is_kept_whole() {
        let mut reservoir = Reservoir::new(5, 1);
        (0..3).for_each(|element| reservoir.push(element));
        assert_eq!(reservoir.kept(), [0, 1, 2]);
    }

    #[test]
    fn early_and_late_elements_have_the_same_chance() {
        let sample = sample(7);
        // The mean of 1,000 uniform draws from 0..100,000 has a standard error of 913; five of them.
        let mean = sample.iter().map(|n| f64::from(*n)).sum::<f64>() / 1_000.0;
        assert!((mean - 50_000.0).abs() < 4_565.0, "{mean}");
    }

    #[test]
    fn the_same_seed_gives_the_same_sample() {
        assert_eq!(sample(7), sample(7));
        assert_ne!(sample(7), sample(8));
    }
}
