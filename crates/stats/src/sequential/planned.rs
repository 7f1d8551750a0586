//! The count test with a boundary that uses its false-alarm rate up by the end of the plan.

use serde::{Deserialize, Serialize};

use super::boundary::{probabilities, suspected_probability};
use super::ladder::Ladder;
use super::mass::Mass;
use super::{Side, Stage, calibrated_threshold};
use crate::error::{Error, open_unit};

/// The part of alpha that is kept for events after the planned ones.
const RESERVE: f64 = 0.05;

/// An e-process over events as [`super::CountTest`], judged against a calibrated boundary.
///
/// The boundary is calibrated to the plan ([`calibrated_threshold`], with 95 % of alpha). Since a
/// canary never sees exactly the planned events, the chance to have crossed under the null
/// hypothesis is followed along the events that really come (their shares, never whose they were)
/// and the critical count is raised where more than that 95 % would be spent: the false-alarm rate
/// is at most alpha whatever the plan said. After the planned number of events the test goes on
/// for ever with what is left, at the evidence `ln(sum_x P(x) E(x) / rest)`, by Ville's inequality
/// from the state at that time.
///
/// The saved state is a few numbers for each change of the share; what is derived from them is
/// computed again on loading, so a test goes on after a restart bit for bit where it was.
///
/// Assumptions: events are independent given who answered; the shares do not depend on which model
/// failed (a plan, or the total number of failures, may move them).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Saved", into = "Saved")]
pub struct PlannedTest {
    saved: Saved,
    walk: Walk,
    /// Events of the kind that speaks against the null hypothesis, while they carried evidence.
    count: u64,
}

/// All that is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Saved {
    side: Side,
    #[serde(with = "crate::exact")]
    margin: f64,
    #[serde(with = "crate::exact")]
    alpha: f64,
    /// The calibrated evidence, and for how many events it was calibrated.
    #[serde(with = "crate::exact")]
    limit: f64,
    planned: u64,
    runs: Vec<Run>,
    #[serde(with = "crate::exact")]
    peak_log_e: f64,
    rejected_at: Option<u64>,
}

/// Events that came while the share stayed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Run {
    #[serde(with = "crate::exact")]
    share: f64,
    candidate: u64,
    champion: u64,
}

impl PlannedTest {
    /// A test without evidence yet. `margin` is a rate ratio minus one, above -1; `plan` tells how
    /// many events are expected at which share, in order; `alpha` is this test's own part of the
    /// false-alarm rate.
    ///
    /// An empty plan gives the test that needs none, at `ln(1/alpha)`.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a margin, share or alpha that makes no sense.
    pub fn new(side: Side, margin: f64, plan: &[Stage], alpha: f64) -> Result<Self, Error> {
        open_unit("alpha", alpha)?;
        suspected_probability(side, margin, 0.5)?;
        let planned = probabilities(side, margin, plan)?.iter().map(|&(_, events)| events).sum();
        let within = alpha * (1.0 - RESERVE);
        let limit = calibrated_threshold(side, margin, plan, within)?;
        let saved = Saved {
            side,
            margin,
            alpha,
            limit,
            planned,
            runs: Vec::new(),
            peak_log_e: 0.0,
            rejected_at: None,
        };
        let walk = Walk::new(limit, planned, alpha);
        Ok(Self { saved, walk, count: 0 })
    }

    /// Takes one event, exactly as [`super::CountTest::observe`] does.
    ///
    /// # Errors
    /// As there; the state is left as it was.
    pub fn observe(&mut self, candidate: bool, share: f64) -> Result<(), Error> {
        let suspected = suspected_probability(self.saved.side, self.saved.margin, share)?;
        if candidate && share == 0.0 {
            return Err(Error::ImpossibleEvent { model: "candidate" });
        }
        if !candidate && share == 1.0 {
            return Err(Error::ImpossibleEvent { model: "champion" });
        }
        match self.saved.runs.last_mut() {
            Some(run) if run.share == share => run.add(candidate),
            _ => {
                let mut run = Run { share, candidate: 0, champion: 0 };
                run.add(candidate);
                self.saved.runs.push(run);
            }
        }
        if share == 0.0 || share == 1.0 {
            return Ok(());
        }
        let speaks_against = candidate == (self.saved.side == Side::Harm);
        self.count += u64::from(speaks_against);
        self.walk.advance(suspected);
        // Only an event of the suspected kind raises the evidence.
        if speaks_against {
            self.saved.peak_log_e = self.saved.peak_log_e.max(self.walk.ladder.log_e(self.count));
            if self.saved.rejected_at.is_none() && self.walk.is_critical(self.count) {
                self.saved.rejected_at = Some(self.walk.events);
            }
        }
        Ok(())
    }

    /// Whether the null hypothesis was rejected at any time; a rejection stands.
    pub fn rejects(&self) -> bool {
        self.saved.rejected_at.is_some()
    }

    /// After how many events it was rejected.
    pub fn rejected_at(&self) -> Option<u64> {
        self.saved.rejected_at
    }

    /// The evidence against the null hypothesis by now; 0 at the start.
    pub fn log_e(&self) -> f64 {
        self.walk.ladder.log_e(self.count)
    }

    /// The evidence by now from events that are not independent, see
    /// [`super::CountTest::log_e_dispersed`].
    pub fn log_e_dispersed(&self, dispersion: f64) -> f64 {
        self.walk.ladder.log_e_dispersed(self.count, dispersion)
    }

    /// The most evidence there has ever been.
    pub fn peak_log_e(&self) -> f64 {
        self.saved.peak_log_e
    }

