//! Compares candidate and champion on a window of the live stream without touching it.
//!
//! - Consumes: `<stream>.features` and `<stream>.predictions` by offsets, without joining a group; the candidate;
//!   the champion of the stream's route; the stream's schema.
//! - Produces: a verdict, the report with paired scores, one event. Nothing else is written anywhere.
//! - Invariants: nothing passes on a bare number, only on evidence that may be looked at after every batch; no
//!   champion, no live answers to check it by, or too few records are `inconclusive`, never `pass`; masked fields
//!   leave the step nowhere; a run whose outcome was emitted before emits it again as it was.

mod answerer;
mod args;
mod check;
mod compare;
mod decide;
mod disagreements;
mod interleave;
mod live;
mod mask;
mod models;
mod outcome;
mod page;
mod read;
mod record;
mod reservoir;
mod result;
mod tally;
mod watch;
mod window;

use std::collections::BTreeMap;

use contract::results::types::shadow::{FAILED, PASSED, UNDECIDED};
use contract::{AnyEventType, Context, Outcome, OutputSpec, Step, Verdict, repeat};
use stream::StreamSchema;

pub use args::{Against, Args};
use compare::{Comparison, batch_size};
use mask::Mask;
use models::{Found, Given};
use outcome::Finished;
use read::Reading;
pub use record::Details;

/// The step.
pub struct ShadowTest;

impl Step for ShadowTest {
    type Args = Args;
    const NAME: &'static str = "shadow-test";
    const ABOUT: &'static str = env!("CARGO_PKG_DESCRIPTION");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const OUTPUTS: &'static [OutputSpec] = &[
        OutputSpec {
            name: "champion",
            about: "Digest of the champion compared with; the address where it is an endpoint",
            default: "",
        },
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
    const EVENTS: &'static [AnyEventType] = &[PASSED.any(), FAILED.any(), UNDECIDED.any()];

    fn run(args: &Args, context: &Context) -> anyhow::Result<Outcome> {
        args.check()?;
        let given = Given::fetch(args, context)?;
        let schema = schema(args, &given, &context.common.stream)?;
        let mask = Mask::of(&args.mask, &schema).map_err(|unknown| {
            fault::usage(
                format!("--mask names {unknown}, which is no field of {}", args.schema),
                "write the names as the schema does, or * for all",
            )
        })?;
        let limits = args.limits();
        let candidate = match models::candidate(args, &given, context)? {
            Ok(found) => found,
            Err(reason) => {
                let (inputs, named) = (inputs(args, &given, None), models::named(args));
                let fail = Verdict::Fail;
                return Ok(outcome::not_compared(&limits, fail, reason, named, None, inputs));
            }
        };
        let inputs = inputs(args, &given, Some(&candidate));
        if let Some(earlier) = repeat::outcome::<Self, Details>(context, &inputs, page::render)? {
            return Ok(earlier);
        }
        let not_compared = |verdict, reason, champion: Option<&Found>| {
            let (model, champion) = (candidate.model(), champion.map(Found::model));
            Ok(outcome::not_compared(&limits, verdict, reason, model, champion, inputs.clone()))
        };
        let champion = match models::champion(args, &given, context)? {
            Ok(found) => found,
            Err(reason) => return not_compared(Verdict::Inconclusive, reason, None),
        };
        let (champion_answerer, candidate_answerer) = contract::concurrently(
            || models::champion_answerer(args, &champion, &schema),
            || models::candidate_answerer(args, &candidate, &schema),
        );
        let candidate_answerer = match candidate_answerer? {
            Ok(answerer) => answerer,
            Err(reason) => {
                let reason = format!("the candidate cannot answer this stream: {reason}");
                return not_compared(Verdict::Fail, reason, Some(&champion));
            }
        };
        let champion_answerer = match champion_answerer? {
            Ok(answerer) => answerer,
            Err(reason) => {
                let reason = format!("the champion {} cannot answer: {reason}", champion.digest);
                return not_compared(Verdict::Inconclusive, reason, Some(&champion));
            }
        };

        let features = stream::Topics::of(&context.common.stream).features;
        let plan = window::choose(&context.kafka, &features, args)?;
        let batch = batch_size(plan.records());
        let candidate = candidate.clone().or_own_name(&candidate_answerer);
        let champion = champion.or_own_name(&champion_answerer);
        let answerers = [champion_answerer, candidate_answerer];
        let mut comparison =
            Comparison::new(&schema, &limits, answerers, batch, mask.hides_something());
        // An endpoint's answers are not those of a model that has a name on the stream.
        let on_stream = (args.against != Against::Endpoint).then_some(champion.digest.as_str());
        let reading = Reading::new(context, &mut comparison, on_stream, args.deadline);
        let read = reading.run(&plan)?;
        let (tally, checks) = comparison.into_findings();
        let largest = tally.largest.shown(&schema, &mask);
        let finished = Finished {
            against: args.against,
            limits: &limits,
            candidate,
            champion,
            plan,
            read,
            tally,
            checks,
            largest,
        };
        Ok(outcome::compared(context, finished, inputs))
    }
}

fn schema(args: &Args, given: &Given, stream: &str) -> anyhow::Result<StreamSchema> {
    let schema = model::load_schema(&given.schema.path)
        .map_err(|error| fault::usage(error.to_string(), "give the stream's schema as --schema"))?;
    if schema.stream != *stream {
        return Err(fault::usage(
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
    if let Some(url) = &args.champion_endpoint {
        inputs.insert("champion".into(), url.clone());
    }
    if let Some(champion) = &given.champion {
        inputs.insert("champion".into(), champion.digest.clone());
    }
    inputs
}
