//! One exact sequential test for everything that can be counted.
//!
//! When each record goes to the candidate with a known probability (its *share*), independently
//! of how it ends, then under "no difference" each failure is the candidate's with exactly that
//! probability, whatever the failure rate, the traffic or its daily rhythm. So the test looks only
//! at the failures, one by one, and needs no nuisance parameter and no normal approximation.
//! The result is an e-process: it may be looked at after every event, and the chance that it *ever*
//! crosses `ln(1/alpha)` while the null hypothesis holds is at most `alpha`.
//!
//! Source: conditional mixture likelihood ratio with Ville's inequality (Ville 1939; Robbins 1970;
//! Lindon and Malek, "Anytime-valid inference for multinomial count data", NeurIPS 2022).
//!
//! Assumption: events are independent given who answered. Keys that fail in bursts break it, so
//! count a key once per batch.
//!
//! [`CountTest`] holds for any number of events; [`PlannedTest`] is the same evidence against a
//! boundary calibrated to the events that a canary is planned to see, which decides sooner.

mod boundary;
mod ladder;
mod mass;
mod planned;

pub use boundary::{MOST_PLANNED, Stage, calibrated_threshold};
pub use planned::PlannedTest;
pub(crate) use planned::power;

pub(crate) use ladder::{log_mean_exp, normaliser as event_normaliser};

use ladder::normaliser;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The log odds ratios of the alternatives, from "10 % worse odds" to "e^2 times worse".
pub const LOG_ODDS: [f64; 8] = [0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0];

/// Which claim about the candidate's failure rate the evidence speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Null hypothesis: the candidate fails at most `1 + margin` times as often as the champion.
    /// Crossing the threshold proves harm: roll back.
    Harm,
    /// Null hypothesis: the candidate fails at least `1 + margin` times as often.
    /// Crossing the threshold proves that it does not: go on.
    Safe,
}

/// An e-process over events that each belong to the candidate or to the champion.
///
/// The state is small and constant in size (one log likelihood ratio for each alternative), so it
/// can travel in an event and the test goes on after a restart where it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CountTest {
    side: Side,
    margin: f64,
    log_ratios: [f64; LOG_ODDS.len()],
    peak_log_e: f64,
    candidate_events: u64,
    champion_events: u64,
}

/// The log evidence at which one of `metrics` hypotheses is rejected so that the chance of any
/// false rejection among them is at most `alpha`: `ln(metrics / alpha)` (Bonferroni over Ville).
///
/// Infinite, so that nothing is ever rejected, when `alpha` is not in (0, 1] or `metrics` is 0.
pub fn threshold(alpha: f64, metrics: usize) -> f64 {
    if alpha > 0.0 && alpha <= 1.0 && metrics > 0 {
        (metrics as f64 / alpha).ln()
    } else {
        f64::INFINITY
    }
}

/// The chance that an event is the candidate's when it fails exactly `1 + margin` times as often:
/// `s (1 + margin) / (s (1 + margin) + 1 - s)` with `s` the candidate's share of the records.
pub fn null_probability(share: f64, margin: f64) -> f64 {
    let candidate = share * (1.0 + margin);
    candidate / (candidate + 1.0 - share)
}

impl CountTest {
    /// A test without evidence yet. `margin` is a rate ratio minus one: 0.1 tolerates 10 % more
    /// failures than the champion has. It must be finite and above -1.
    pub fn new(side: Side, margin: f64) -> Result<Self, Error> {
        if !margin.is_finite() || margin <= -1.0 {
            return Err(Error::OutOfRange { what: "margin", value: margin, must: "above -1" });
        }
        Ok(Self {
            side,
            margin,
            log_ratios: [0.0; LOG_ODDS.len()],
            peak_log_e: 0.0,
            candidate_events: 0,
            champion_events: 0,
        })
    }

