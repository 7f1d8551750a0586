//! The beginning of a canary: what the past teaches, or where an earlier run came to.

use std::collections::BTreeMap;
use std::time::Duration;

use contract::Context;
use fault::exit;
use kafka::Writer;
use promql::Client;
use routes::{Route, Scorers};

use crate::baseline::Baseline;
use crate::checkpoint::{self, Checkpoints};
use crate::clock::{Clock, now_ms};
use crate::commands::Commands;
use crate::foresee::{Foreseen, foresee};
use crate::gate::{Ending, Gate};
use crate::journal::{Began, Entry, Journal, Reads};
use crate::learnt::{Learnt, Past};
use crate::meeting::Before;
use crate::past::{self, History};
use crate::plan::Plan;
use crate::run::Run;
use crate::sources::promql::{Ask, Promql};
use crate::traffic::Traffic;
use crate::watch::{self, Watch};
use crate::{Args, Strategy, Undecidable, again, ending};

/// What came of it.
pub(crate) enum Begun<'a> {
    /// Nothing was changed, and this is why; with what was learnt of labels and answers, if anything was.
    Not(Ending, Option<Box<Before>>),
    Run(Box<Run<'a>>),
}

/// What is opened and read while the gate becomes the writer of the route.
pub(crate) struct Prepared {
    commands: Commands,
    writer: Writer,
    champion: String,
    /// Of this champion. A canary that is gone on with has no use for it, so a fault counts where it is needed.
    history: anyhow::Result<History>,
}

/// A gate, new or where an earlier run left it.
struct Ready {
    gate: Gate,
    journal: Journal,
    /// Where to read on, by source.
    at: Vec<BTreeMap<i32, i64>>,
    /// Parts and entries of the journal that stand on their topic already.
    kept: (u64, usize),
    decided: Option<(Ending, Duration)>,
}

impl Prepared {
    /// # Errors
    /// The broker is away, or the commands' topic is missing.
    pub(crate) fn new(plan: &Plan, champion: &str, context: &Context) -> anyhow::Result<Self> {
        let (kafka, release) = (&context.kafka, &context.common.release);
        Ok(Self {
            // Heard from here on, so that nothing is missed while the past is read.
            commands: Commands::open(kafka, release)?,
            // librdkafka takes half a second or more to get a producer's id, and has it once the past is read.
            writer: kafka.writer()?,
            champion: champion.to_owned(),
            history: past::read(context, champion, plan),
        })
    }
}

/// Makes everything ready for [`crate::run::run`]; `route` is the one in force.
///
/// # Errors
/// The plan cannot be expected to decide (exit 2), a metric cannot be asked for (exit 2), or the broker is away.
pub(crate) fn begin<'a>(
    plan: &Plan,
    route: &Route,
    mut traffic: Traffic,
    prepared: Prepared,
    args: &Args,
    context: &'a Context,
    event: &str,
) -> anyhow::Result<Begun<'a>> {
    let (kafka, release) = (&context.kafka, &context.common.release);
    let Prepared { commands, writer, champion, history } = prepared;
    let left = resume(plan, route, context, event)?;
    let is_new = left.is_none();
    let (ready, ids) = match left {
        Some(ready) => (ready, history.map(|history| history.ids).unwrap_or_default()),
        None => {
            inputs::image_holds(&args.registry, context, &args.image, &args.model_digest)?;
            // Someone else has promoted another one meanwhile.
            let is_other = champion != route.champion.digest;
            let history = match is_other {
                true => past::read(context, &route.champion.digest, plan)?,
                false => history?,
            };
            match fresh(plan, route, &history, context)? {
                Ok(ready) => (ready, history.ids),
                Err(ending) => {
                    // A share that an earlier run left has nobody to watch it.
                    traffic.withdraw(&ending)?;
                    return Ok(Begun::Not(ending, Some(Box::new(history.before))));
                }
            }
        }
    };
    let Ready { gate, journal, at, kept, decided } = ready;
    let learnt = &journal.began.learnt;
    let (foreseen, (watch, scorers)) = contract::beside(
        || foresee(plan, learnt),
        || {
            contract::beside(
                || Watch::open(kafka, &journal.began.topics, at, ids),
                || Scorers::open(kafka, &context.common.stream),
            )
        },
    );
    if is_new {
        expect(plan, learnt, foreseen.as_ref())?;
    }
    let last = Duration::from_millis(journal.last_at());
    let run = Run {
        clock: Clock::since(journal.began.at_ms, last),
        watch: watch?,
        scorers: scorers?,
        promql: promql(plan, route, args, context)?,
        checkpoints: Checkpoints::new(writer, release, event, args.checkpoint, kept),
        commands,
        gate,
        journal,
        traffic,
        poll: args.poll,
        context,
        decided,
        foreseen,
    };
    Ok(Begun::Run(Box::new(run)))
}

