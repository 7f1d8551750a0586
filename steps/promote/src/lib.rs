//! Makes the candidate the champion.
//!
//! - Consumes: the stream's route, the scorers' confirmations.
//! - Produces: a route whose champion is the model, with the former champion kept as `previous`; one event.
//! - Invariants: only a model that a canary left in place is promoted, or, by `--strategy bootstrap`, the first
//!   model of a stream; when the scorers do not confirm, the former route comes back, and where there was none, there is
//!   none again.
//!
//! # Layout
//!
//! - `decide`: what to do, pure
//! - `switch`: the route written, confirmed or taken back
//! - `record`, `page`: what is left behind

mod decide;
mod page;
mod record;
mod switch;

use std::collections::BTreeMap;
use std::time::Duration;

use clap::ValueEnum;
use contract::event::OutcomeEvent;
use contract::results::types::promotion::{PROMOTED, REFUSED, UNDECIDED};
use contract::results::{Model, Promotion};
use contract::{
    AnyEventType, Context, Outcome, OutputSpec, Step, Subject, by_verdict, event_log, repeat,
};
use flags::duration;
pub use record::Details;
use registry::RegistryArgs;
use routes::{Confirmation, ModelRef};
use switch::Done;

/// The step.
pub struct Promote;

#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Digest of the model to promote, sha256:<hex>
    #[arg(long, env = "HEADGATE_MODEL_DIGEST", value_name = "DIGEST")]
    pub model_digest: String,

    /// Image that carries the model, by digest
    #[arg(long, env = "HEADGATE_IMAGE", value_name = "IMAGE")]
    pub image: String,

    /// How the model came here: canary and blue-green need the candidate that canary-gate left, bootstrap a stream without a champion
    #[arg(long, env = "HEADGATE_STRATEGY", value_enum, default_value_t = Strategy::Canary)]
    pub strategy: Strategy,

    /// How long the former champion stays loaded
    #[arg(long, env = "HEADGATE_BAKE", default_value = "10m", value_parser = duration)]
    pub bake: Duration,

    /// How long to wait until every live scorer has confirmed
    #[arg(long, env = "HEADGATE_CONFIRM_TIMEOUT", default_value = "2m", value_parser = duration)]
    pub confirm_timeout: Duration,

    #[command(flatten)]
    pub registry: RegistryArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Strategy {
    Canary,
    Bootstrap,
    BlueGreen,
}

impl Step for Promote {
    type Args = Args;
    const NAME: &'static str = "promote";
    const ABOUT: &'static str = env!("CARGO_PKG_DESCRIPTION");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const OUTPUTS: &'static [OutputSpec] = &[
        OutputSpec {
            name: "generation",
            about: "Route generation in force afterwards",
            default: "",
        },
        OutputSpec { name: "previous", about: "Digest of the former champion", default: "" },
    ];
    const EVENTS: &'static [AnyEventType] = &[PROMOTED.any(), REFUSED.any(), UNDECIDED.any()];

    fn run(args: &Args, context: &Context) -> anyhow::Result<Outcome> {
        let (traffic, stream) = (routes::traffic::of(context), &context.common.stream);
        let release = context.common.release.as_str();
        let model = ModelRef { digest: args.model_digest.clone(), image: args.image.clone() };
        let events = event_log::read(&context.kafka)?;
        // Read first: becoming the writer would fence a canary that is under way.
        let before = traffic.route()?;
        let emitted = decide::emitted_promotion(&events, stream, release, &model);
        let is_champion = before.as_ref().is_some_and(|now| now.champion.digest == model.digest);
        if let Some(event) = emitted.filter(|_| is_champion)
            && let Some(earlier) =
                repeat::outcome::<Self, _>(context, &event.custom_data.inputs, page::render)?
        {
            return Ok(earlier);
        }
        let work = switch::Work {
            model: &model,
            args,
            context,
            traffic: &*traffic,
            is_emitted: emitted.is_some(),
        };
        let done = work.run(before)?;
        let inputs = inputs(&model, &done, &events, context);
        Ok(outcome(args, &model, done, inputs, context))
    }
}

/// What makes this run's event another one than that of another run: also that an earlier run came to another verdict.
fn inputs(
    model: &ModelRef,
    done: &Done,
    events: &[OutcomeEvent],
    context: &Context,
) -> BTreeMap<String, String> {
    let inputs = [("model", &model.digest), ("image", &model.image), ("promoted-on", &done.on)];
    let mut inputs = BTreeMap::from(inputs.map(|(name, value)| (name.to_owned(), value.clone())));
    loop {
        let id = context.event_id(&inputs);
        let other = |event: &&OutcomeEvent| {
            event.context.id == id && event.custom_data.verdict != done.verdict
        };
        if events.iter().find(other).is_none() {
            return inputs;
        }
        inputs.insert("after".into(), id);
    }
}

fn outcome(
    args: &Args,
    model: &ModelRef,
    done: Done,
    inputs: BTreeMap<String, String>,
    context: &Context,
) -> Outcome {
    let Done { verdict, reason, before, after, confirmation, .. } = done;
    let named = |model: &ModelRef| Model::of_image(&model.digest, &model.image);
    let confirmed = match &confirmation {
        Some(Confirmation::Confirmed { scorers, after }) => Some((scorers.clone(), *after)),
        _ => None,
    };
    let result = Promotion {
        model: named(model),
        former: before.as_ref().map(|route| named(&route.champion)),
        champion: after.as_ref().map(|route| named(&route.champion)),
        strategy: args
            .strategy
            .to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned()),
        generation: after.as_ref().map(|route| route.generation),
        confirmed_after_seconds: confirmed.as_ref().map(|(_, after)| after.as_secs_f64()),
        confirmed_by: confirmed.map(|(scorers, _)| scorers).unwrap_or_default(),
    };
    let event = by_verdict(verdict, [PROMOTED, REFUSED, UNDECIDED]);
    let previous = after.as_ref().and_then(|route| route.previous.as_ref());
    let previous = previous.map_or_else(String::new, |previous| previous.model.digest.clone());
    let generation = after.as_ref().map_or_else(String::new, |route| route.generation.to_string());
    let details = Details { model: model.clone(), before, after, confirmation };
    let (details, page) = contract::record::drawn(details, page::render);
    Outcome {
        verdict,
        reason,
        event: Subject::new(event, &context.common.stream, &result),
        inputs,
        outputs: BTreeMap::from([("generation", generation), ("previous", previous)]),
        details,
        page,
    }
}
