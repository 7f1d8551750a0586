//! The gate for one metric that can be counted: two claims, one plan, and data that may be clustered.

use serde::{Deserialize, Serialize};

use crate::cluster::{Aggregation, Dispersion, SeenKeys};
use crate::error::Error;
use crate::sequential::{PlannedTest, Side, Stage, threshold};

/// The filter of keys holds so many without a plan too; beyond them new keys are passed over more and more often.
const FEWEST_KEYS: u64 = 8_192;

/// What a metric is asked, fixed before the canary starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CountedPlan {
    /// The false-alarm rate of the claim "harmful".
    pub harm_alpha: f64,
    /// The false-alarm rate of the claim "safe".
    pub safe_alpha: f64,
    /// Harm is a rate above `1 + harm_margin` times the champion's.
    pub harm_margin: f64,
    /// Safety is a rate below `1 + safe_margin` times the champion's.
    pub safe_margin: f64,
    /// Events for which the claim "harmful" is calibrated ([`crate::forecast::stages`]). Few ones
    /// spend the false-alarm rate early, where harm is found; empty for shares that follow the
    /// evidence, which no plan can foretell.
    pub stages: Vec<Stage>,
    /// The same for the claim "safe", which usually takes until the end of the canary.
    pub safe_stages: Vec<Stage>,
    /// What is one event.
    pub aggregation: Aggregation,
    /// The extra variance before the canary ([`crate::cluster::extra_variance`]), 0 if unknown.
    pub extra_variance: f64,
}

/// What the evidence has decided. It stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// The candidate fails more often than `1 + harm_margin` times the champion: roll back.
    Harmful,
    /// It fails less often than `1 + safe_margin` times the champion: go on.
    Safe,
}

/// The evidence on one metric, both ways.
///
/// While failures look independent, the claims are judged by [`PlannedTest`], exactly. Once the
/// history or the canary itself shows that they are not ([`Dispersion`]), the same evidence is
/// divided by the dispersion found and held against `ln(1/alpha)` or more, which leaves room for the
/// error of that estimate. Failures of a key count once when the plan says [`Aggregation::ByKey`].
///
/// The state is small, whatever the number of records (the filter of keys excepted: 2 bytes for each
/// planned event), and goes on after being saved bit for bit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CountedMetric {
    harm: Claim,
    safe: Claim,
    dispersion: Dispersion,
    seen: Option<SeenKeys>,
    repeated: u64,
    proven: [bool; 2],
    decision: Option<Decision>,
}

/// One claim, judged both ways.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Claim {
    planned: PlannedTest,
}

impl CountedMetric {
    /// A metric without evidence.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] when an alpha, a margin or a share makes no sense.
    pub fn new(plan: &CountedPlan) -> Result<Self, Error> {
        let claim = |side, margin, stages: &[Stage], alpha| {
            Ok::<_, Error>(Claim { planned: PlannedTest::new(side, margin, stages, alpha)? })
        };
        let events = |stages: &[Stage]| stages.iter().map(|stage| stage.events).sum::<u64>();
        let events = events(&plan.stages).max(events(&plan.safe_stages)).max(FEWEST_KEYS);
        let seen = match plan.aggregation {
            Aggregation::ByKey => Some(SeenKeys::new(events)),
            Aggregation::ByRecord => None,
        };
        Ok(Self {
            harm: claim(Side::Harm, plan.harm_margin, &plan.stages, plan.harm_alpha)?,
            safe: claim(Side::Safe, plan.safe_margin, &plan.safe_stages, plan.safe_alpha)?,
            dispersion: Dispersion::new(plan.extra_variance),
            seen,
            repeated: 0,
            proven: [false; 2],
            decision: None,
        })
    }

    /// Takes one failure: whose it was, the candidate's share when the record was answered, and the
    /// record's key as a well-mixed 64-bit hash (any number unique to the record without a key).
    ///
    /// # Errors
    /// As for [`PlannedTest::observe`]; the state is left as it was.
    pub fn observe(&mut self, candidate: bool, share: f64, key: u64) -> Result<(), Error> {
        if candidate && share == 0.0 {
            return Err(Error::ImpossibleEvent { model: "candidate" });
        }
        if self.seen.as_mut().is_some_and(|seen| !seen.is_new(key)) {
            self.repeated += 1;
            return Ok(());
        }
        for claim in [&mut self.harm, &mut self.safe] {
            claim.planned.observe(candidate, share)?;
        }
        self.dispersion.observe(candidate);
        // Each claim gains only by an event of its own kind.
        self.conclude(if candidate { Decision::Harmful } else { Decision::Safe }, share);
        Ok(())
    }

