//! Compares candidate and champion on a window of the live stream without touching it.
//!
//! - Consumes: `<stream>.features` and `<stream>.predictions` by offsets, without joining a group; the candidate;
//!   the champion of the stream's route; the stream's schema.
//! - Produces: a verdict, the report with paired scores, one event. Nothing else is written anywhere.
//! - Invariants: nothing passes on a bare number, only on a bound; no champion, no live answers to check it by,
//!   or too few records are `inconclusive`, never `pass`; a run that was told before is told again as it was.

mod args;
mod compare;
mod decide;
mod live;
mod models;
mod page;
mod reservoir;
mod tally;
mod told;
mod window;

use std::collections::BTreeMap;
use std::time::Instant;

use contract::kafka::{Reader, Window};
use contract::{Context, EventType, Outcome, OutputSpec, Step, Verdict, again};
use model::StreamSchema;

pub use args::Args;
use compare::{Comparison, batch_size};
use live::LiveAnswers;
use models::{Found, Given};
use tally::Tally;

/// The step.
pub struct ShadowTest;

/// Told when every check holds.
pub const PASSED: EventType = EventType {
    name: "dev.cdeventsx.headgate-shadow.passed.0.1.0",
    about: "the candidate keeps every limit on the records of the live stream",
};
/// Told when the candidate is beyond a limit or cannot answer at all.
pub const FAILED: EventType = EventType {
    name: "dev.cdeventsx.headgate-shadow.failed.0.1.0",
    about: "the candidate is beyond a limit, or is no model for this stream",
};
/// Told when the evidence is not enough.
pub const UNDECIDED: EventType = EventType {
    name: "dev.cdeventsx.headgate-shadow.undecided.0.1.0",
    about: "no champion, too few records, or a shadow that does not see what the live stream sees",
};

impl Step for ShadowTest {
    type Args = Args;
    const NAME: &'static str = "shadow-test";
    const ABOUT: &'static str = env!("CARGO_PKG_DESCRIPTION");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const OUTPUTS: &'static [OutputSpec] = &[
        OutputSpec { name: "champion", about: "Digest of the champion compared with", default: "" },
        OutputSpec {
            name: "window",
            about: "Offsets that were answered, as PARTITION:FIRST-END separated by commas",
            default: "",
        },
        OutputSpec {
            name: "disagreement",
            about: "Share of the records that the two answer differently",
            default: "",
        },
    ];
    const EVENTS: &'static [EventType] = &[PASSED, FAILED, UNDECIDED];

    fn run(args: &Args, context: &Context) -> anyhow::Result<Outcome> {
        let given = Given::fetch(args, context)?;
        let schema = schema(args, &given, &context.common.stream)?;
        let candidate = match models::candidate(args, &given, context)? {
            Ok(found) => found,
            Err(reason) => {
                let named = args.model_digest.clone().or(args.image.clone()).unwrap_or_default();
                let inputs = inputs(args, &given, None);
                return Ok(told::refused(context, Verdict::Fail, reason, &named, inputs));
            }
        };
        let inputs = inputs(args, &given, Some(&candidate));
        if let Some(told) = again::told::<Self>(context, &inputs, Box::new(page::refused))? {
            return Ok(told);
        }
        let refused = |verdict, reason| {
            Ok(told::refused(context, verdict, reason, &candidate.digest, inputs.clone()))
        };
        let champion = match models::champion(args, &given, context)? {
            Ok(found) => found,
            Err(reason) => return refused(Verdict::Inconclusive, reason),
        };
        let models = (models::load(&candidate, &schema)?, models::load(&champion, &schema)?);
        let (candidate_model, champion_model) = match models {
            (Ok(candidate), Ok(champion)) => (candidate, champion),
            (Err(reason), _) => {
                return refused(
                    Verdict::Fail,
                    format!("the candidate cannot answer this stream: {reason}"),
                );
            }
            (_, Err(reason)) => {
                let reason = format!("the champion {} cannot answer: {reason}", champion.digest);
                return refused(Verdict::Inconclusive, reason);
            }
        };

        let limits = args.limits();
        let features = format!("{}.features", context.common.stream);
        let window = window::choose(&context.kafka, &features, args.window.as_ref(), args.records)?;
        let batch = batch_size(window.len());
        let comparison = Comparison::new(&schema, &limits, candidate_model, champion_model, batch);
        let (tally, read) = compare(args, context, &champion, &window, comparison)?;
        Ok(told::compared(context, &limits, [candidate, champion], window, read, tally, inputs))
    }
}

/// Answers the window partition by partition; also tells how much of it was read before the deadline.
fn compare(
    args: &Args,
    context: &Context,
    champion: &Found,
    window: &Window,
    mut comparison: Comparison<'_>,
) -> anyhow::Result<(Tally, Window)> {
    let (kafka, stream) = (&context.kafka, &context.common.stream);
    let (started, total) = (Instant::now(), window.len());
    let answers = kafka.extent(&format!("{stream}.predictions"))?;
    let mut read = Window::default();
    let under_way = started + live::UNDER_WAY;
    for (partition, (from, to)) in window.0.iter().filter(|(_, (from, to))| from < to) {
        let mut live = LiveAnswers::open(
            kafka,
            stream,
            &champion.digest,
            &answers,
            *partition,
            *from,
            under_way,
        )?;
        let part = Window([(*partition, (*from, *to))].into());
        let answered = Reader::read_window(kafka, &format!("{stream}.features"), &part, |record| {
            context.stop.check()?;
            if started.elapsed() >= args.deadline {
                anyhow::bail!(DeadlinePassed);
            }
            comparison.take(&record, live.to(record.offset)?);
            read.0.insert(*partition, (*from, record.offset + 1));
            context.progress.tell(comparison.records(), total, "records answered by both");
            Ok(())
        });
        match answered {
            Err(error) if error.is::<DeadlinePassed>() => {
                tracing::warn!(%read, "the deadline passed; what was read decides");
                break;
            }
            other => other?,
        }
    }
    context.progress.tell(total, total, "records answered by both");
    Ok((comparison.finish(), read))
}

#[derive(Debug, thiserror::Error)]
#[error("the deadline passed")]
struct DeadlinePassed;

fn schema(args: &Args, given: &Given, stream: &str) -> anyhow::Result<StreamSchema> {
    let schema = StreamSchema::load(&given.schema.path).map_err(|error| {
        contract::usage(error.to_string(), "give the stream's schema as --schema")
    })?;
    if schema.stream != *stream {
        return Err(contract::usage(
            format!("{} is the schema of stream {}, not of {stream}", args.schema, schema.stream),
            "correct --schema or --stream",
        ));
    }
    Ok(schema)
}

/// What the run was given, by digest. The champion of the route is found, not given.
fn inputs(args: &Args, given: &Given, candidate: Option<&Found>) -> BTreeMap<String, String> {
    let mut inputs = ::inputs::sources([
        ("model", args.model.as_ref()),
        ("champion", args.champion.as_ref()),
        ("schema", Some(&args.schema)),
    ]);
    inputs.insert("schema".into(), given.schema.digest.clone());
    if let Some(candidate) = candidate {
        inputs.insert("model".into(), candidate.digest.clone());
    }
    if let Some(image) = &args.image {
        inputs.insert("image".into(), image.clone());
    }
    if let Some(champion) = &given.champion {
        inputs.insert("champion".into(), champion.digest.clone());
    }
    inputs
}
