//! Seeded random numbers, the same on every machine.

pub(crate) use stats::random::Random;

/// The generator of a seed; neighbouring seeds must not give neighbouring streams.
pub(crate) fn seeded(seed: u64) -> Random {
    let mut random = Random::seeded(seed.wrapping_mul(0xd134_2543_de82_ef95));
    random.bits();
    random
}

/// The laws that only the simulated streams need.
pub(crate) trait Laws {
    fn binomial(&mut self, trials: u64, probability: f64) -> u64;
    fn gamma(&mut self, shape: f64) -> f64;
}

impl Laws for Random {
    /// Binomial: by waits between successes (geometric) on the rarer side.
    fn binomial(&mut self, trials: u64, probability: f64) -> u64 {
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
    fn gamma(&mut self, shape: f64) -> f64 {
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
        let mut random = seeded(1);
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
        near(moments(|random| random.binomial(50, 0.1) as f64), (5.0, 4.5));
        near(moments(|random| random.binomial(50, 0.9) as f64), (45.0, 4.5));
        near(moments(|random| random.gamma(0.5)), (0.5, 0.5));
    }
}
