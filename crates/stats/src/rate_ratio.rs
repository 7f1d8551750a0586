//! How many times as often does the candidate fail? An interval that holds at all times.

use serde::{Deserialize, Serialize};

use crate::error::{Error, open_unit};
use crate::sequential::{LOG_ODDS, event_normaliser, log_mean_exp, null_probability};

/// Rate ratios that are tried, from 1/30 to 30, each 9 % above the one before.
const RATIOS: usize = 80;
const LARGEST: f64 = 30.0;

/// A confidence sequence for `candidate's failure rate / champion's failure rate`, from the failures
/// alone, at shares that may change from record to record.
///
/// For each ratio r of a grid, the failures are held against "the ratio is at most r" and "it is at
/// least r" by the e-process of [`crate::sequential::CountTest`]; the interval holds every r that
/// neither rejects at `ln(2/alpha)`. By Ville's inequality the true ratio, if it does not change, is
/// in it at all times at once with probability `1 - alpha`. Ends beyond the grid are given as 0 and
/// infinity. Clustered failures are divided by their dispersion as everywhere ([`crate::cluster`]).
///
/// The state is one number for each ratio and alternative; an event costs some hundred additions.
/// Source: inversion of sequential tests (Robbins 1970; Johari, Koomen, Pekelis and Walsh 2022).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RateRatio {
    /// For each ratio: what the events cost the alternatives above it, and those below it.
    costs: Vec<[[f64; LOG_ODDS.len()]; 2]>,
    /// What one event costs at the last share, since a share stays for many events.
    #[serde(skip)]
    step: Option<(f64, Vec<[[f64; LOG_ODDS.len()]; 2]>)>,
    candidate: u64,
    champion: u64,
    /// Sum of the candidate's expected part at a ratio of 1, for the estimate.
    expected: f64,
}

/// The estimate and its interval; the upper end may be infinite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RatioInterval {
    pub estimate: Option<f64>,
    pub lower: f64,
    pub upper: f64,
}

impl Default for RateRatio {
    fn default() -> Self {
        let costs = vec![[[0.0; LOG_ODDS.len()]; 2]; RATIOS];
        Self { costs, step: None, candidate: 0, champion: 0, expected: 0.0 }
    }
}

impl RateRatio {
    /// Takes one failure and the candidate's share when the record was answered; at a share of 0 or
    /// 1 it says nothing.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a share outside [0, 1].
    pub fn observe(&mut self, candidate: bool, share: f64) -> Result<(), Error> {
        if share == 0.0 || share == 1.0 {
            return Ok(());
        }
        open_unit("share", share)?;
        if self.step.as_ref().is_none_or(|(last, _)| *last != share) {
            self.step = Some((share, step(share)));
        }
        if let Some((_, step)) = &self.step {
            for (costs, step) in self.costs.iter_mut().zip(step) {
                for (costs, step) in costs.iter_mut().zip(step) {
                    costs.iter_mut().zip(step).for_each(|(cost, step)| *cost += step);
                }
            }
        }
        *(if candidate { &mut self.candidate } else { &mut self.champion }) += 1;
        self.expected += share;
        Ok(())
    }

    /// The interval by now; `dispersion` as for [`crate::sequential::CountTest::log_e_dispersed`].
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a confidence outside (0, 1).
    pub fn interval(&self, confidence: f64, dispersion: f64) -> Result<RatioInterval, Error> {
        open_unit("confidence", confidence)?;
        let limit = (2.0 / (1.0 - confidence)).ln();
        let (candidate, champion) = (self.candidate as f64, self.champion as f64);
        let log_e = |costs: &[f64; LOG_ODDS.len()], count: f64| {
            let mut ratios = *costs;
            for (ratio, log_odds) in ratios.iter_mut().zip(LOG_ODDS) {
                *ratio = (log_odds * count - *ratio) / dispersion.max(1.0);
            }
            log_mean_exp(&ratios)
        };
        let is_above = |place: usize| log_e(&self.costs[place][0], candidate) >= limit;
        let is_below = |place: usize| log_e(&self.costs[place][1], champion) >= limit;
        let lower = (0..RATIOS).rev().find(|place| is_above(*place)).map_or(0.0, ratio);
        let upper = (0..RATIOS).find(|place| is_below(*place)).map_or(f64::INFINITY, ratio);
        Ok(RatioInterval { estimate: self.estimate(), lower, upper })
    }

    /// Mantel and Haenszel's ratio with the mean share; `None` before both models could fail.
    fn estimate(&self) -> Option<f64> {
        let events = (self.candidate + self.champion) as f64;
        if events == 0.0 || self.champion == 0 {
            return None;
        }
        let share = self.expected / events;
        Some(self.candidate as f64 * (1.0 - share) / (self.champion as f64 * share))
    }
}

fn ratio(place: usize) -> f64 {
    LARGEST.powf(2.0 * place as f64 / (RATIOS - 1) as f64 - 1.0)
}

/// What one event at this share costs each alternative of each ratio.
fn step(share: f64) -> Vec<[[f64; LOG_ODDS.len()]; 2]> {
    (0..RATIOS)
        .map(|place| {
            let candidate = null_probability(share, ratio(place) - 1.0);
            [candidate, 1.0 - candidate]
                .map(|null| LOG_ODDS.map(|log_odds| event_normaliser(null, log_odds)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::testing::Random;

    #[test]
    fn the_true_ratio_is_held_at_all_times_and_the_interval_shrinks() {
        let mut random = Random::seeded(81);
        for truth in [0.5, 1.0, 3.0] {
            let mut widths = (0.0, 0.0);
            let missed = (0..200)
                .filter(|_| {
                    let mut ratio = RateRatio::default();
                    (0..1500).any(|event| {
                        let share = if event < 500 { 0.1 } else { 0.5 };
                        let candidate = random.chance(null_probability(share, truth - 1.0));
                        ratio.observe(candidate, share).unwrap();
                        let interval = ratio.interval(0.95, 1.0).unwrap();
                        if event == 499 {
                            widths.0 = interval.upper - interval.lower;
                        }
                        widths.1 = interval.upper - interval.lower;
                        !(interval.lower..=interval.upper).contains(&truth)
                    })
                })
                .count();
            assert!(missed <= 12, "{truth}: missed in {missed} of 200");
            assert!(widths.1 < widths.0, "{truth}: {widths:?}");
        }
    }

    #[test]
    fn nothing_is_known_before_the_first_failure() {
        let interval = RateRatio::default().interval(0.95, 1.0).unwrap();
        assert_eq!(interval.estimate, None);
        assert_eq!((interval.lower, interval.upper), (0.0, f64::INFINITY));
        let mut ratio = RateRatio::default();
        ratio.observe(true, 1.0).unwrap();
        assert_eq!(ratio, RateRatio::default(), "a share of 1 compares nothing");
        assert!(ratio.observe(true, 1.5).is_err());
    }

    #[test]
    fn dispersed_failures_tell_less() {
        let mut ratio = RateRatio::default();
        (0..400).for_each(|event| ratio.observe(event % 3 == 0, 0.5).unwrap());
        let width = |dispersion| {
            let interval = ratio.interval(0.95, dispersion).unwrap();
            interval.upper / interval.lower
        };
        assert!(width(3.0) > width(1.0));
        assert!((ratio.interval(0.95, 1.0).unwrap().estimate.unwrap() - 0.5).abs() < 0.02);
    }
}