    /// The evidence that is enough by now: the calibrated one during the plan, then what is left.
    pub fn threshold(&self) -> f64 {
        match self.walk.phase {
            Phase::Planned { .. } => self.saved.limit,
            Phase::Beyond { limit } => limit,
        }
    }

    /// The chance that a null hypothesis that holds would have been rejected by now.
    pub fn spent(&self) -> f64 {
        self.walk.spent
    }

    /// How many events the boundary was calibrated for.
    pub fn planned_events(&self) -> u64 {
        self.saved.planned
    }

    /// What the evidence speaks for.
    pub fn side(&self) -> Side {
        self.saved.side
    }

    /// The tolerated rate ratio minus one.
    pub fn margin(&self) -> f64 {
        self.saved.margin
    }

    /// This test's part of the false-alarm rate.
    pub fn alpha(&self) -> f64 {
        self.saved.alpha
    }

    /// Events taken that were the candidate's.
    pub fn candidate_events(&self) -> u64 {
        self.saved.runs.iter().map(|run| run.candidate).sum()
    }

    /// Events taken that were the champion's.
    pub fn champion_events(&self) -> u64 {
        self.saved.runs.iter().map(|run| run.champion).sum()
    }
}

impl Run {
    fn add(&mut self, candidate: bool) {
        if candidate {
            self.candidate += 1;
        } else {
            self.champion += 1;
        }
    }
}

impl From<PlannedTest> for Saved {
    fn from(test: PlannedTest) -> Self {
        test.saved
    }
}

impl TryFrom<Saved> for PlannedTest {
    type Error = Error;

    fn try_from(saved: Saved) -> Result<Self, Error> {
        open_unit("alpha", saved.alpha)?;
        let mut walk = Walk::new(saved.limit, saved.planned, saved.alpha);
        let mut count = 0;
        for run in &saved.runs {
            let suspected = suspected_probability(saved.side, saved.margin, run.share)?;
            if run.share == 0.0 || run.share == 1.0 {
                continue;
            }
            (0..run.candidate + run.champion).for_each(|_| walk.advance(suspected));
            count += match saved.side {
                Side::Harm => run.candidate,
                Side::Safe => run.champion,
            };
        }
        Ok(Self { saved, walk, count })
    }
}

/// What the null hypothesis has spent along the events that came, and what is critical now.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Walk {
    ladder: Ladder,
    events: u64,
    planned: u64,
    limit: f64,
    alpha: f64,
    spent: f64,
    phase: Phase,
}

#[derive(Debug, Clone, PartialEq)]
enum Phase {
    /// The law of the count is followed; `raised` is the critical count after the spending cap.
    Planned { mass: Mass, critical: u64, raised: u64 },
    /// The plan is over.
    Beyond { limit: f64 },
}

impl Walk {
    fn new(limit: f64, planned: u64, alpha: f64) -> Self {
        let phase = if planned == 0 {
            Phase::Beyond { limit: -alpha.ln() }
        } else {
            Phase::Planned { mass: Mass::new(), critical: 1, raised: 1 }
        };
        Self { ladder: Ladder::new(), events: 0, planned, limit, alpha, spent: 0.0, phase }
    }

    fn advance(&mut self, suspected: f64) {
        self.ladder.advance(suspected);
        self.events += 1;
        let Phase::Planned { mass, critical, raised } = &mut self.phase else { return };
        mass.advance(suspected);
        *critical = self.ladder.critical(*critical, self.limit);
        // Rounding must not raise the boundary of an event path that is exactly the planned one.
        let budget = self.alpha * (1.0 - RESERVE) * (1.0 + 1e-9);
        *raised = *critical;
        while *raised < mass.end() && self.spent + mass.at_least(*raised) > budget {
            *raised += 1;
        }
        self.spent += mass.cut(*raised);
        if self.events == self.planned {
            let evidence: f64 =
                mass.iter().map(|(count, chance)| chance * self.ladder.log_e(count).exp()).sum();
            let rest = self.alpha - self.spent;
            self.phase = Phase::Beyond { limit: (evidence / rest).ln().max(0.0) };
        }
    }

    fn is_critical(&self, count: u64) -> bool {
        match &self.phase {
            Phase::Planned { raised, .. } => count >= *raised,
            Phase::Beyond { limit } => self.ladder.log_e(count) >= *limit,
        }
    }
}

/// The chance of a rejection after each event of the plan when the candidate's rate is really
/// `ratio` times the champion's: element i is P(rejected by event i + 1). Exact, by the same
/// recursion as the boundary. The events of `plan` are those that come when the ratio holds.
pub(crate) fn power(test: &PlannedTest, plan: &[Stage], ratio: f64) -> Result<Vec<f64>, Error> {
    let (side, margin) = (test.saved.side, test.saved.margin);
    let null = probabilities(side, margin, plan)?;
    let truth = probabilities(side, ratio - 1.0, plan)?;
    let mut walk = Walk::new(test.saved.limit, test.saved.planned, test.saved.alpha);
    let mut mass = Mass::new();
    let mut rejected = 0.0;
    let mut path = Vec::new();
    for ((suspected, events), (chance, _)) in null.into_iter().zip(truth) {
        for _ in 0..events {
            walk.advance(suspected);
            mass.advance(chance);
            let critical = match &walk.phase {
                Phase::Planned { raised, .. } => *raised,
                Phase::Beyond { limit } => walk.ladder.critical(0, *limit),
            };
            rejected += mass.cut(critical);
            path.push(rejected.min(1.0));
        }
    }
    Ok(path)
}

#[cfg(test)]
#[path = "planned_tests.rs"]
mod tests;
