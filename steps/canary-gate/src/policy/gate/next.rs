//! What to do with the traffic, now.

use std::time::Duration;

use super::{Gate, Outcome, Step};
use crate::policy::meeting::Stalled;
use crate::policy::outcome;
use crate::{Accept, Advance, Strategy};

/// What to do with the traffic.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Move {
    Stay,
    /// Give the candidate this share.
    Raise(f64),
    End(Outcome),
}

impl Gate {
    /// What to do, after all that was [applied](Gate::apply).
    pub(crate) fn next(&self, now: Duration) -> Move {
        if let Some(route) = &self.taken_over {
            return Move::End(outcome::taken_over(route));
        }
        let blames = self.plan.strategy != Strategy::AA;
        if let Some(harm) = self.evidence.harm().filter(|_| blames) {
            return Move::End(outcome::harm(self, harm));
        }
        if let Some((track, blind)) = self.evidence.blind() {
            return Move::End(outcome::blind(self, track, blind));
        }
        if let Some(outcome) = &self.invalidated {
            return Move::End(outcome.clone());
        }
        if self.unpaused(now) >= self.plan.deadline {
            return Move::End(outcome::deadline(self));
        }
        if let Some(share) = self.regain {
            return Move::Raise(share);
        }
        let Some(step) = self.steps.last() else { return Move::Raise(self.plan.shares[0]) };
        if step.confirmed.is_none() {
            let waited = now.saturating_sub(Duration::from_secs_f64(step.written));
            if waited < self.plan.confirm_timeout {
                return Move::Stay;
            }
            return Move::End(outcome::unconfirmed(self));
        }
        if self.paused.since.is_some() {
            return Move::Stay;
        }
        if let Some(why_stalled) = self.stalled(now) {
            return Move::End(outcome::stalled(self, why_stalled, now));
        }
        if let Some(share) = self.next_share(step, now) {
            return Move::Raise(share);
        }
        match self.proven {
            Some(since) if now.saturating_sub(since) >= self.plan.bake => {
                Move::End(match self.plan.accept {
                    _ if !blames => outcome::a_a(self),
                    Accept::Evidence => outcome::safe(self),
                    Accept::NoHarm => outcome::no_harm(self),
                })
            }
            _ => Move::Stay,
        }
    }

    /// Why labels for what is answered need not be waited for, if so; once all is proven none is waited for.
    pub(crate) fn stalled(&self, now: Duration) -> Option<Stalled> {
        if self.proven.is_some() {
            return None;
        }
        self.meeting.stalled(self.unpaused(now), self.join.counts)
    }

    /// The share that follows, if it is time.
    fn next_share(&self, step: &Step, now: Duration) -> Option<f64> {
        let confirmed = Duration::from_secs_f64(step.confirmed?);
        let stayed = now.saturating_sub(confirmed);
        if step.labelled() < self.plan.min_records {
            return None;
        }
        let shares = &self.plan.shares;
        match self.plan.advance {
            Advance::Plan if stayed < self.plan.min_step_time + self.plan.warm_up => None,
            Advance::Plan => shares.iter().copied().find(|share| *share > step.share),
            Advance::Adaptive => {
                // At a share s the whole stream fails 1 + s (r - 1) times as often, if the candidate does r times.
                let excess = (self.evidence.worst_ratio(step.share) - 1.0).max(0.0);
                let bears = |share: &&f64| **share * excess <= self.plan.risk;
                let up =
                    shares.iter().rev().find(bears).copied().filter(|share| *share > step.share);
                // Back only when it is clearly too much, so that the share does not flutter.
                let too_much = step.share * excess > 2.0 * self.plan.risk;
                let down = shares.iter().rev().find(|share| **share < step.share).copied();
                up.or(down.filter(|_| too_much))
            }
        }
    }

    /// Whether all that a pass needs is there.
    pub(super) fn is_proven(&self, now: Duration) -> bool {
        let Some(step) = self.steps.last() else { return false };
        let last = self.plan.shares.last().copied().unwrap_or(1.0);
        let is_enough = match self.plan.accept {
            // An a-a run measures until the end of its plan, whatever it has seen.
            _ if self.plan.strategy == Strategy::AA => true,
            Accept::Evidence => self.evidence.unproven().next().is_none(),
            Accept::NoHarm => true,
        };
        let Some(confirmed) = step.confirmed.map(Duration::from_secs_f64) else { return false };
        let stayed = now.saturating_sub(confirmed);
        step.share == last
            && step.labelled() >= self.plan.min_records
            && stayed >= self.plan.min_step_time + self.plan.warm_up
            && is_enough
            && self.evidence.silent().next().is_none()
            && self.evidence.doubtful().next().is_none()
            && self.evidence.strange().next().is_none()
    }
}