    /// Takes one record of the candidate beside one that the champion answered at another time: which
    /// of the two failed. Both had the same chance to if both models fail equally often, so each
    /// failure is the candidate's with probability 1/2.
    ///
    /// Failures within a pair do not exclude each other, which only takes evidence away: with rates
    /// `p` and `q` and factors `a >= 1 >= b` of the two kinds of event, the expected factor of a pair
    /// at the border of the hypothesis is `1 + p q (a - 1)(b - 1) <= 1`, so it stays an e-process. It
    /// may be looked at between pairs, and is: within a pair, the event that speaks for a claim comes
    /// last. Keys are not counted here: each side has its own, so the caller counts each side's once.
    ///
    /// # Errors
    /// As for [`CountedMetric::observe`].
    pub fn observe_pair(&mut self, candidate: bool, champion: bool) -> Result<(), Error> {
        for claim in [&mut self.harm, &mut self.safe] {
            let speaks = claim.planned.side() == Side::Harm;
            let order = if speaks { [false, true] } else { [true, false] };
            for is_candidate in order {
                if if is_candidate { candidate } else { champion } {
                    claim.planned.observe(is_candidate, 0.5)?;
                }
            }
        }
        for (failed, is_candidate) in [(candidate, true), (champion, false)] {
            if failed {
                self.dispersion.observe(is_candidate);
            }
        }
        if candidate {
            self.conclude(Decision::Harmful, 0.5);
        }
        if champion {
            self.conclude(Decision::Safe, 0.5);
        }
        Ok(())
    }

    fn conclude(&mut self, kind: Decision, share: f64) {
        let (claim, place) = match kind {
            Decision::Harmful => (&self.harm, 0),
            Decision::Safe => (&self.safe, 1),
        };
        if !self.proven[place] && claim.holds(&self.dispersion, share) {
            self.proven[place] = true;
            self.decision.get_or_insert(kind);
        }
    }

    /// Ends a batch, a minute say, during which the candidate had this share; dependence between
    /// batches is measured over five of them.
    pub fn end_batch(&mut self, share: f64) {
        self.dispersion.end_batch(share);
    }

    /// The first claim that was proven.
    pub fn decision(&self) -> Option<Decision> {
        self.decision
    }

    /// Whether a claim was proven at any time; each stands on its own, so that harm is still found
    /// in a candidate that was called safe.
    pub fn is_proven(&self, claim: Decision) -> bool {
        self.proven[usize::from(claim == Decision::Safe)]
    }

    /// The log evidence for harm and for safety by now, after division by the dispersion.
    pub fn log_e(&self, share: f64) -> [f64; 2] {
        let factor = self.dispersion.factor(share);
        [&self.harm, &self.safe].map(|claim| claim.planned.log_e_dispersed(factor))
    }

    /// The log evidence that is enough for harm and for safety by now.
    pub fn thresholds(&self) -> [f64; 2] {
        [&self.harm, &self.safe].map(|claim| claim.threshold(&self.dispersion))
    }

    /// By what the evidence is divided, 1 for independent failures.
    pub fn dispersion(&self, share: f64) -> f64 {
        self.dispersion.factor(share)
    }

    /// Failures that were passed over since their key had failed before.
    pub fn repeated(&self) -> u64 {
        self.repeated
    }

    /// Failures that were counted: the candidate's and the champion's.
    pub fn events(&self) -> [u64; 2] {
        [self.harm.planned.candidate_events(), self.harm.planned.champion_events()]
    }
}

impl Claim {
    fn holds(&self, dispersion: &Dispersion, share: f64) -> bool {
        if dispersion.is_seen() {
            let log_e = self.planned.log_e_dispersed(dispersion.factor(share));
            log_e >= self.threshold(dispersion)
        } else {
            self.planned.rejects()
        }
    }

    fn threshold(&self, dispersion: &Dispersion) -> f64 {
        let planned = self.planned.threshold();
        if dispersion.is_seen() {
            // Never below the planned one, so that a false sight of dispersion cannot make the gate
            // alarm where the exact test would not.
            planned.max(threshold(self.planned.alpha(), 1))
        } else {
            planned
        }
    }
}

#[cfg(test)]
#[path = "counted_tests.rs"]
mod tests;
