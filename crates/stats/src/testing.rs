//! What the tests of this crate share: a seeded generator and a comparison with tolerance.

/// A SplitMix64 generator: enough for simulations, and the same on every machine.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    fn bits(&mut self) -> u64 {
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

    /// Poisson, by counting exponential waits: for means up to some hundred.
    pub(crate) fn poisson(&mut self, mean: f64) -> u64 {
        let mut waited = -(1.0 - self.uniform()).ln();
        let mut events = 0;
        while waited < mean {
            waited -= (1.0 - self.uniform()).ln();
            events += 1;
        }
        events
    }

    /// Standard normal, by Box and Muller.
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

#[track_caller]
pub(crate) fn assert_close(got: f64, expected: f64, tolerance: f64) {
    assert!(
        (got - expected).abs() <= tolerance,
        "got {got:.12}, expected {expected:.12} within {tolerance:e}"
    );
}

/// A well-mixed hash of a small number.
pub(crate) fn mixed(number: u64) -> u64 {
    Random::seeded(number).bits()
}
