//! The state of a canary: entries go in by [`Gate::apply`], what to do with the traffic comes out of [`Gate::next`]. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use contract::Verdict;
use kafka::Record;
use routes::{Route, Variant};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::records::answer::Answer;
use stream::LabelDefect;

use crate::policy::baseline::Baseline;
use crate::policy::command::{Action, Asked, Command};
use crate::policy::evidence::{EVEN, Evidence};
use crate::policy::evidence_series::{EvidenceSeries, Point};
use crate::policy::false_alarms::Alarms;
use crate::policy::join::Join;
use crate::policy::keys::Keys;
use crate::policy::meeting::Meeting;
use crate::policy::metrics::held;
use crate::policy::metrics::spec::Of;
use crate::policy::outcome;
use crate::policy::plan::Plan;
use crate::policy::stream_profile::StreamProfile;
use crate::records::events;
use crate::records::labels::Troubles;

mod apply;
mod next;
mod pauses;
mod step;

pub(crate) use next::Move;
use pauses::Pauses;
pub(crate) use step::{Counts, Skipped, Step};

/// So many records whose answers do not count are remembered: those around a change of the route.
const MAX_OTHERS: usize = 200_000;

/// A canary under way. Times are those since the gate began.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) plan: Plan,
    pub(crate) steps: Vec<Step>,
    pub(crate) evidence: Evidence,
    /// What a candidate that has the whole stream is compared with.
    pub(crate) baseline: Option<Baseline>,
    pub(crate) join: Join<Answer>,
    pub(crate) trace: EvidenceSeries,
    pub(crate) skipped: Skipped,
    /// What of the labels topic could not be read.
    pub(crate) troubles: Troubles,
    /// Whether labels and answers meet.
    pub(crate) meeting: Meeting,
    /// Records whose answers do not count, by the hash of their id: their labels belong to somebody.
    others: Keys,
    /// Keys that were answered, where business events are counted.
    keys: Option<Keys>,
    /// Scorers that have not confirmed the step in hand.
    pub(crate) missing: Vec<String>,
    /// False alarms of splits by chance, in an a-a run.
    pub(crate) alarms: Option<Alarms>,
    /// What people asked for, and when.
    pub(crate) commands: Vec<Asked>,
    /// The route that someone else wrote, if someone did.
    pub(crate) taken_over: Option<Box<Route>>,
    /// A hash of every record that was read, in their order: whether ranges still hold the same.
    pub(crate) digest: u64,
    /// The candidate lost its share while no gate was there: it gets this one again.
    regain: Option<f64>,
    paused: Pauses,
    /// Since when everything that a pass needs has been there.
    proven: Option<Duration>,
    /// When the batch in hand began.
    batch: Duration,
    /// Why no evidence can be gained any more: the first reason counts.
    invalidated: Option<Outcome>,
}

/// Why the canary is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Outcome {
    pub(crate) verdict: Verdict,
    pub(crate) reason: String,
}

impl Gate {
    /// A gate that has seen nothing yet; `baseline` is there if the candidate gets the whole stream.
    pub(crate) fn new(plan: Plan, profile: &StreamProfile, baseline: Option<Baseline>) -> Self {
        let mut evidence = Evidence::new(&plan, profile);
        if let Some(baseline) = &baseline {
            evidence.champion_was_judged(baseline.len());
        }
        Self {
            evidence,
            troubles: Troubles::default(),
            others: Keys::new(plan.max_waiting.min(MAX_OTHERS)),
            keys: plan
                .metrics
                .iter()
                .any(|metric| metric.of == Of::Events)
                .then(|| Keys::new(plan.max_waiting)),
            meeting: Meeting::new(plan.meet_within, &profile.before),
            baseline,
            join: Join::new(plan.label_wait, plan.max_waiting),
            steps: Vec::new(),
            trace: EvidenceSeries::default(),
            skipped: Skipped::default(),
            missing: Vec::new(),
            alarms: (plan.strategy == crate::Strategy::AA).then(|| Alarms::new(&plan, profile)),
            commands: Vec::new(),
            taken_over: None,
            digest: 0,
            regain: None,
            paused: Pauses::default(),
            proven: None,
            batch: Duration::ZERO,
            invalidated: None,
            plan,
        }
    }

