//! The law of a count on its way below a boundary.

/// Chances smaller than this are cut off at the ends and returned, so that they can be counted as spent.
const NEGLIGIBLE: f64 = 1e-18;

/// P(count = first + i, and the boundary was not reached so far).
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mass {
    first: u64,
    weights: Vec<f64>,
}

impl Mass {
    /// Certainly 0.
    pub(super) fn new() -> Self {
        Self { first: 0, weights: vec![1.0] }
    }

    /// One more event, which raises the count with this probability.
    pub(super) fn advance(&mut self, probability: f64) {
        let stay = 1.0 - probability;
        let mut below = 0.0;
        for weight in &mut self.weights {
            let here = *weight;
            *weight = here * stay + below * probability;
            below = here;
        }
        self.weights.push(below * probability);
    }

    /// The chance of a count of at least `count`.
    pub(super) fn at_least(&self, count: u64) -> f64 {
        let from = count.saturating_sub(self.first) as usize;
        self.weights.iter().skip(from).sum()
    }

    /// Takes the counts from `count` on out; with what is negligible at the ends, it is returned.
    pub(super) fn cut(&mut self, count: u64) -> f64 {
        let keep = (count.saturating_sub(self.first) as usize).min(self.weights.len());
        let mut gone: f64 = self.weights.drain(keep..).sum();
        while self.weights.last().is_some_and(|&weight| weight < NEGLIGIBLE) {
            gone += self.weights.pop().unwrap_or(0.0);
        }
        let low = self.weights.iter().take_while(|&&weight| weight < NEGLIGIBLE).count();
        // Moving the rest to the front costs as much as a step, so it is done now and then.
        if low >= 32 {
            gone += self.weights.drain(..low).sum::<f64>();
            self.first += low as u64;
        }
        gone
    }

    /// The counts that are possible, with their chances.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, f64)> {
        (self.first..).zip(self.weights.iter().copied())
    }

    /// One past the largest possible count.
    pub(super) fn end(&self) -> u64 {
        self.first + self.weights.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::assert_close;

    #[test]
    fn without_a_boundary_it_is_the_binomial_law() {
        let mut mass = Mass::new();
        (0..4).for_each(|_| mass.advance(0.5));
        let chances: Vec<f64> = mass.iter().map(|(_, chance)| chance).collect();
        assert_eq!(chances, [1.0, 4.0, 6.0, 4.0, 1.0].map(|ways| ways / 16.0));
        assert_close(mass.at_least(3), 5.0 / 16.0, 1e-15);
    }

    #[test]
    fn what_is_cut_never_comes_back() {
        let mut mass = Mass::new();
        mass.advance(0.5);
        assert_close(mass.cut(1), 0.5, 1e-15);
        mass.advance(0.5);
        assert_close(mass.at_least(0), 0.5, 1e-15);
        assert_close(mass.cut(1), 0.25, 1e-15);
    }

    #[test]
    fn nothing_is_lost_unsaid() {
        let mut mass = Mass::new();
        let mut gone = 0.0;
        for event in 0..3000u64 {
            mass.advance(0.3);
            gone += mass.cut(event / 2 + 40);
        }
        assert!(mass.iter().count() < 700, "{}", mass.iter().count());
        assert_close(mass.at_least(0) + gone, 1.0, 1e-9);
    }
}
