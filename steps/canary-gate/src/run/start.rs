//! The start of a canary: from what the past says of the stream, or where an earlier run came to.

use contract::Context;
use fault::exit;
use kafka::Writer;
use promql::Client;
use routes::{Route, Traffic};

use crate::history::checkpoint::{self, Checkpoints};
use crate::history::journal::{Began, Journal};
use crate::history::ledger::Ledger;
use crate::io::clock::{Clock, now_ms};
use crate::io::commands::Commands;
use crate::io::labelled_history;
use crate::io::prometheus::{Ask, Promql};
use crate::io::topics::{self, Topics};
use crate::io::trial::Trial;
use crate::policy::baseline::Baseline;
use crate::policy::entry::{Entry, Reads};
use crate::policy::forecast::{Forecast, forecast};
use crate::policy::gate::{Gate, Outcome};
use crate::policy::meeting::Before;
use crate::policy::outcome;
use crate::policy::plan::Plan;
use crate::policy::stream_profile::{History, LabelledPrediction, StreamProfile};
use crate::run::Run;
use crate::{Args, Strategy, Undecidable};

/// What came of it.
pub(crate) enum Begun<'a> {
    /// Nothing was changed, and this is why; with what was learnt of labels and answers, if anything was.
    Not(Outcome, Option<Box<Before>>),
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
    ledger: Ledger<Topics>,
    /// Parts and entries of the journal that stand on their topic already.
    kept: (u64, usize),
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
            history: labelled_history::read(context, champion, plan),
        })
    }
}

/// Makes everything ready for [`crate::run::run`]; `route` is the one in force.
///
/// # Errors
/// The plan cannot be expected to decide (exit 2), a metric cannot be asked for (exit 2), or the broker is away.
pub(crate) fn start<'a>(
    plan: &Plan,
    route: &Route,
    (traffic, mut trial): (&dyn Traffic, Trial),
    prepared: Prepared,
    args: &Args,
    context: &'a Context,
    event: &str,
) -> anyhow::Result<Begun<'a>> {
    let release = &context.common.release;
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
                true => labelled_history::read(context, &route.champion.digest, plan)?,
                false => history?,
            };
            match fresh(plan, route, &history, context)? {
                Ok(ready) => (ready, history.ids),
                Err(outcome) => {
                    // A share that an earlier run left has nobody to watch it.
                    trial.withdraw(&outcome)?;
                    return Ok(Begun::Not(outcome, Some(Box::new(history.before))));
                }
            }
        }
    };
    let Ready { mut ledger, kept } = ready;
    let profile = ledger.journal().began.profile.clone();
    let (forecast, (following, scorers)) = contract::concurrently(
        || forecast(plan, &profile),
        || contract::concurrently(|| ledger.topics().follow(ids), || traffic.confirmations()),
    );
    following?;
    if is_new {
        expect(plan, &profile, forecast.as_ref())?;
    }
    let run = Run {
        clock: clock(ledger.journal()),
        scorers: scorers?,
        promql: promql(plan, route, args, context)?,
        checkpoints: Checkpoints::new(writer, release, event, args.checkpoint, kept),
        commands,
        ledger,
        trial,
        poll: args.poll,
        context,
        forecast,
    };
    Ok(Begun::Run(Box::new(run)))
}

/// A canary from its beginning; an ending where there is nothing to compare with.
fn fresh(
    plan: &Plan,
    route: &Route,
    history: &History,
    context: &Context,
) -> anyhow::Result<Result<Ready, Outcome>> {
    let mut profile = StreamProfile::of(plan, history);
    let topics = topics::sources(&context.kafka, &context.common.stream, &plan.metrics)?;
    let features = topics.iter().find(|source| source.what == Reads::Features);
    profile.features_from = features.map(|source| source.from.clone());
    if let Some(outcome) = outcome::no_start(plan, &profile, &context.common.stream) {
        return Ok(Err(outcome));
    }
    let baseline = baseline(plan, &profile, &history.answers);
    if let Some(outcome) = baseline.as_ref().and_then(|baseline| baseline.too_short(plan)) {
        return Ok(Err(outcome));
    }
    let gate = Gate::new(plan.clone(), &profile, baseline);
    let champion = route.champion.digest.clone();
    let reader = Topics::new(&context.kafka, &topics);
    let began = Began { at_ms: now_ms(), champion, topics, profile };
    Ok(Ok(Ready { ledger: Ledger::new(gate, began, reader), kept: (0, 0) }))
}

