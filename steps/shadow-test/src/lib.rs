//! Compares candidate and champion on a window of the live stream without touching it.
//!
//! - Consumes: `<stream>.features` and `<stream>.predictions` by offsets, without joining a group; the candidate;
//!   the champion of the stream's route; the stream's schema.
//! - Produces: a verdict, the report with paired scores, one event. Nothing else is written anywhere.
//! - Invariants: nothing passes on a bare number, only on evidence that may be looked at after every batch; no
//!   champion, no live answers to check it by, or too few records are `inconclusive`, never `pass`; masked fields
//!   leave the step nowhere; a run whose outcome was emitted before emits it again as it was.

mod args;
mod compare;
mod decide;
mod fair;
mod largest;
mod live;
mod models;
mod page;
mod read;
mod reservoir;
mod result;
mod side;
mod tally;
mod told;
mod watch;
mod window;

use std::collections::BTreeMap;

use contract::results::types::shadow::{FAILED, PASSED, UNDECIDED};
use contract::{AnyEventType, Context, Outcome, OutputSpec, Step, Verdict, repeat};
use stream::StreamSchema;

pub use args::{Against, Args};
use compare::{Comparison, batch_size};
use largest::Mask;
use models::{Found, Given};
use read::Reading;
use told::Compared;

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
        let candidate = match models::candidate(args, &given, context)? {
            Ok(found) => found,
            Err(reason) => {
                let named = args.model_digest.clone().or(args.image.clone()).unwrap_or_default();
                let inputs = inputs(args, &given, None);
                return Ok(told::refused(args, Verdict::Fail, reason, &named, inputs));
            }
        };
        let inputs = inputs(args, &given, Some(&candidate));
        if let Some(earlier) =
            repeat::earlier_outcome::<Self>(context, &inputs, Box::new(page::refused))?
        {
            return Ok(earlier);
        }
        let refused = |verdict, reason| {
            Ok(told::refused(args, verdict, reason, &candidate.digest, inputs.clone()))
        };
        let champion = match models::champion(args, &given, context)? {
            Ok(found) => found,
            Err(reason) => return refused(Verdict::Inconclusive, reason),
        };
        let (champion_side, candidate_side) = contract::concurrently(
            || models::champion_side(args, &champion, &schema),
            || models::candidate_side(args, &candidate, &schema),
        );
        let candidate_side = match candidate_side? {
            Ok(side) => side,
            Err(reason) => {
                let reason = format!("the candidate cannot answer this stream: {reason}");
                return refused(Verdict::Fail, reason);
            }
        };
        let champion_side = match champion_side? {
            Ok(side) => side,
            Err(reason) => {
                let reason = format!("the champion {} cannot answer: {reason}", champion.digest);
                return refused(Verdict::Inconclusive, reason);
            }
        };

        let limits = args.limits();
        let features = stream::Topics::of(&context.common.stream).features;
        let plan = window::choose(&context.kafka, &features, args)?;
        let batch = batch_size(plan.records());
        let sides = [champion_side, candidate_side];
        let mut comparison =
            Comparison::new(&schema, &limits, sides, batch, mask.hides_something());
        // An endpoint's answers are not those of a model that has a name on the stream.
        let on_stream = (args.against != Against::Endpoint).then_some(champion.digest.as_str());
        let reading = Reading::new(context, &mut comparison, on_stream, args.deadline);
        let ended = reading.run(&plan)?;
        let (tally, checks, track) = comparison.told();
        let largest = tally.largest.shown(&schema, &mask);
        let compared = Compared {
            against: args.against,
            limits: &limits,
            candidate,
            champion,
            plan,
            ended,
            tally,
            checks,
            track,
            largest,
        };
        Ok(told::compared(context, compared, inputs))
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
