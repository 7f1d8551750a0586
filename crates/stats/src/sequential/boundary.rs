//! The evidence that is enough when the number of events to come is planned.

use serde::{Deserialize, Serialize};

use super::ladder::Ladder;
use super::mass::Mass;
use super::{Side, null_probability};
use crate::error::{Error, open_unit};

/// Events beyond this number are judged by the bound that needs no plan: the calibrated boundary
/// hardly moves any more, and its cost grows with the power 1.5 of the number.
pub const MOST_PLANNED: u64 = 20_000;

/// A stretch of a canary: so many events are expected (or came) while the candidate had this share.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// The candidate's share of the records, in [0, 1].
    pub share: f64,
    /// Events, of either model.
    pub events: u64,
}

/// The smallest log evidence b for which, under the null hypothesis, the chance that the evidence
/// reaches b during the planned events is at most `alpha`.
///
/// `ln(1/alpha)` holds for any number of events and wastes what a finite plan cannot spend; b uses
/// alpha up. It is exact, not simulated: the evidence is a function of one count, whose law below
/// the boundary is followed event by event (`P_n(x) = P_{n-1}(x) (1-p_n) + P_{n-1}(x-1) p_n`), and b
/// is found by bisection. The law depends on the shares alone, not on any failure rate.
/// Never above `ln(1/alpha)`, which is also returned for an empty plan.
///
/// Cost: about `20 K sqrt(K)` additions for K planned events; 2 ms for 1,000 events.
/// Source: the recursion of Armitage, McPherson and Rowe, JRSS A 1969, with the mixture likelihood
/// ratio as the statistic.
///
/// # Errors
/// [`Error::OutOfRange`] for an alpha outside (0, 1), a margin of -1 or less, or a share outside
/// [0, 1].
pub fn calibrated_threshold(
    side: Side,
    margin: f64,
    stages: &[Stage],
    alpha: f64,
) -> Result<f64, Error> {
    open_unit("alpha", alpha)?;
    let plan = probabilities(side, margin, stages)?;
    let unplanned = -alpha.ln();
    if plan.iter().all(|&(_, events)| events == 0) {
        return Ok(unplanned);
    }
    let (mut low, mut high) = (0.0, unplanned);
    // Ville's inequality vouches for the upper end, so the answer is always one that holds.
    for _ in 0..20 {
        let middle = 0.5 * (low + high);
        if crossing(&plan, middle, alpha) <= alpha {
            high = middle;
        } else {
            low = middle;
        }
    }
    Ok(high)
}

/// Runs of equal null probabilities of the suspected kind of event; stages without evidence left out.
pub(super) fn probabilities(
    side: Side,
    margin: f64,
    stages: &[Stage],
) -> Result<Vec<(f64, u64)>, Error> {
    let mut left = MOST_PLANNED;
    let mut runs = Vec::with_capacity(stages.len());
    for stage in stages {
        let null = suspected_probability(side, margin, stage.share)?;
        if null > 0.0 && null < 1.0 {
            let events = stage.events.min(left);
            left -= events;
            runs.push((null, events));
        }
    }
    Ok(runs)
}

/// The chance that an event is of the kind that speaks against the null hypothesis, when the
/// candidate's rate is `1 + margin` times the champion's: the candidate's events for
/// [`Side::Harm`], the champion's for [`Side::Safe`].
pub(super) fn suspected_probability(side: Side, margin: f64, share: f64) -> Result<f64, Error> {
    if !(0.0..=1.0).contains(&share) {
        return Err(Error::OutOfRange { what: "share", value: share, must: "in [0, 1]" });
    }
    if !margin.is_finite() || margin <= -1.0 {
        return Err(Error::OutOfRange { what: "margin", value: margin, must: "above -1" });
    }
    let candidate = null_probability(share, margin);
    Ok(match side {
        Side::Harm => candidate,
        Side::Safe => 1.0 - candidate,
    })
}

