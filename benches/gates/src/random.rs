//! Seeded random numbers, the same on every machine.

/// A SplitMix64 generator.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn seeded(seed: u64) -> Self {
        // Neighbouring seeds must not give neighbouring streams.
        let mut random = Self(seed.wrapping_mul(0xd134_2543_de82_ef95));
        random.bits();
        random
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform on [0, 1).
    pub(crate) fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    pub(crate) fn exponential(&mut self) -> f64 {
        -(1.0 - self.uniform()).ln()
    }

    /// Standard normal, by Box and Muller.
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (2.0 * self.exponential()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Poisson, by counting exponential waits.
    pub(crate) fn poisson(&mut self, mean: f64) -> u64 {
        let mut waited = self.exponential();
        let mut events = 0;
        while waited < mean {
            waited += self.exponential();
            events += 1;
        }
        events
    }

    /// Binomial: by waits between successes (geometric) on the rarer side.
    pub(crate) fn binomial(&mut self, trials: u64, probability: f64) -> u64 {
        if probability <= 0.0 {
            return 0;
        }
        if probability > 0.5 {
            return trials - self.binomial(trials, 1.0 - probability);
        }
        let scale = (1.0 - probability).ln();
        let (mut position, mut successes) = (0.0, 0);
        loop {
            position += ((1.0 - self.uniform()).ln() / scale).floor() + 1.0;
            if position > trials as f64 {
                return successes;
            }
            successes += 1;
        }
    }

    /// Gamma with this shape and scale 1, by Marsaglia and Tsang.
    pub(crate) fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            return self.gamma(shape + 1.0) * (1.0 - self.uniform()).powf(1.0 / shape);
        }
        let d = shape - 1.0 / 3.0;
        loop {
            let x = self.normal();
            let v = (1.0 + x / (9.0 * d).sqrt()).powi(3);
            if v > 0.0 && self.exponential() > d * v - d - d * v.ln() - 0.5 * x * x {
                return d * v;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(mut draw: impl FnMut(&mut Random) -> f64) -> (f64, f64) {
        let mut random = Random::seeded(1);
        let values: Vec<f64> = (0..20_000).map(|_| draw(&mut random)).collect();
        let mean = values.iter().sum::<f64>() / 20_000.0;
        (mean, values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 20_000.0)
    }

    #[test]
    fn the_laws_have_their_moments() {
        let near = |(mean, variance): (f64, f64), expected: (f64, f64)| {
            assert!((mean / expected.0 - 1.0).abs() < 0.03, "{mean} {expected:?}");
            assert!((variance / expected.1 - 1.0).abs() < 0.06, "{variance} {expected:?}");
        };
        near(moments(|random| random.poisson(7.0) as f64), (7.0, 7.0));
        near(moments(|random| random.binomial(50, 0.1) as f64), (5.0, 4.5));
        near(moments(|random| random.binomial(50, 0.9) as f64), (45.0, 4.5));
        near(moments(|random| random.gamma(0.5)), (0.5, 0.5));
        near(moments(|random| 1.0 + random.normal()), (1.0, 1.0));
    }
}
