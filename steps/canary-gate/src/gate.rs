//! The gate's mind: what was seen goes in with the time, what to do with the traffic comes out. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use contract::Verdict;
use routes::{Route, Variant};
use serde::Serialize;

use crate::answer::Answer;
use crate::baseline::Baseline;
use crate::ending;
use crate::evidence::{EVEN, Evidence};
use crate::join::Join;
use crate::plan::Plan;
use crate::trace::Trace;

/// A canary under way. Times are those since the gate began.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) plan: Plan,
    pub(crate) steps: Vec<Step>,
    pub(crate) evidence: Evidence,
    /// What a candidate that has the whole stream is compared with.
    pub(crate) baseline: Option<Baseline>,
    pub(crate) join: Join<Answer>,
    pub(crate) trace: Trace,
    pub(crate) passed_over: PassedOver,
    /// Scorers that have not confirmed the step in hand.
    pub(crate) missing: Vec<String>,
    /// What ends the canary whatever the evidence says: the first that was told.
    fault: Option<Ending>,
}

/// A share, from the writing of its route to the next.
#[derive(Debug, Serialize)]
pub(crate) struct Step {
    pub(crate) share: f64,
    pub(crate) generation: u64,
    /// Seconds since the gate began.
    pub(crate) written: f64,
    pub(crate) confirmed: Option<f64>,
    pub(crate) confirmed_by: Vec<String>,
    /// Answers of this generation count from these offsets of the predictions topic on.
    pub(crate) counted_from: BTreeMap<i32, i64>,
    /// Answers of this generation from before every scorer had confirmed.
    pub(crate) too_early: u64,
    pub(crate) champion: Counts,
    pub(crate) candidate: Counts,
    #[serde(skip)]
    pub(crate) route: Route,
}

/// What was seen of one variant at one share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    /// Records whose key drew this variant.
    pub(crate) records: u64,
    /// Of these, answered by the other one because this one did not.
    pub(crate) fallbacks: u64,
    /// Own answers whose label is known.
    pub(crate) labelled: u64,
    /// Records whose label is known and is not the answer's.
    pub(crate) errors: u64,
}

/// Records that are no evidence.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct PassedOver {
    /// Answers under other routes.
    pub(crate) foreign: u64,
    /// Neither a prediction nor a label.
    pub(crate) unreadable: u64,
    /// Answers of models that give no label.
    pub(crate) without_label: u64,
}

/// What to do with the traffic.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Move {
    Stay,
    /// Give the candidate this share.
    Raise(f64),
    End(Ending),
}

/// Why the canary is over.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ending {
    pub(crate) verdict: Verdict,
    pub(crate) reason: String,
}

impl Gate {
    /// A gate that has seen nothing yet; `baseline` is there if the candidate gets the whole stream.
    pub(crate) fn new(plan: Plan, baseline: Option<Baseline>) -> Self {
        Self {
            evidence: Evidence::new(&plan),
            baseline,
            join: Join::new(plan.label_wait, plan.max_waiting),
            plan,
            steps: Vec::new(),
            trace: Trace::default(),
            passed_over: PassedOver::default(),
            missing: Vec::new(),
            fault: None,
        }
    }

    /// A route with the next share was written.
    pub(crate) fn raised(&mut self, route: Route, now: Duration) {
        self.missing.clear();
        self.steps.push(Step {
            share: route.share(),
            generation: route.generation,
            written: now.as_secs_f64(),
            confirmed: None,
            confirmed_by: Vec::new(),
            counted_from: BTreeMap::new(),
            too_early: 0,
            champion: Counts::default(),
            candidate: Counts::default(),
            route,
        });
    }

    /// Every live scorer has the newest route in force; answers count from these offsets on.
    pub(crate) fn confirmed(&mut self, by: Vec<String>, from: BTreeMap<i32, i64>, now: Duration) {
        self.missing.clear();
        if let Some(step) = self.steps.last_mut() {
            (step.confirmed, step.confirmed_by) = (Some(now.as_secs_f64()), by);
            step.counted_from = from;
        }
    }

    /// The route under which generation `generation` answers, if it is this gate's.
    pub(crate) fn route(&self, generation: u64) -> Option<&Route> {
        self.steps.iter().rfind(|step| step.generation == generation).map(|step| &step.route)
    }