    /// A route with the next share was written.
    fn raised(&mut self, route: Route, now: Duration) {
        self.missing.clear();
        self.regain = None;
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
    fn confirmed(&mut self, by: Vec<String>, from: BTreeMap<i32, i64>, now: Duration) {
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

    /// A record of the features topic, where something is sliced.
    fn feature(&mut self, record: &Record) {
        self.evidence.feature(record);
    }

    /// An answer under one of this gate's routes, at its place in the predictions topic; whether it counts.
    fn answered(&mut self, mut answer: Answer, place: (i32, i64), now: Duration) -> bool {
        let (warm_up, at) = (self.plan.warm_up, self.unpaused(now));
        let Some(step) = self.step_of(&answer) else { return false };
        let counts_from = step.counted_from.get(&place.0);
        let is_warm = step.confirmed.is_some_and(|at| Duration::from_secs_f64(at) + warm_up <= now);
        if !is_warm || counts_from.is_some_and(|from| place.1 < *from) {
            step.too_early += 1;
            self.others.answered(answer.id);
            return false;
        }
        let share = step.share;
        step.of(answer.assigned_variant).records += 1;
        let records = step.of(answer.assigned_variant).records;
        if answer.fallback {
            step.of(answer.assigned_variant).fallbacks += 1;
        }
        if let (Some(slices), Some(source)) = (&mut self.evidence.slices, answer.source) {
            answer.slices = slices.of(source);
        }
        self.evidence.tally(&answer);
        if let Some(keys) = &mut self.keys {
            keys.answered(answer.key);
        }
        match &self.baseline {
            None => self.evidence.answered(&answer, share),
            // Every answer of the past was one, so the n-th record stands beside one that was answered.
            Some(baseline) if answer.fallback && records <= baseline.len() => {
                self.evidence.failed_alone(&answer);
            }
            Some(_) => {}
        }
        self.skipped.without_label += u64::from(answer.heads.label.is_none());
        self.meeting.answered(at);
        if let Some((answer, label)) = self.join.answer(answer.id, answer, now) {
            self.meeting.met();
            self.judge(&answer, label);
        }
        true
    }

    /// A label became known; whether it met an answer.
    fn label(&mut self, id: u64, label: f64, now: Duration) -> bool {
        let Some((answer, label)) = self.join.label(id, label, now) else {
            if !self.others.knows(id) {
                self.meeting.label();
            }
            return false;
        };
        self.meeting.met();
        self.judge(&answer, label);
        true
    }

    /// An answer under another route, to the record of this id.
    fn foreign(&mut self, id: Option<u64>) {
        self.skipped.foreign += 1;
        if let Some(id) = id {
            self.others.answered(id);
        }
    }

    /// A record of the labels topic that cannot be read.
    fn unlabelled(&mut self, trouble: LabelDefect, record: &Record) {
        self.troubles.add(trouble, record);
        self.meeting.unreadable(trouble);
    }

    /// The stream is not split as the route says, or a scorer refuses: no evidence can be gained any more.
    fn invalidate(&mut self, verdict: Verdict, reason: String) {
        self.invalidated.get_or_insert(Outcome { verdict, reason });
    }

    /// A record of a counter's topic, for the metric at `metric`: whose it is says the route in force.
    fn business(&mut self, metric: usize, record: &Record, now: Duration) {
        let Some(event) = events::read(record) else {
            self.skipped.unreadable += 1;
            return;
        };
        let Some(step) = self.steps.last() else { return };
        let since = step.confirmed.map(|at| Duration::from_secs_f64(at) + self.plan.warm_up);
        if since.is_none_or(|since| now < since) {
            self.skipped.foreign += 1;
            return;
        }
        let assigned_variant = routes::variant(&step.route, event.key);
        let key = crate::records::hash(event.key);
        if self.keys.as_ref().is_some_and(|keys| !keys.knows(key)) {
            self.evidence.stranger(metric);
            return;
        }
        self.evidence.business(metric, event.count, assigned_variant, step.share, key);
    }

    /// What Prometheus answered.
    fn sampled(&mut self, metric: usize, value: Option<f64>) {
        self.evidence.sample(metric, value);
    }

    /// A person asked for something.
    fn asked(&mut self, command: Command, now: Duration) {
        match command.command {
            Action::Pause => {
                self.paused.since.get_or_insert(now);
            }
            Action::Resume => {
                if let Some(since) = self.paused.since.take() {
                    self.paused.over += now.saturating_sub(since);
                }
            }
            Action::Abort => self.invalidate(Verdict::Inconclusive, outcome::aborted(&command)),
        }
        self.commands.push(Asked { at: now.as_secs_f64(), command });
    }

    /// Another run goes on with this canary; `lost` if the candidate has no share any more.
    fn resumed(&mut self, lost: bool) {
        if lost {
            self.regain = self.steps.last().map(|step| step.share);
        }
    }

    /// Time has passed: what waited too long is given up, a batch may be over.
    fn tick(&mut self, now: Duration) {
        self.join.expire(now);
        let share = self.steps.last().map_or(0.0, |step| step.share);
        while now >= self.batch + self.plan.batch() {
            self.batch += self.plan.batch();
            self.evidence.end_batch(self.batch_share(share));
            if let Some(alarms) = &mut self.alarms {
                alarms.end_batch(share);
            }
        }
        if self.is_proven(now) {
            self.proven.get_or_insert(now);
        } else {
            self.proven = None;
        }
        let evidence = &self.evidence;
        let at = now.as_secs_f64();
        self.trace.push(at, || point(evidence, at, share));
    }

    /// The evidence by now, for the report.
    pub(crate) fn point(&self, now: Duration) -> Point {
        let share = self.steps.last().map_or(0.0, |step| step.share);
        point(&self.evidence, now.as_secs_f64(), share)
    }

    /// Labelled answers seen of those that the plan asks for at least, over all steps.
    pub(crate) fn progress(&self) -> (u64, u64) {
        let least = self.plan.min_records;
        let done = self.steps.iter().map(|step| step.labelled().min(least)).sum();
        (done, least * self.plan.shares.len() as u64)
    }

    /// Counts over all steps: champion, candidate.
    pub(crate) fn totals(&self) -> (Counts, Counts) {
        Counts::totals(&self.steps)
    }

    fn judge(&mut self, answer: &Answer, label: f64) {
        let is_judged = self.evidence.can_judge(answer, label);
        let is_its = |step: &&mut Step| step.generation == answer.generation;
        let Some(step) = self.steps.iter_mut().rev().find(is_its) else { return };
        let (error, share) = (held::error(answer.heads, label), step.share);
        let wrong = error == Ok(true);
        let counts = step.of(answer.assigned_variant);
        counts.labelled += u64::from(is_judged && !answer.fallback);
        counts.errors += u64::from(wrong);
        if let Some(alarms) = &mut self.alarms
            && wrong
        {
            alarms.failed(answer.key, share);
        }
        match &mut self.baseline {
            None => self.evidence.labelled(answer, label, share),
            // A label that names no class says nothing of either model.
            Some(_) if error.is_err_and(|why| !why.is_the_answers()) => {
                self.evidence.unpaired(answer, label);
            }
            // Once the past is used up, there is nothing to compare with and the evidence stands still.
            Some(baseline) => {
                if let Some(past) = baseline.reveal() {
                    let champion = step.of(Variant::Champion);
                    champion.labelled += 1;
                    champion.errors += u64::from(past.wrong);
                    self.evidence.pair(answer, label, past.counts);
                }
            }
        }
    }

    /// Time since the gate began, without that in which it was paused.
    pub(crate) fn unpaused(&self, now: Duration) -> Duration {
        now.saturating_sub(self.paused.until(now))
    }

    /// At a share of 100 % each answer stands beside one of the past, as at one half.
    fn batch_share(&self, share: f64) -> f64 {
        if self.baseline.is_some() { EVEN } else { share }
    }

    fn step_of(&mut self, answer: &Answer) -> Option<&mut Step> {
        self.steps.iter_mut().rfind(|step| step.generation == answer.generation)
    }
}

fn point(evidence: &Evidence, at: f64, share: f64) -> Point {
    let metrics = evidence.tracks.iter().map(|track| track.whole.view(share)).collect();
    Point { at, share, metrics }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod judgeable_tests;

#[cfg(test)]
mod random_streams;

#[cfg(test)]
mod simulations;

#[cfg(test)]
mod switch_tests;
