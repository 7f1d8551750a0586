//! The loop: read, ask the gate, change the traffic.

use std::time::{Duration, Instant};

use contract::stop::Stop;
use contract::{Context, Verdict};
use routes::{Confirmation, Route, Scorers};
use serde::Serialize;

use crate::checkpoint::Checkpoints;
use crate::clock::Clock;
use crate::commands::Commands;
use crate::ending;
use crate::foresee::Foreseen;
use crate::gate::{Ending, Gate, Move};
use crate::journal::{Entry, Journal};
use crate::sources::promql::Promql;
use crate::traffic::{Traffic, Wrote};
use crate::watch::Watch;

/// After a signal the share is taken back at once; this long its confirmation is waited for.
const CONFIRM_ON_STOP: Duration = Duration::from_secs(5);

/// Where nothing arrives, the gate is asked so often all the same: batches end, and answers wait too long.
const LONGEST_SILENCE: Duration = Duration::from_secs(1);

/// A canary under way, with all that it touches.
pub(crate) struct Run<'a> {
    pub(crate) gate: Gate,
    pub(crate) journal: Journal,
    pub(crate) clock: Clock,
    pub(crate) traffic: Traffic,
    pub(crate) watch: Watch,
    pub(crate) scorers: Scorers,
    pub(crate) commands: Commands,
    pub(crate) promql: Promql,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) poll: Duration,
    pub(crate) context: &'a Context,
    /// An earlier run had decided so, and was ended before it could act.
    pub(crate) decided: Option<(Ending, Duration)>,
    pub(crate) foreseen: Option<Foreseen>,
}

/// A finished canary.
pub(crate) struct Finished {
    pub(crate) gate: Gate,
    pub(crate) journal: Journal,
    pub(crate) foreseen: Option<Foreseen>,
    pub(crate) ending: Ending,
    /// Seconds from the gate's start to the decision.
    pub(crate) decided: f64,
    pub(crate) withdrawn: Option<Withdrawn>,
    /// Who else changed the route.
    pub(crate) taken_over: Option<Route>,
    /// The route afterwards.
    pub(crate) route: Option<Route>,
}

/// How the share went back to 0.
#[derive(Clone, Debug, Serialize)]
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
    let conducted = match run.decided.take() {
        Some((ending, at)) => Ok((ending, at, None)),
        None => run.conduct(),
    };
    // What was seen so far is not lost, whatever comes.
    let kept = run.checkpoints.keep(&run.journal, true);
    let (ending, decided, foreign) = match conducted {
        Ok(ended) => ended,
        Err(error) => {
            leave(&mut run.traffic, &mut run.scorers, &error)?;
            return Err(error);
        }
    };
    if let Err(error) = kept {
        tracing::warn!(error = format!("{error:#}"), "the last checkpoint was not written");
    }
    let last = run.gate.point(decided);
    run.gate.trace.push_last(last);
    tracing::info!(verdict = %ending.verdict, reason = ending.reason, "decided");

    let Run { gate, journal, foreseen, mut traffic, mut scorers, context, clock, .. } = run;
    let mut finished = Finished {
        gate,
        journal,
        foreseen,
        ending,
        decided: decided.as_secs_f64(),
        withdrawn: None,
        taken_over: foreign,
        route: None,
    };
    // The champion beside itself has no business on the stream afterwards.
    let stays = finished.gate.plan.strategy != crate::Strategy::AA;
    if finished.ending.verdict == Verdict::Pass && stays {
        traffic.keep();
    } else {
        take_back(&mut finished, &mut traffic, &mut scorers, clock, context)?;
    }
    finished.route = match &finished.taken_over {
        Some(foreign) => Some(foreign.clone()),
        None => traffic.current().cloned(),
    };
    Ok(finished)
}