    /// An answer under one of this gate's routes, at its place in the predictions topic.
    pub(crate) fn answered(&mut self, answer: Answer, place: (i32, i64), now: Duration) {
        let Some(step) = self.step_of(&answer) else { return };
        let counts_from = step.counted_from.get(&place.0);
        if step.confirmed.is_none() || counts_from.is_some_and(|from| place.1 < *from) {
            step.too_early += 1;
            return;
        }
        let share = step.share;
        step.of(answer.drawn).records += 1;
        let records = step.of(answer.drawn).records;
        if answer.fallback {
            step.of(answer.drawn).fallbacks += 1;
            match &self.baseline {
                None => self.evidence.failure(&answer, share),
                // Every answer of the past was one, so the n-th record stands beside one that was answered.
                Some(baseline) if records <= baseline.len() => {
                    self.evidence.failure(&answer, EVEN);
                }
                Some(_) => {}
            }
        }
        if answer.label.is_none() {
            self.passed_over.without_label += 1;
        } else if let Some((answer, label)) = self.join.answer(answer.id, answer, now) {
            self.judge(&answer, label);
        }
    }

    /// A label became known.
    pub(crate) fn label(&mut self, id: u64, label: f64, now: Duration) {
        if let Some((answer, label)) = self.join.label(id, label, now) {
            self.judge(&answer, label);
        }
    }

    /// The stream is not split as the route says, or a scorer refuses: no evidence can be gained any more.
    pub(crate) fn spoilt(&mut self, verdict: Verdict, reason: String) {
        self.fault.get_or_insert(Ending { verdict, reason });
    }

    /// What to do now.
    pub(crate) fn next(&mut self, now: Duration) -> Move {
        self.join.expire(now);
        self.trace.push(self.evidence.point(now.as_secs_f64()));
        if let Some(metric) = self.evidence.harm() {
            return Move::End(ending::harm(self, metric));
        }
        if let Some(ending) = &self.fault {
            return Move::End(ending.clone());
        }
        if now >= self.plan.deadline {
            return Move::End(ending::deadline(self));
        }
        let Some(step) = self.steps.last() else { return Move::Raise(self.plan.shares[0]) };
        let Some(confirmed) = step.confirmed else {
            let waited = now.saturating_sub(Duration::from_secs_f64(step.written));
            if waited < self.plan.confirm_timeout {
                return Move::Stay;
            }
            return Move::End(ending::unconfirmed(self));
        };
        let stayed = now.saturating_sub(Duration::from_secs_f64(confirmed));
        if stayed < self.plan.min_step_time || step.labelled() < self.plan.min_records {
            return Move::Stay;
        }
        match self.plan.shares.get(self.steps.len()) {
            Some(share) => Move::Raise(*share),
            None if self.evidence.is_safe() => Move::End(ending::safe(self)),
            None if self.plan.accept == crate::Accept::NoHarm => Move::End(ending::no_harm(self)),
            None => Move::Stay,
        }
    }

    /// Labelled answers seen of those that the plan asks for at least, over all steps.
    pub(crate) fn progress(&self) -> (u64, u64) {
        let least = self.plan.min_records;
        let done = self.steps.iter().map(|step| step.labelled().min(least)).sum();
        (done, least * self.plan.shares.len() as u64)
    }

    /// Counts over all steps: champion, candidate.
    pub(crate) fn totals(&self) -> (Counts, Counts) {
        let sum = |of: fn(&Step) -> Counts| {
            self.steps.iter().map(of).fold(Counts::default(), |sum, next| sum.plus(next))
        };
        (sum(|step| step.champion), sum(|step| step.candidate))
    }

    fn judge(&mut self, answer: &Answer, label: f64) {
        let is_its = |step: &&mut Step| step.generation == answer.generation;
        let Some(step) = self.steps.iter_mut().rev().find(is_its) else { return };
        let (wrong, share) = (answer.label != Some(label), step.share);
        let counts = step.of(answer.drawn);
        counts.labelled += u64::from(!answer.fallback);
        counts.errors += u64::from(wrong);
        match &mut self.baseline {
            None if wrong => self.evidence.label_error(answer, share),
            None => {}
            // Once the past is used up, there is nothing to compare with and the evidence stands still.
            Some(baseline) => {
                if let Some(past) = baseline.reveal() {
                    let champion = step.of(Variant::Champion);
                    champion.labelled += 1;
                    champion.errors += u64::from(past.wrong);
                    self.evidence.pair(answer, wrong, past.counts);
                }
            }
        }
    }

    fn step_of(&mut self, answer: &Answer) -> Option<&mut Step> {
        self.steps.iter_mut().rfind(|step| step.generation == answer.generation)
    }
}

impl Step {
    /// Labelled answers of the variant that has fewer: without a baseline there is no evidence either.
    pub(crate) fn labelled(&self) -> u64 {
        self.champion.labelled.min(self.candidate.labelled)
    }

    fn of(&mut self, variant: Variant) -> &mut Counts {
        match variant {
            Variant::Champion => &mut self.champion,
            Variant::Candidate => &mut self.candidate,
        }
    }
}

impl Counts {
    fn plus(self, other: Self) -> Self {
        Self {
            records: self.records + other.records,
            fallbacks: self.fallbacks + other.fallbacks,
            labelled: self.labelled + other.labelled,
            errors: self.errors + other.errors,
        }
    }
}

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