/// Says when a decision is to be expected, and refuses a plan that will not reach one.
fn expect(plan: &Plan, profile: &StreamProfile, forecast: Option<&Forecast>) -> anyhow::Result<()> {
    let Some(forecast) = forecast else {
        tracing::info!(
            answers = profile.answers,
            "too little is known of the stream to forecast when this is decided"
        );
        return Ok(());
    };
    tracing::info!(
        decided = forecast.decided,
        median_seconds = forecast.median_seconds,
        "{}",
        forecast.words
    );
    let refuses = plan.undecidable == Undecidable::Refuse && plan.strategy != Strategy::AA;
    if refuses && profile.is_known() && !forecast.is_enough {
        return Err(fault::usage(
            format!("this plan cannot be expected to decide: {}", forecast.words),
            forecast.hint.clone(),
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
    let (digest, kept) = (journal.digest, (parts, journal.entries.len()));
    let mut ledger = match replay(plan, journal, context) {
        Ok(ledger) if ledger.journal().digest == digest => ledger,
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
    let at = u64::try_from(clock(ledger.journal()).now().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(records = ledger.records(), at, "going on where an earlier run was ended");
    let known = ledger.gate().steps.last().map_or(0, |step| step.generation);
    ledger.record(match &route.candidate {
        // It was written, and the run ended before it could note it down.
        Some(candidate) if route.generation > known && candidate.share > 0.0 => {
            Entry::Raised { at, route: Box::new(route.clone()) }
        }
        candidate => Entry::Resumed { at, lost: candidate.is_none() },
    })?;
    Ok(Some(Ready { ledger, kept }))
}

/// All that stands in a journal, applied once more to a gate that has seen nothing.
///
/// # Errors
/// A range that it names is no longer on the broker (exit 2, saying which), or the broker is away.
pub(crate) fn replay(
    plan: &Plan,
    journal: Journal,
    context: &Context,
) -> anyhow::Result<Ledger<Topics>> {
    let gate = gate_of(plan, &journal, context)?;
    topics::still_there(&context.kafka, &journal.read())?;
    let reader = Topics::new(&context.kafka, &journal.began.topics);
    let ledger = Ledger::replay(gate, journal, reader, &context.stop)?;
    tracing::info!(records = ledger.records(), "replayed");
    Ok(ledger)
}

/// The time of a run that goes on from this journal.
fn clock(journal: &Journal) -> Clock {
    Clock::since(journal.began.at_ms, journal.last_at())
}

/// A gate that has seen nothing, with what the journal's run had learnt.
///
/// # Errors
/// The champion's past, which a blue-green switch is compared with, is no longer there.
fn gate_of(plan: &Plan, journal: &Journal, context: &Context) -> anyhow::Result<Gate> {
    let Began { champion, profile, .. } = &journal.began;
    let baseline = if plan.strategy == Strategy::BlueGreen {
        let ranges = (&profile.predictions, &profile.labels);
        let answers = labelled_history::read_ranges(context, champion, ranges, plan)?;
        let newest = answers.len().saturating_sub(usize::try_from(plan.baseline_records)?);
        baseline(plan, profile, &answers[newest..])
    } else {
        None
    };
    Ok(Gate::new(plan.clone(), profile, baseline))
}

fn baseline(
    plan: &Plan,
    profile: &StreamProfile,
    answers: &[LabelledPrediction],
) -> Option<Baseline> {
    let burst = profile.label_errors(plan).burst(plan);
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
