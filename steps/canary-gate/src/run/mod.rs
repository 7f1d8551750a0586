//! The loop: read, record what happened, ask the gate, change the traffic.

use std::time::{Duration, Instant};

use contract::stop::Stop;
use contract::{Context, Verdict};
use routes::{Confirmation, Confirmations, Route};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::history::checkpoint::Checkpoints;
use crate::history::journal::Journal;
use crate::history::ledger::Ledger;
use crate::io::clock::Clock;
use crate::io::commands::Commands;
use crate::io::prometheus::Promql;
use crate::io::topics::Topics;
use crate::io::trial::{Trial, Wrote};
use crate::policy::entry::Entry;
use crate::policy::evidence_series::Point;
use crate::policy::forecast::Forecast;
use crate::policy::gate::{Gate, Move, Outcome};
use crate::policy::outcome;

pub(crate) mod start;

/// After a signal the share is taken back at once; this long its confirmation is waited for.
const CONFIRM_ON_STOP: Duration = Duration::from_secs(5);

/// Where nothing arrives, the gate is asked this often all the same: batches end, and answers wait too long.
const IDLE_TICK: Duration = Duration::from_secs(1);

/// How often the log says how it goes.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// A canary under way, with all that it touches.
pub(crate) struct Run<'a> {
    pub(crate) ledger: Ledger<Topics>,
    pub(crate) clock: Clock,
    pub(crate) trial: Trial,
    pub(crate) scorers: Box<dyn Confirmations>,
    pub(crate) commands: Commands,
    pub(crate) promql: Promql,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) poll: Duration,
    pub(crate) context: &'a Context,
    pub(crate) forecast: Option<Forecast>,
}

/// A finished canary.
pub(crate) struct Finished {
    pub(crate) gate: Gate,
    pub(crate) journal: Journal,
    pub(crate) forecast: Option<Forecast>,
    /// As the gate decided, which a replay reaches again.
    pub(crate) outcome: Outcome,
    /// Seconds from the gate's start to the decision.
    pub(crate) decided: f64,
    /// The evidence at the decision.
    pub(crate) evidence: Point,
    pub(crate) withdrawn: Option<Withdrawn>,
    /// Who else changed the route.
    pub(crate) taken_over: Option<Route>,
    /// The route afterwards.
    pub(crate) route: Option<Route>,
}

/// How the share went back to 0.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Withdrawn {
    pub(crate) generation: u64,
    /// Seconds from the decision until the route was written.
    pub(crate) written_after: f64,
    /// Seconds from then until every live scorer had confirmed; `None` where they did not in time.
    pub(crate) confirmed_after: Option<f64>,
    pub(crate) confirmed_by: Vec<String>,
}

/// Carries the canary out.
///
/// # Errors
/// The broker went away or the process was asked to end; the share is 0 then, or the log says that it is not.
pub(crate) fn run(mut run: Run<'_>) -> anyhow::Result<Finished> {
    let conducted = run.conduct();
    // What was seen so far is not lost, whatever comes.
    let kept = run.checkpoints.keep(run.ledger.journal(), true);
    let (outcome, decided) = match conducted {
        Ok(decision) => decision,
        Err(error) => {
            leave(&mut run.trial, &mut *run.scorers, &error)?;
            return Err(error);
        }
    };
    if let Err(error) = kept {
        tracing::warn!(error = format!("{error:#}"), "the last checkpoint was not written");
    }
    tracing::info!(verdict = %outcome.verdict, reason = outcome.reason, "decided");

    let Run { ledger, forecast, mut trial, mut scorers, context, clock, .. } = run;
    let (gate, journal) = ledger.into_parts();
    let mut finished = Finished {
        evidence: gate.point(decided),
        taken_over: gate.taken_over.as_deref().cloned(),
        gate,
        journal,
        forecast,
        outcome,
        decided: decided.as_secs_f64(),
        withdrawn: None,
        route: None,
    };
    // The champion beside itself has no business on the stream afterwards.
    let stays = finished.gate.plan.strategy != crate::Strategy::AA;
    if finished.outcome.verdict == Verdict::Pass && stays {
        trial.keep();
    } else {
        take_back(&mut finished, &mut trial, &mut *scorers, clock, context)?;
    }
    finished.route = match &finished.taken_over {
        Some(foreign) => Some(foreign.clone()),
        None => trial.current().cloned(),
    };
    Ok(finished)
}