/// The chance to reach `limit` within the plan; stops early once it is above `enough`.
fn crossing(plan: &[(f64, u64)], limit: f64, enough: f64) -> f64 {
    let (mut ladder, mut mass) = (Ladder::new(), Mass::new());
    let (mut critical, mut crossed) = (0, 0.0);
    for &(null, events) in plan {
        for _ in 0..events {
            ladder.advance(null);
            mass.advance(null);
            critical = ladder.critical(critical, limit);
            crossed += mass.cut(critical);
            if crossed > enough {
                return crossed;
            }
        }
    }
    crossed
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::sequential::{CountTest, threshold};
    use crate::testing::{Random, assert_close};

    fn limit(share: f64, events: u64) -> f64 {
        calibrated_threshold(Side::Harm, 0.0, &[Stage { share, events }], 0.05).unwrap()
    }

    #[test]
    fn matches_the_simulated_boundaries() {
        // The project's notes, found there by simulation: what was simulated to be crossed in 5 %
        // of the runs is, exactly, within the error of that simulation. For 100 events, few values
        // of the evidence are possible, so that the smallest boundary that holds may be lower.
        for (share, events, simulated) in [
            (0.5, 100, 2.53),
            (0.1, 100, 1.97),
            (0.01, 100, 1.39),
            (0.5, 1000, 2.84),
            (0.1, 1000, 2.42),
            (0.01, 1000, 2.13),
            (0.1, 5000, 2.63),
        ] {
            assert_close(crossing(&[(share, events)], simulated, 1.0), 0.05, 0.006);
            assert_close(limit(share, events), simulated, 0.2);
        }
    }

    #[test]
    fn a_few_events_can_be_counted_by_hand() {
        // Two events at half the stream: only two candidate's events (chance 1/4) can be rare
        // enough for alpha 0.3, so the limit is at most the evidence of exactly that.
        let both =
            calibrated_threshold(Side::Harm, 0.0, &[Stage { share: 0.5, events: 2 }], 0.3).unwrap();
        let mut test = CountTest::new(Side::Harm, 0.0).unwrap();
        test.observe(true, 0.5).unwrap();
        let one = test.log_e();
        test.observe(true, 0.5).unwrap();
        assert!(both > one && both <= test.log_e(), "{one} < {both} <= {}", test.log_e());
    }

    #[test]
    fn never_above_the_bound_that_needs_no_plan() {
        assert_eq!(calibrated_threshold(Side::Harm, 0.0, &[], 0.05).unwrap(), threshold(0.05, 1));
        for (share, events) in [(0.5, 1), (0.01, 5), (0.9, 3000)] {
            assert!(limit(share, events) <= threshold(0.05, 1));
        }
        assert!(calibrated_threshold(Side::Harm, 0.0, &[], 0.0).is_err());
        let stage = Stage { share: 1.5, events: 3 };
        assert!(calibrated_threshold(Side::Safe, 0.0, &[stage], 0.05).is_err());
    }

    #[test]
    fn the_false_alarm_rate_is_what_was_planned_also_when_the_share_grows() {
        let stages =
            [(0.02, 60), (0.1, 100), (0.5, 240)].map(|(share, events)| Stage { share, events });
        for side in [Side::Harm, Side::Safe] {
            let limit = calibrated_threshold(side, 0.2, &stages, 0.05).unwrap();
            let mut random = Random::seeded(1969);
            let runs = 4000;
            let alarms = (0..runs)
                .filter(|_| {
                    let mut test = CountTest::new(side, 0.2).unwrap();
                    for stage in stages {
                        for _ in 0..stage.events {
                            let candidate = random.chance(null_probability(stage.share, 0.2));
                            test.observe(candidate, stage.share).unwrap();
                        }
                    }
                    test.peak_log_e() >= limit
                })
                .count();
            let rate = alarms as f64 / f64::from(runs);
            // Three standard errors of 4,000 runs; below 4 % the plan would be wasted.
            assert!((0.037..=0.0604).contains(&rate), "{side:?}: {rate}");
        }
    }
}
