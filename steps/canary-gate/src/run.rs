//! The loop: read, ask the gate, change the traffic.

use std::time::{Duration, Instant};

use contract::stop::Stop;
use contract::{Context, Verdict};
use routes::{Confirmation, Route, Scorers};
use serde::Serialize;

use crate::gate::{Ending, Gate, Move};
use crate::traffic::{Traffic, Wrote};
use crate::watch::Watch;

/// After a signal the share is taken back at once; this long its confirmation is waited for.
const CONFIRM_ON_STOP: Duration = Duration::from_secs(5);

/// A finished canary.
pub(crate) struct Finished {
    pub(crate) gate: Gate,
    pub(crate) ending: Ending,
    /// Seconds from the gate's start to the decision.
    pub(crate) decided: f64,
    pub(crate) withdrawn: Option<Withdrawn>,
    /// Who else changed the route.
    pub(crate) taken_over: Option<Route>,
    pub(crate) watch: Watch,
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
pub(crate) fn run(
    mut gate: Gate,
    mut traffic: Traffic,
    poll: Duration,
    context: &Context,
    event: &str,
) -> anyhow::Result<Finished> {
    let stream = &context.common.stream;
    let mut watch = Watch::open(&context.kafka, stream)?;
    let mut scorers = Scorers::open(&context.kafka, stream)?;
    let started = Instant::now();
    let conducted =
        conduct(&mut gate, &mut traffic, &mut watch, &mut scorers, poll, context, started);
    let (ending, foreign) = match conducted {
        Ok(ended) => ended,
        Err(error) => {
            leave(&mut traffic, &mut scorers, &error)?;
            return Err(error);
        }
    };
    let decided = started.elapsed();
    gate.trace.push_last(gate.evidence.point(decided.as_secs_f64()));
    tracing::info!(verdict = %ending.verdict, reason = ending.reason, "decided");

    let mut finished = Finished {
        gate,
        ending,
        decided: decided.as_secs_f64(),
        withdrawn: None,
        taken_over: foreign,
        watch,
        route: None,
    };
    if finished.ending.verdict == Verdict::Pass {
        traffic.keep();
    } else {
        take_back(&mut finished, &mut traffic, &mut scorers, started, context, event)?;
    }
    finished.route = match &finished.taken_over {
        Some(foreign) => Some(foreign.clone()),
        None => traffic.current().cloned(),
    };
    Ok(finished)
}

/// Until the gate has decided, or someone else took over.
fn conduct(
    gate: &mut Gate,
    traffic: &mut Traffic,
    watch: &mut Watch,
    scorers: &mut Scorers,
    poll: Duration,
    context: &Context,
    started: Instant,
) -> anyhow::Result<(Ending, Option<Route>)> {
    let mut told = Instant::now();
    loop {
        context.stop.check()?;
        if let Some(foreign) = traffic.taken_over()? {
            return Ok((taken_over(&foreign), Some(foreign)));
        }
        match gate.next(started.elapsed()) {
            Move::End(ending) => return Ok((ending, None)),
            Move::Raise(share) => match traffic.raise(share)? {
                Wrote::Done(route) => gate.raised(route, started.elapsed()),
                Wrote::TakenOver(foreign) => return Ok((taken_over(&foreign), Some(foreign))),
            },
            Move::Stay => {}
        }
        ask_scorers(gate, scorers, context, started)?;
        watch.pump(gate, poll, || started.elapsed())?;
        if told.elapsed() > Duration::from_secs(1) {
            told = Instant::now();
            tell(gate, context);
        }
    }
}

/// Whether the step in hand is confirmed, and whether all still can answer.
fn ask_scorers(
    gate: &mut Gate,
    scorers: &mut Scorers,
    context: &Context,
    started: Instant,
) -> anyhow::Result<()> {
    let Some(step) = gate.steps.last() else { return Ok(()) };
    let (generation, waiting) = (step.generation, step.confirmed.is_none());
    match scorers.confirm(generation, Duration::ZERO, &context.stop)? {
        Confirmation::Confirmed { scorers, .. } if waiting => {
            let topic = format!("{}.predictions", context.common.stream);
            let ends = context.kafka.extent(&topic)?;
            let from = ends.0.into_iter().map(|(partition, (_, end))| (partition, end)).collect();
            tracing::info!(generation, scorers = scorers.join(","), "confirmed");
            gate.confirmed(scorers, from, started.elapsed());
        }
        Confirmation::Refused { scorer, error } => {
            gate.spoilt(
                Verdict::Fail,
                format!("scorer {scorer} cannot answer with the candidate: {error}"),
            );
        }
        Confirmation::TimedOut { missing } if waiting => gate.missing = missing,
        Confirmation::Confirmed { .. } | Confirmation::TimedOut { .. } => {}
    }
    Ok(())
}

/// The share goes to 0 at once; what the scorers say to it is recorded.
fn take_back(
    finished: &mut Finished,
    traffic: &mut Traffic,
    scorers: &mut Scorers,
    started: Instant,
    context: &Context,
    event: &str,
) -> anyhow::Result<()> {
    let ending = &mut finished.ending;
    let note = crate::entry::note(ending.verdict, &ending.reason, event);
    match traffic.withdraw(&note)? {
        None => {}
        Some(Wrote::TakenOver(foreign)) => finished.taken_over = Some(foreign),
        Some(Wrote::Done(route)) => {
            let written = started.elapsed().as_secs_f64();
            let limit = finished.gate.plan.confirm_timeout;
            let mut withdrawn = Withdrawn {
                generation: route.generation,
                written_after: written - finished.decided,
                confirmed_after: None,
                confirmed_by: Vec::new(),
            };
            match scorers.confirm(route.generation, limit, &context.stop) {
                Ok(Confirmation::Confirmed { scorers, after }) => {
                    withdrawn.confirmed_after = Some(after.as_secs_f64());
                    withdrawn.confirmed_by = scorers;
                }
                // The verdict stands and the route is written; a scorer that is away will follow it when it is back.
                other => {
                    tracing::warn!(?other, generation = route.generation, "share 0 not confirmed");
                    ending.reason.push_str("; share 0 is written, but was not confirmed in time");
                }
            }
            finished.withdrawn = Some(withdrawn);
        }
    }
    Ok(())
}

/// An error or a signal: the share goes to 0 before the process ends.
fn leave(
    traffic: &mut Traffic,
    scorers: &mut Scorers,
    error: &anyhow::Error,
) -> anyhow::Result<()> {
    tracing::warn!(error = format!("{error:#}"), "leaving before a verdict; share back to 0");
    if let Some(Wrote::Done(route)) = traffic.withdraw("canary-gate left before a verdict")? {
        let confirmed = scorers.confirm(route.generation, CONFIRM_ON_STOP, &Stop::default());
        tracing::info!(?confirmed, generation = route.generation, "share is 0");
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
    let evidence = &gate.evidence;
    let (done, total) = gate.progress();
    let share = report::percent(step.share);
    let (harm, safe) = (evidence.label_harm.log_e(), evidence.label_safe.log_e());
    let words = format!(
        "share {share}, {} labelled, evidence of harm {harm:.1}/{:.1}, of safety {safe:.1}/{:.1}",
        step.labelled(),
        evidence.harm_limit,
        evidence.safe_limit
    );
    // The last one is told by the verdict.
    context.progress.tell(done.min(total.saturating_sub(1)), total, &words);
    tracing::info!(
        share,
        generation = step.generation,
        champion = ?step.champion,
        candidate = ?step.candidate,
        label_harm = harm,
        failure_harm = evidence.failure_harm.log_e(),
        label_safe = safe,
        waiting = gate.join.len(),
        "canary"
    );
}