impl Run<'_> {
    /// Until the gate has decided. An earlier run may have decided, and been ended before it could act.
    fn conduct(&mut self) -> anyhow::Result<(Outcome, Duration)> {
        let (mut logged, mut ticked, mut warned) = (Instant::now(), Duration::ZERO, None);
        loop {
            if let Some(decision) = self.ledger.decision() {
                return Ok(decision.clone());
            }
            self.context.stop.check()?;
            if let Some(foreign) = self.trial.taken_over()? {
                self.give_up(foreign)?;
                continue;
            }
            self.ask_people_and_prometheus()?;
            self.ask_scorers()?;
            let is_asked = self.ledger.gate().next(self.clock.now()) != Move::Stay;
            let came = self.pump(is_asked)?;
            if came || is_asked || self.clock.now() >= ticked + IDLE_TICK {
                ticked = self.tick()?;
                if let Move::Raise(share) = self.ledger.gate().next(ticked) {
                    self.raise(share)?;
                }
            }
            self.checkpoints.keep(self.ledger.journal(), false)?;
            if logged.elapsed() > PROGRESS_INTERVAL {
                logged = Instant::now();
                let (gate, now) = (self.ledger.gate(), self.clock.now());
                report_progress(gate, self.context);
                let why_stalled = gate.meeting.warning(gate.unpaused(now));
                if let Some(why_stalled) = why_stalled.filter(|_| warned != why_stalled) {
                    tracing::warn!("{}", outcome::why_stalled(gate, why_stalled, now));
                }
                warned = why_stalled.or(warned);
            }
        }
    }

    /// Collects records for the next tick; whether there are any.
    fn pump(&mut self, is_asked: bool) -> anyhow::Result<bool> {
        let wait = if is_asked { Duration::ZERO } else { self.poll };
        let spacing = self.clock.spacing().min(wait);
        let (gate, topics) = self.ledger.gate_and_topics();
        let slices = gate.evidence.slices.as_ref();
        let is_ahead = |place| slices.is_some_and(|slices| slices.is_ahead(place));
        topics.pump(is_ahead, wait, spacing)
    }

    /// What was read goes to the gate, and it sees that time has passed.
    fn tick(&mut self) -> anyhow::Result<Duration> {
        let now = self.clock.now();
        let earlier = self.ledger.topics().earlier_labels();
        if earlier.met > 0 {
            let (met, after) = (earlier.met, millis(earlier.after));
            self.ledger.record(Entry::EarlierLabels { met, after })?;
        }
        let moved = self.ledger.topics().moved();
        self.ledger.record(Entry::Tick(millis(now), moved))?;
        if !self.ledger.gate().meeting.is_open() {
            self.ledger.topics().forget_earlier();
        }
        Ok(now)
    }

    /// Gives the candidate a share, unless someone else took over the route.
    fn raise(&mut self, share: f64) -> anyhow::Result<()> {
        match self.trial.raise(share)? {
            Wrote::TakenOver(foreign) => self.give_up(foreign),
            Wrote::Done(route) => {
                let at = millis(self.clock.now());
                self.ledger.record(Entry::Raised { at, route: Box::new(route) })?;
                self.checkpoints.keep(self.ledger.journal(), true)
            }
        }
    }

    /// Someone else wrote the route: what was read until then still counts.
    fn give_up(&mut self, foreign: Route) -> anyhow::Result<()> {
        let at = millis(self.tick()?);
        self.ledger.record(Entry::TakenOver { at, route: Box::new(foreign) })
    }

    fn ask_people_and_prometheus(&mut self) -> anyhow::Result<()> {
        while let Some(command) = self.commands.next()? {
            let at = millis(self.clock.now());
            let (by, reason) = (&command.by, &command.reason);
            tracing::info!(
                command = command.command.as_str(),
                by,
                reason,
                "a person asked for this"
            );
            self.ledger.record(Entry::Asked { at, command })?;
        }
        while let Some(sample) = self.promql.next() {
            let value = sample.value.map(|value| format!("{value:?}"));
            let (metric, why) = (sample.metric, sample.why);
            self.ledger.record(Entry::Sampled { metric, value, why })?;
        }
        Ok(())
    }

    /// Whether the step in hand is confirmed, and whether all still can answer.
    fn ask_scorers(&mut self) -> anyhow::Result<()> {
        let gate = self.ledger.gate();
        let Some(step) = gate.steps.last() else { return Ok(()) };
        let (generation, waiting) = (step.generation, step.confirmed.is_none());
        let entry = match self.scorers.confirm(&step.route, Duration::ZERO, &self.context.stop)? {
            Confirmation::Confirmed { scorers, .. } if waiting => {
                let topic = stream::Topics::of(&self.context.common.stream).predictions;
                let ends = self.context.kafka.extent(&topic)?;
                let from = ends.0.into_iter().map(|(partition, (_, end))| (partition, end));
                tracing::info!(generation, scorers = scorers.join(","), "confirmed");
                let at = millis(self.clock.now());
                Entry::Confirmed { at, by: scorers, from: from.collect() }
            }
            Confirmation::Refused { scorer, error } => Entry::Refused { scorer, error },
            Confirmation::TimedOut { missing } if waiting && missing != gate.missing => {
                Entry::Missing(missing)
            }
            Confirmation::Confirmed { .. } | Confirmation::TimedOut { .. } => return Ok(()),
        };
        self.ledger.record(entry)
    }
}