impl Run<'_> {
    /// Until the gate has decided, or someone else took over.
    fn conduct(&mut self) -> anyhow::Result<(Ending, Duration, Option<Route>)> {
        let (mut told, mut ticked, mut warned) = (Instant::now(), Duration::ZERO, None);
        loop {
            self.context.stop.check()?;
            if let Some(foreign) = self.traffic.taken_over()? {
                let now = self.tick();
                let ending = taken_over(&foreign);
                self.journal.entries.push(Entry::Spoilt(ending.verdict, ending.reason.clone()));
                return Ok((ending, now, Some(foreign)));
            }
            self.listen()?;
            self.ask_scorers()?;
            let is_asked = self.gate.next(self.clock.now()) != Move::Stay;
            let wait = if is_asked { Duration::ZERO } else { self.poll };
            let spacing = self.clock.spacing().min(wait);
            let came = self.watch.pump(&self.gate, wait, spacing)?;
            if came || is_asked || self.clock.now() >= ticked + LONGEST_SILENCE {
                let now = self.tick();
                ticked = now;
                match self.gate.next(now) {
                    Move::End(ending) => return Ok((ending, now, None)),
                    Move::Raise(share) => {
                        if let Some(foreign) = self.raise(share)? {
                            let now = self.tick();
                            let ending = taken_over(&foreign);
                            let spoilt = Entry::Spoilt(ending.verdict, ending.reason.clone());
                            self.journal.entries.push(spoilt);
                            return Ok((ending, now, Some(foreign)));
                        }
                    }
                    Move::Stay => {}
                }
            }
            self.checkpoints.keep(&self.journal, false)?;
            if told.elapsed() > Duration::from_secs(1) {
                told = Instant::now();
                tell(&self.gate, self.context);
                let now = self.clock.now();
                let vain = self.gate.meeting.warning(self.gate.unpaused(now));
                if let Some(vain) = vain.filter(|_| warned != vain) {
                    tracing::warn!("{}", ending::vain(&self.gate, vain, now));
                }
                warned = vain.or(warned);
            }
        }
    }

    /// Hands over what was read, and lets the gate see that time has passed.
    fn tick(&mut self) -> Duration {
        let now = self.clock.now();
        let (moved, elders) = self.watch.hand_over(&mut self.gate, &mut self.journal.digest, now);
        if elders.met > 0 {
            let (met, after) = (elders.met, millis(elders.after));
            self.journal.entries.push(Entry::Elders { met, after });
            self.gate.elders(met, elders.after);
        }
        self.journal.entries.push(Entry::Tick(millis(now), moved));
        self.gate.tick(now);
        now
    }

    /// Gives the candidate a share; who took over the route, if someone did.
    fn raise(&mut self, share: f64) -> anyhow::Result<Option<Route>> {
        match self.traffic.raise(share)? {
            Wrote::TakenOver(foreign) => Ok(Some(foreign)),
            Wrote::Done(route) => {
                let now = self.clock.now();
                self.journal.entries.push(Entry::Raised(millis(now), Box::new(route.clone())));
                self.gate.raised(route, now);
                self.checkpoints.keep(&self.journal, true)?;
                Ok(None)
            }
        }
    }

    /// What people and Prometheus say.
    fn listen(&mut self) -> anyhow::Result<()> {
        while let Some(command) = self.commands.next()? {
            let now = self.clock.now();
            let (by, reason) = (&command.by, &command.reason);
            tracing::info!(command = command.command.as_str(), by, reason, "a person said");
            self.journal.entries.push(Entry::Said(millis(now), command.clone()));
            self.gate.told(command, now);
        }
        while let Some(sample) = self.promql.next() {
            let value = sample.value.map(|value| format!("{value:?}"));
            let (metric, why) = (sample.metric, sample.why);
            self.journal.entries.push(Entry::Sampled { metric, value, why });
            self.gate.sampled(metric, sample.value);
        }
        Ok(())
    }

    /// Whether the step in hand is confirmed, and whether all still can answer.
    fn ask_scorers(&mut self) -> anyhow::Result<()> {
        let Some(step) = self.gate.steps.last() else { return Ok(()) };
        let (generation, waiting) = (step.generation, step.confirmed.is_none());
        match self.scorers.confirm(&step.route, Duration::ZERO, &self.context.stop)? {
            Confirmation::Confirmed { scorers, .. } if waiting => {
                let topic = stream::Topics::of(&self.context.common.stream).predictions;
                let ends = self.context.kafka.extent(&topic)?;
                let from: std::collections::BTreeMap<i32, i64> =
                    ends.0.into_iter().map(|(partition, (_, end))| (partition, end)).collect();
                let now = self.clock.now();
                tracing::info!(generation, scorers = scorers.join(","), "confirmed");
                let (at, by) = (millis(now), scorers.clone());
                self.journal.entries.push(Entry::Confirmed { at, by, from: from.clone() });
                self.gate.confirmed(scorers, from, now);
            }
            Confirmation::Refused { scorer, error } => {
                let reason = format!("scorer {scorer} cannot answer with the candidate: {error}");
                self.journal.entries.push(Entry::Spoilt(Verdict::Fail, reason.clone()));
                self.gate.spoilt(Verdict::Fail, reason);
            }
            Confirmation::TimedOut { missing } if waiting && missing != self.gate.missing => {
                self.journal.entries.push(Entry::Missing(missing.clone()));
                self.gate.missing = missing;
            }
            Confirmation::Confirmed { .. } | Confirmation::TimedOut { .. } => {}
        }
        Ok(())
    }
}

fn millis(now: Duration) -> u64 {
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

/// The share goes to 0 at once; what the scorers say to it is recorded.
fn take_back(
    finished: &mut Finished,
    traffic: &mut Traffic,
    scorers: &mut Scorers,
    clock: Clock,
    context: &Context,
) -> anyhow::Result<()> {
    let ending = &mut finished.ending;
    match traffic.withdraw(ending)? {
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
                    ending.reason.push_str("; share 0 is written, but was not confirmed in time");
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
    traffic: &mut Traffic,
    scorers: &mut Scorers,
    error: &anyhow::Error,
) -> anyhow::Result<()> {
    tracing::warn!(error = format!("{error:#}"), "leaving before a verdict; share back to 0");
    if let Some(Wrote::Done(route)) = traffic.leave()? {
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

fn taken_over(foreign: &Route) -> Ending {
    let Route { release, generation, reason, .. } = foreign;
    Ending {
        verdict: Verdict::Inconclusive,
        reason: format!("taken over by release {release} in generation {generation}: {reason}"),
    }
}

fn tell(gate: &Gate, context: &Context) {
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
    context.progress.tell(done.min(total.saturating_sub(1)), total, &words);
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