/// A canary from its beginning; an ending where there is nothing to compare with.
fn fresh(
    plan: &Plan,
    route: &Route,
    history: &History,
    context: &Context,
) -> anyhow::Result<Result<Ready, Ending>> {
    let mut learnt = Learnt::of(plan, history);
    let topics = watch::sources(&context.kafka, &context.common.stream, &plan.metrics)?;
    let features = topics.iter().find(|source| source.what == Reads::Features);
    learnt.features_from = features.map(|source| source.from.clone());
    if let Some(ending) = ending::hopeless(plan, &learnt, &context.common.stream) {
        return Ok(Err(ending));
    }
    let baseline = baseline(plan, &learnt, &history.answers);
    if let Some(ending) = baseline.as_ref().and_then(|baseline| baseline.too_short(plan)) {
        return Ok(Err(ending));
    }
    let at = topics.iter().map(|source| source.from.clone()).collect();
    let gate = Gate::new(plan.clone(), &learnt, baseline);
    let champion = route.champion.digest.clone();
    let began = Began { at_ms: now_ms(), champion, topics, learnt };
    let journal = Journal::new(began);
    Ok(Ok(Ready { gate, journal, at, kept: (0, 0), decided: None }))
}

/// Says when a decision is to be expected, and refuses a plan that will not reach one.
fn expect(plan: &Plan, learnt: &Learnt, foreseen: Option<&Foreseen>) -> anyhow::Result<()> {
    let Some(foreseen) = foreseen else {
        tracing::info!(
            answers = learnt.answers,
            "too little is known of the stream to forecast when this is decided"
        );
        return Ok(());
    };
    tracing::info!(
        decided = foreseen.decided,
        median_seconds = foreseen.median_seconds,
        "{}",
        foreseen.words
    );
    let refuses = plan.undecidable == Undecidable::Refuse && plan.strategy != Strategy::AA;
    if refuses && learnt.is_known() && !foreseen.is_enough {
        return Err(fault::usage(
            format!("this plan cannot be expected to decide: {}", foreseen.words),
            foreseen.hint.clone(),
        ));
    }
    Ok(())
}

/// Goes on where an earlier run of the same id was ended; `None` where there was none, or its way cannot be gone again.
fn resume(
    plan: &Plan,
    route: &Route,
    context: &Context,
    event: &str,
) -> anyhow::Result<Option<Ready>> {
    let Some((journal, parts)) = checkpoint::left(&context.kafka, &context.common.release, event)?
    else {
        return Ok(None);
    };
    let went = gate_of(plan, &journal, context).and_then(|gate| again::go(gate, &journal, context));
    let went = match went {
        Ok(went) if went.digest == journal.digest => went,
        Ok(_) => {
            tracing::warn!("the topics are not those that an earlier run read; beginning anew");
            return Ok(None);
        }
        Err(error) if fault::exit_code(&error) == exit::USAGE => {
            tracing::warn!(
                error = format!("{error:#}"),
                "an earlier run cannot be gone on with; beginning anew"
            );
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let kept = (parts, journal.entries.len());
    let mut ready = Ready { gate: went.gate, journal, at: went.at, kept, decided: went.ended };
    let at =
        Clock::since(ready.journal.began.at_ms, Duration::from_millis(ready.journal.last_at()));
    let at = u64::try_from(at.now().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(records = went.records, at, "going on where an earlier run was ended");
    let known = ready.gate.steps.last().map_or(0, |step| step.generation);
    match &route.candidate {
        // It was written, and the run ended before it could note it down.
        Some(candidate) if route.generation > known && candidate.share > 0.0 => {
            let raised = Entry::Raised(at, Box::new(route.clone()));
            ready.journal.entries.push(raised);
            ready.gate.raised(route.clone(), Duration::from_millis(at));
        }
        Some(_) => resumed(&mut ready, at, false),
        None => resumed(&mut ready, at, true),
    }
    Ok(Some(ready))
}

fn resumed(ready: &mut Ready, at: u64, lost: bool) {
    ready.journal.entries.push(Entry::Resumed { at, lost });
    ready.gate.resumed(lost);
}

/// A gate that has seen nothing, with what the journal's run had learnt.
///
/// # Errors
/// The champion's past, which a blue-green switch is compared with, is no longer there.
pub(crate) fn gate_of(plan: &Plan, journal: &Journal, context: &Context) -> anyhow::Result<Gate> {
    let Began { champion, learnt, .. } = &journal.began;
    let baseline = if plan.strategy == Strategy::BlueGreen {
        let ranges = (&learnt.predictions, &learnt.labels);
        let answers = past::read_ranges(context, champion, ranges, plan)?;
        let newest = answers.len().saturating_sub(usize::try_from(plan.baseline_records)?);
        baseline(plan, learnt, &answers[newest..])
    } else {
        None
    };
    Ok(Gate::new(plan.clone(), learnt, baseline))
}

fn baseline(plan: &Plan, learnt: &Learnt, answers: &[Past]) -> Option<Baseline> {
    let burst = learnt.label_errors(plan).burst(plan);
    (plan.strategy == Strategy::BlueGreen).then(|| Baseline::new(answers, burst))
}

fn promql(plan: &Plan, route: &Route, args: &Args, context: &Context) -> anyhow::Result<Promql> {
    let names = [
        ("$candidate", args.model_digest.as_str()),
        ("$champion", route.champion.digest.as_str()),
        ("$stream", context.common.stream.as_str()),
        ("$release", context.common.release.as_str()),
    ];
    let mut asks = Vec::new();
    for (metric, spec) in plan.metrics.iter().enumerate() {
        let Some(query) = &spec.query else { continue };
        let client = Client::new(query.options()).map_err(|error| {
            fault::usage(
                format!("--metrics: `{}`: {error}", spec.name),
                "correct the query's server and files",
            )
        })?;
        let (question, every) = (query.question(&names), query.every());
        asks.push(Ask { metric, client, question, every });
    }
    Ok(Promql::start(asks)?)
}