fn millis(now: Duration) -> u64 {
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

/// The share goes to 0 at once; what the scorers say to it is recorded.
fn take_back(
    finished: &mut Finished,
    trial: &mut Trial,
    scorers: &mut dyn Confirmations,
    clock: Clock,
    context: &Context,
) -> anyhow::Result<()> {
    match trial.withdraw(&finished.outcome)? {
        None => {}
        Some(Wrote::TakenOver(foreign)) => finished.taken_over = Some(foreign),
        Some(Wrote::Done(route)) => {
            let written = clock.now().as_secs_f64();
            let limit = finished.gate.plan.confirm_timeout;
            let mut withdrawn = Withdrawn {
                generation: route.generation,
                written_after: written - finished.decided,
                confirmed_after: None,
                confirmed_by: Vec::new(),
            };
            match scorers.confirm(&route, limit, &context.stop) {
                Ok(Confirmation::Confirmed { scorers, after }) => {
                    withdrawn.confirmed_after = Some(after.as_secs_f64());
                    withdrawn.confirmed_by = scorers;
                }
                // The verdict stands and the route is written; a scorer that is away will follow it when it is back.
                other => {
                    let why = unconfirmed(other);
                    tracing::warn!(why, generation = route.generation, "share 0 not confirmed");
                }
            }
            finished.withdrawn = Some(withdrawn);
        }
    }
    Ok(())
}

/// Why a generation is not in force everywhere.
fn unconfirmed(answer: anyhow::Result<Confirmation>) -> String {
    match answer {
        Ok(Confirmation::Confirmed { .. }) => "every scorer confirmed".into(),
        Ok(Confirmation::TimedOut { missing }) if missing.is_empty() => "no scorer is live".into(),
        Ok(Confirmation::TimedOut { missing }) => format!("not by {}", missing.join(", ")),
        Ok(Confirmation::Refused { scorer, error }) => format!("{scorer} cannot: {error}"),
        Err(error) => format!("{error:#}"),
    }
}

/// An error or a signal: the share goes to 0 before the process ends.
fn leave(
    trial: &mut Trial,
    scorers: &mut dyn Confirmations,
    error: &anyhow::Error,
) -> anyhow::Result<()> {
    tracing::warn!(error = format!("{error:#}"), "leaving before a verdict; share back to 0");
    if let Some(Wrote::Done(route)) = trial.leave()? {
        let confirmed = scorers.confirm(&route, CONFIRM_ON_STOP, &Stop::default());
        match confirmed {
            Ok(Confirmation::Confirmed { scorers, .. }) => {
                let scorers = scorers.join(", ");
                tracing::info!(scorers, generation = route.generation, "share is 0");
            }
            other => {
                let why = unconfirmed(other);
                tracing::warn!(why, generation = route.generation, "share is 0, not confirmed");
            }
        }
    }
    Ok(())
}

fn report_progress(gate: &Gate, context: &Context) {
    let Some(step) = gate.steps.last() else { return };
    let (done, total) = gate.progress();
    let share = report::percent(step.share);
    let point = gate.point(Duration::ZERO);
    let words: Vec<String> = gate
        .evidence
        .tracks
        .iter()
        .zip(&point.metrics)
        .map(|(track, view)| {
            let name = &track.metric.name;
            match (view.harm.log_e, view.harm.limit, view.safe.log_e, view.safe.limit) {
                (Some(harm), Some(harm_limit), Some(safe), Some(safe_limit)) => format!(
                    "{name}: harm {harm:.1}/{harm_limit:.1}, safety {safe:.1}/{safe_limit:.1}"
                ),
                _ if !view.lower.is_finite() || !view.upper.is_finite() => {
                    format!("{name}: too few values yet")
                }
                _ => format!("{name}: {:.3} to {:.3}", view.lower, view.upper),
            }
        })
        .collect();
    let words = format!("share {share}, {} labelled; {}", step.labelled(), words.join("; "));
    // The last one comes with the verdict.
    context.progress.report(done.min(total.saturating_sub(1)), total, &words);
    tracing::info!(
        share,
        generation = step.generation,
        champion = step.champion.words(),
        candidate = step.candidate.words(),
        evidence = words,
        waiting = gate.join.len(),
        "canary"
    );
}