    /// Takes one event (a failure, a label error, a latency exceedance, a discordant pair with
    /// `share` 1/2): `candidate` tells whose it was, `share` the probability in [0, 1] with which
    /// the record went to the candidate at that time. The share may differ from event to event.
    ///
    /// At share 0 or 1 an event carries no evidence and is only counted.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a share outside [0, 1]; [`Error::ImpossibleEvent`] when the model
    /// could not have answered at that share. The state is left as it was.
    pub fn observe(&mut self, candidate: bool, share: f64) -> Result<(), Error> {
        if !(0.0..=1.0).contains(&share) {
            return Err(Error::OutOfRange { what: "share", value: share, must: "in [0, 1]" });
        }
        if candidate && share == 0.0 {
            return Err(Error::ImpossibleEvent { model: "candidate" });
        }
        if !candidate && share == 1.0 {
            return Err(Error::ImpossibleEvent { model: "champion" });
        }
        if candidate {
            self.candidate_events += 1;
        } else {
            self.champion_events += 1;
        }
        let null = null_probability(share, self.margin);
        let direction = self.direction();
        for (log_ratio, log_odds) in self.log_ratios.iter_mut().zip(LOG_ODDS) {
            *log_ratio += log_likelihood_ratio(candidate, null, direction * log_odds);
        }
        self.peak_log_e = self.peak_log_e.max(self.log_e());
        Ok(())
    }

    /// The evidence against the null hypothesis by now: `ln mean_g exp(log ratio_g)`. 0 at the start.
    pub fn log_e(&self) -> f64 {
        log_mean_exp(&self.log_ratios)
    }

    /// The evidence by now from events that are not independent: `dispersion` is how many times
    /// larger the variance of their number is than that of independent events, at least 1 (a
    /// smaller one counts as 1).
    ///
    /// The log likelihood ratios are divided by it, `ln mean_g exp(log ratio_g / phi)`: with phi
    /// times the variance, `exp((g S - g^2 V / 2) / phi)` has expectation 1 again in the normal
    /// limit, so the test holds for many events. Source: quasi-likelihood, Wedderburn, Biometrika
    /// 1974; [`crate::cluster`] measures the dispersion.
    pub fn log_e_dispersed(&self, dispersion: f64) -> f64 {
        log_mean_exp(&self.log_ratios.map(|log_ratio| log_ratio / dispersion.max(1.0)))
    }

    /// The most evidence there has ever been. A rejection stands: Ville's inequality bounds the
    /// chance that the evidence crosses at any time, so it need not stay above the threshold.
    pub fn peak_log_e(&self) -> f64 {
        self.peak_log_e
    }

    /// Whether the null hypothesis was rejected at any time, see [`threshold`].
    pub fn rejects(&self, alpha: f64, metrics: usize) -> bool {
        self.peak_log_e >= threshold(alpha, metrics)
    }

    /// What the evidence speaks for.
    pub fn side(&self) -> Side {
        self.side
    }

    /// The tolerated rate ratio minus one.
    pub fn margin(&self) -> f64 {
        self.margin
    }

    /// Events taken that were the candidate's.
    pub fn candidate_events(&self) -> u64 {
        self.candidate_events
    }

    /// Events taken that were the champion's.
    pub fn champion_events(&self) -> u64 {
        self.champion_events
    }

    fn direction(&self) -> f64 {
        match self.side {
            Side::Harm => 1.0,
            Side::Safe => -1.0,
        }
    }
}

/// ln of the probability of the event when the odds are `e^log_odds` times those of the null,
/// over its probability under the null: `theta1 = theta0 e^g / (theta0 e^g + 1 - theta0)`.
fn log_likelihood_ratio(candidate: bool, null: f64, log_odds: f64) -> f64 {
    let normaliser = normaliser(null, log_odds);
    if candidate { log_odds - normaliser } else { -normaliser }
}

#[cfg(test)]
#[path = "sequential_tests.rs"]
mod tests;
