//! Seeded numbers, the same on every machine and in every version: for simulations, and for what is dealt out by
//! chance and must be dealt out the same again.
//!
//! SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.

/// A SplitMix64 generator.
#[derive(Clone, Debug)]
pub struct Random(u64);

/// The finaliser of SplitMix64: 64 bits of which every one depends on every one of `value`'s; 0 stays 0.
#[must_use]
pub fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// A number in [0, 1) from the upper 53 of 64 bits that are spread evenly.
#[must_use]
pub fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// What keeps the states of a generator, or the salts of a hash, apart: 2^64 by the golden ratio, made odd.
pub const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Random {
    pub const fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// Uniform on [0, 1).
    pub fn uniform(&mut self) -> f64 {
        unit(self.bits())
    }

    pub fn chance(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// Exponential with mean 1.
    pub fn exponential(&mut self) -> f64 {
        -(1.0 - self.uniform()).ln()
    }

    /// Standard normal, by Box and Muller.
    pub fn normal(&mut self) -> f64 {
        let radius = (2.0 * self.exponential()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Poisson, by counting exponential waits: for means up to some hundred.
    pub fn poisson(&mut self, mean: f64) -> u64 {
        let mut waited = self.exponential();
        let mut events = 0;
        while waited < mean {
            waited += self.exponential();
            events += 1;
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_published_generator() {
        let mut random = Random::seeded(1_234_567);
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
        ];
        assert_eq!(expected.map(|_| random.bits()), expected);
    }

    #[test]
    fn the_laws_have_their_moments() {
        let moments = |mut draw: Box<dyn FnMut(&mut Random) -> f64>| {
            let mut random = Random::seeded(1);
            let values: Vec<f64> = (0..20_000).map(|_| draw(&mut random)).collect();
            let mean = values.iter().sum::<f64>() / 20_000.0;
            (mean, values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 20_000.0)
        };
        let near = |(mean, variance): (f64, f64), expected: (f64, f64)| {
            assert!((mean / expected.0 - 1.0).abs() < 0.03, "{mean} {expected:?}");
            assert!((variance / expected.1 - 1.0).abs() < 0.06, "{variance} {expected:?}");
        };
        near(moments(Box::new(Random::uniform)), (0.5, 1.0 / 12.0));
        near(moments(Box::new(Random::exponential)), (1.0, 1.0));
        near(moments(Box::new(|random| 1.0 + random.normal())), (1.0, 1.0));
        near(moments(Box::new(|random| random.poisson(7.0) as f64)), (7.0, 7.0));
    }
}
