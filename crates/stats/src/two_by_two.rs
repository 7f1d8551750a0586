//! A sequential test of two rates that arrive in blocks, with a margin on their difference.

use serde::{Deserialize, Serialize};

use crate::error::{Error, open_unit};

/// One batch: of so many answers, so many were wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Answers of the champion.
    pub champion: u64,
    /// Wrong answers among them.
    pub champion_wrong: u64,
    /// Answers of the candidate.
    pub candidate: u64,
    /// Wrong answers among them.
    pub candidate_wrong: u64,
}

/// An e-process against "the candidate's error rate is at most the champion's plus `margin`".
///
/// Each block is judged by rates learned from the blocks before: `a = (wrong + 1/2) / (all + 1)` of
/// the champion, `b` of the candidate. The block's likelihood under (a, b) is divided by that under
/// the point of the null hypothesis that is nearest to (a, b): the (t, t + margin) that minimises
/// `n_a KL(a, t) + n_b KL(b, t + margin)`. A block is passed over while `b <= a + margin`.
///
/// For sizes of blocks known before their outcomes and independent answers this is an e-variable for
/// margin 0 (Turner, Ly and Grünwald, "Generic e-variables for exact sequential k-sample tests",
/// SPL 2024); with a margin it is the reverse information projection onto a convex null (Grünwald,
/// de Heide and Koolen, JRSS B 2024). Unlike [`crate::sequential`] it takes a margin in points of
/// the rate, not as a ratio, and needs no known share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TwoByTwoTest {
    margin: f64,
    seen: [u64; 4],
    log_e: f64,
    peak_log_e: f64,
}

impl TwoByTwoTest {
    /// A test without evidence yet; `margin` in [0, 1) is a difference of rates.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for another margin.
    pub fn new(margin: f64) -> Result<Self, Error> {
        if !(0.0..1.0).contains(&margin) {
            return Err(Error::OutOfRange { what: "margin", value: margin, must: "in [0, 1)" });
        }
        Ok(Self { margin, seen: [0; 4], log_e: 0.0, peak_log_e: 0.0 })
    }

    /// Takes one block.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] when more answers are wrong than there are.
    pub fn observe(&mut self, block: Block) -> Result<(), Error> {
        for (wrong, all) in
            [(block.champion_wrong, block.champion), (block.candidate_wrong, block.candidate)]
        {
            if wrong > all {
                let (value, must) = (wrong as f64, "at most the number of answers");
                return Err(Error::OutOfRange { what: "wrong answers", value, must });
            }
        }
        let [n_a, y_a, n_b, y_b] = self.seen.map(|count| count as f64);
        let (a, b) = ((y_a + 0.5) / (n_a + 1.0), (y_b + 0.5) / (n_b + 1.0));
        if b > a + self.margin {
            let (n_a, n_b) = (block.champion as f64, block.candidate as f64);
            let null = nearest(a, b, n_a, n_b, self.margin);
            self.log_e += log_ratio(block.champion_wrong, block.champion, a, null)
                + log_ratio(block.candidate_wrong, block.candidate, b, null + self.margin);
            self.peak_log_e = self.peak_log_e.max(self.log_e);
        }
        let counts = [block.champion, block.champion_wrong, block.candidate, block.candidate_wrong];
        for (seen, count) in self.seen.iter_mut().zip(counts) {
            *seen += count;
        }
        Ok(())
    }

    /// The evidence against the null hypothesis by now.
    pub fn log_e(&self) -> f64 {
        self.log_e
    }

    /// Whether it was ever rejected at level alpha.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for an alpha outside (0, 1).
    pub fn rejects(&self, alpha: f64) -> Result<bool, Error> {
        Ok(self.peak_log_e >= -open_unit("alpha", alpha)?.ln())
    }
}

fn log_ratio(wrong: u64, all: u64, rate: f64, null: f64) -> f64 {
    let (wrong, right) = (wrong as f64, (all - wrong) as f64);
    wrong * (rate / null).ln() + right * ((1.0 - rate) / (1.0 - null)).ln()
}

/// The t in (0, 1 - margin) at which `n_a KL(a, t) + n_b KL(b, t + margin)` is least: where its
/// derivative, which increases, is 0.
fn nearest(a: f64, b: f64, n_a: f64, n_b: f64, margin: f64) -> f64 {
    if margin == 0.0 && n_a + n_b > 0.0 {
        return (n_a * a + n_b * b) / (n_a + n_b);
    }
    let slope = |rate: f64, at: f64| (at - rate) / (at * (1.0 - at));
    crate::special::bisect(a.min(b - margin), a.max(b - margin), 0.0, |t| {
        n_a * slope(a, t) + n_b * slope(b, t + margin)
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::testing::{Random, assert_close};

    fn block(champion: u64, champion_wrong: u64, candidate: u64, candidate_wrong: u64) -> Block {
        Block { champion, champion_wrong, candidate, candidate_wrong }
    }

    #[test]
    fn blocks_match_the_oracle() {
        let mut test = TwoByTwoTest::new(0.0).unwrap();
        for (block, expected) in [
            (block(90, 4, 10, 1), 0.0),
            (block(91, 5, 9, 1), 0.142873478),
            (block(88, 3, 12, 2), 1.1961534972),
            (block(90, 4, 10, 2), 2.4067531808),
            (block(92, 6, 8, 1), 2.4099120964),
        ] {
            test.observe(block).unwrap();
            assert_close(test.log_e(), expected, 1e-9);
        }
        assert!(!test.rejects(0.05).unwrap() && test.rejects(0.1).unwrap());
    }

    #[test]
    fn the_nearest_point_is_nearest() {
        let kl = |a: f64, t: f64| a * (a / t).ln() + (1.0 - a) * ((1.0 - a) / (1.0 - t)).ln();
        let distance = |t: f64| 90.0 * kl(0.05, t) + 10.0 * kl(0.12, t + 0.02);
        let found = nearest(0.05, 0.12, 90.0, 10.0, 0.02);
        for step in [-1e-4, 1e-4] {
            assert!(distance(found) < distance(found + step));
        }
        // Without a margin the two ways agree.
        assert_close(nearest(0.05, 0.12, 90.0, 10.0, 1e-15), 0.057, 1e-9);
    }

    #[test]
    fn alpha_holds_at_the_margin_and_harm_is_found() {
        let rejections = |rate: f64, margin: f64, runs: usize| {
            let mut random = Random::seeded(2202);
            (0..runs)
                .filter(|_| {
                    let mut test = TwoByTwoTest::new(margin).unwrap();
                    for _ in 0..60 {
                        let wrong = |random: &mut Random, rate: f64| {
                            (0..50).filter(|_| random.chance(rate)).count() as u64
                        };
                        let champion = wrong(&mut random, 0.05);
                        test.observe(block(50, champion, 50, wrong(&mut random, rate))).unwrap();
                    }
                    test.rejects(0.05).unwrap()
                })
                .count()
        };
        for (rate, margin) in [(0.05, 0.0), (0.07, 0.02)] {
            let alarms = rejections(rate, margin, 400);
            assert!(alarms <= 20, "{alarms} at {rate} with margin {margin}");
        }
        assert!(rejections(0.12, 0.02, 40) >= 38);
    }

    #[test]
    fn refuses_impossible_blocks() {
        let mut test = TwoByTwoTest::new(0.0).unwrap();
        assert!(test.observe(block(1, 2, 0, 0)).is_err());
        assert!(TwoByTwoTest::new(1.0).is_err());
        assert!(test.rejects(0.0).is_err());
    }
}
