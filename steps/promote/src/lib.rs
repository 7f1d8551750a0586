//! Makes the candidate the champion.
//!
//! - Consumes: the stream's route, the scorers' confirmations.
//! - Produces: a route whose champion is the model, with the former champion kept as `previous`; one event.
//! - Invariants: only a model that a canary left in place is promoted, or, by `--strategy bootstrap`, the first
//!   model of a stream; when the scorers do not confirm, the former route comes back.

mod decide;
mod page;

use std::collections::BTreeMap;
use std::time::Duration;

use clap::ValueEnum;
use contract::args::duration;
use contract::results::types::promotion::{PROMOTED, REFUSED, UNDECIDED};
use contract::results::{Model, Promotion};
use contract::words::plural;
use contract::{
    AnyEventType, Context, Outcome, OutputSpec, Step, Subject, Verdict, by_verdict, words,
};
use decide::{Plan, plan};
use registry::RegistryArgs;
use routes::{Confirmation, ModelRef, Route, Routes, Scorers};
use serde_json::json;

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
        let stream = &context.common.stream;
        let model = ModelRef { digest: args.model_digest.clone(), image: args.image.clone() };
        let mut routes = Routes::open(&context.kafka, stream)?;
        let before = routes.current().cloned();
        let until = contract::event::after(args.bake);
        let ended = match plan(before.as_ref(), stream, &model, args.strategy, until) {
            Plan::Refuse(reason) => Ended::new(Verdict::Fail, reason),
            Plan::AlreadyDone => {
                Ended::new(Verdict::Pass, format!("{} is the champion", model.digest))
            }
            Plan::Write(route) => {
                inputs::image_holds(&args.registry, context, &args.image, &args.model_digest)?;
                switch(args, context, &mut routes, before.as_ref(), *route)?
            }
        };
        Ok(outcome(args, &model, ended, before.as_ref(), routes.current(), context))
    }
}

/// What came of it.
struct Ended {
    verdict: Verdict,
    reason: String,
    /// Who confirmed, and how long after the route was written.
    confirmed: Option<(Vec<String>, Duration)>,
}

impl Ended {
    fn new(verdict: Verdict, reason: String) -> Self {
        Self { verdict, reason, confirmed: None }
    }
}

/// Writes the route and waits for the scorers; takes it back when they do not follow.
fn switch(
    args: &Args,
    context: &Context,
    routes: &mut Routes,
    before: Option<&Route>,
    route: Route,
) -> anyhow::Result<Ended> {
    let release = &context.common.release;
    let digest = route.champion.digest.clone();
    let mut scorers = Scorers::open(&context.kafka, &context.common.stream)?;
    let written = routes.write(route, release, &format!("promote {digest}"))?;
    let answer = scorers.confirm(written.generation, args.confirm_timeout, &context.stop);
    let (verdict, reason) = match answer {
        Ok(Confirmation::Confirmed { scorers, after }) => {
            let reason = format!(
                "{digest} is the champion; {} confirmed in {}",
                plural(scorers.len() as u64, "scorer"),
                words::duration(after)
            );
            let confirmed = Some((scorers, after));
            return Ok(Ended { verdict: Verdict::Pass, reason, confirmed });
        }
        Ok(Confirmation::Refused { scorer, error }) => {
            (Verdict::Fail, format!("scorer {scorer} cannot answer with {digest}: {error}"))
        }
        Ok(Confirmation::TimedOut { missing }) => {
            (Verdict::Inconclusive, late(&missing, args.confirm_timeout))
        }
        // Asked to end, or the broker went away: the former route must be in force before leaving.
        Err(error) => {
            take_back(routes, before, release)?;
            return Err(error);
        }
    };
    take_back(routes, before, release)?;
    Ok(Ended::new(verdict, reason))
}

fn late(missing: &[String], limit: Duration) -> String {
    let limit = words::duration(limit);
    if missing.is_empty() {
        return format!("no scorer of this stream was live within {limit}");
    }
    format!("not confirmed within {limit} by {}", words::list(missing))
}

fn take_back(routes: &mut Routes, before: Option<&Route>, release: &str) -> anyhow::Result<()> {
    // A bootstrap has nothing to go back to: its route stays, and the release fails.
    if let Some(before) = before {
        routes.write(before.without_candidate(), release, "promotion was not confirmed")?;
    }
    Ok(())
}

fn outcome(
    args: &Args,
    model: &ModelRef,
    ended: Ended,
    before: Option<&Route>,
    now: Option<&Route>,
    context: &Context,
) -> Outcome {
    let Ended { verdict, reason, confirmed } = ended;
    let named = |model: &ModelRef| Model::of_image(&model.digest, &model.image);
    let confirmed_after_seconds = confirmed.as_ref().map(|(_, after)| after.as_secs_f64());
    let result = Promotion {
        model: named(model),
        former: before.map(|route| named(&route.champion)),
        champion: now.map(|route| named(&route.champion)),
        strategy: args
            .strategy
            .to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned()),
        generation: now.map(|route| route.generation),
        confirmed_by: confirmed.map(|(scorers, _)| scorers).unwrap_or_default(),
        confirmed_after_seconds,
    };
    let event = by_verdict(verdict, [PROMOTED, REFUSED, UNDECIDED]);
    let previous = now.and_then(|route| route.previous.as_ref());
    let previous = previous.map_or_else(String::new, |previous| previous.model.digest.clone());
    let generation = now.map_or_else(String::new, |route| route.generation.to_string());
    let inputs = [("model", &model.digest), ("image", &model.image)];
    Outcome {
        verdict,
        reason,
        event: Subject::new(event, &context.common.stream, &result),
        inputs: BTreeMap::from(inputs.map(|(name, value)| (name.to_owned(), value.clone()))),
        outputs: BTreeMap::from([("generation", generation), ("previous", previous)]),
        details: json!({ "before": before, "after": now }),
        page: Box::new(page::render),
    }
}
