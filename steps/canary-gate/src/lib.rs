//! Raises the share of a candidate by steps and takes it back on harm.
//!
//! - Consumes: the stream's route, the scorers' confirmations, `<stream>.predictions` and `<stream>.labels` from
//!   the moment it began; for a blue-green switch also from before it.
//! - Produces: a route for every share, one for share 0 unless the canary passed, one event.
//! - Invariants: an answer counts only under a generation that every live scorer has confirmed; whatever ends the
//!   canary but a pass (harm, deadline, signal, error, panic) sets the share to 0 before the process leaves; once
//!   someone else has written the route, nothing is written any more.
//!
//! # Layout
//!
//! - `gate`: what to do next, pure; it rests on `evidence`, `join`, `bursts`, `trace`, `ending`
//! - `plan`, `entry`, `answer`: flags, the route at the start, records; pure
//! - `baseline`: the champion's past, for a blue-green switch; pure. `past` reads it
//! - `run`, `traffic`, `watch`: the loop and its two hands
//! - `record`, `page`: what is left behind

mod answer;
mod baseline;
mod bursts;
mod ending;
mod entry;
mod evidence;
mod gate;
mod join;
mod page;
mod past;
mod plan;
mod record;
mod run;
mod trace;
mod traffic;
mod watch;

use std::collections::BTreeMap;
use std::time::Duration;

use contract::args::{duration, share};
use contract::{Context, EventType, Outcome, OutputSpec, Step, again};
use entry::Entry;
use gate::Gate;
use routes::ModelRef;
use serde::{Deserialize, Serialize};
use traffic::Traffic;

/// The step.
pub struct CanaryGate;

#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Digest of the model on trial, sha256:<hex>
    #[arg(long, env = "HEADGATE_MODEL_DIGEST", value_name = "DIGEST")]
    pub model_digest: String,

    /// Image that carries the model, by digest
    #[arg(long, env = "HEADGATE_IMAGE", value_name = "IMAGE")]
    pub image: String,

    /// How the candidate comes in: canary by shares beside the champion, blue-green with the whole stream at once, compared with the champion's own past
    #[arg(long, env = "HEADGATE_STRATEGY", value_enum, default_value_t = Strategy::Canary)]
    pub strategy: Strategy,

    /// Shares of the keys that the candidate answers, one after the other; blue-green knows only 100 %
    #[arg(
        long,
        env = "HEADGATE_SHARES",
        default_value = "1%,5%,25%,50%",
        value_delimiter = ',',
        value_parser = share
    )]
    pub shares: Vec<f64>,

    /// False-alarm rate: the chance to fail a candidate that is not worse, and to pass one that is
    #[arg(long, env = "HEADGATE_ALPHA", default_value_t = 0.05)]
    pub alpha: f64,

    /// How much more often than the champion the candidate may fail and count as not worse, 0.25 for a quarter
    #[arg(long, env = "HEADGATE_MARGIN", default_value_t = 0.25)]
    pub margin: f64,

    /// What a pass needs: evidence that it is not worse, or only no-harm at any share
    #[arg(long, env = "HEADGATE_ACCEPT", value_enum, default_value_t = Accept::Evidence)]
    pub accept: Accept,

    /// Labelled answers of each of the two models to see at each share
    #[arg(long, env = "HEADGATE_MIN_RECORDS", default_value_t = 100)]
    pub min_records: u64,

    /// Most labelled answers of the champion from before the switch to compare with, blue-green only
    #[arg(long, env = "HEADGATE_BASELINE_RECORDS", default_value_t = 20_000)]
    pub baseline_records: u64,

    /// Least time at each share, from the moment that all scorers have confirmed it
    #[arg(long, env = "HEADGATE_MIN_STEP_TIME", default_value = "1m", value_parser = duration)]
    pub min_step_time: Duration,

    /// When the canary ends without enough evidence
    #[arg(long, env = "HEADGATE_DEADLINE", default_value = "1h", value_parser = duration)]
    pub deadline: Duration,

    /// How long an answer waits for its label
    #[arg(long, env = "HEADGATE_LABEL_WAIT", default_value = "10m", value_parser = duration)]
    pub label_wait: Duration,

    /// How many answers and labels may wait for each other; about 100 bytes each
    #[arg(long, env = "HEADGATE_MAX_WAITING", default_value_t = 1_000_000)]
    pub max_waiting: usize,

    /// Failures of one key that lie less than this apart count once
    #[arg(long, env = "HEADGATE_BURST", default_value = "1s", value_parser = duration)]
    pub burst: Duration,

    /// How long to wait until every live scorer has confirmed a share
    #[arg(long, env = "HEADGATE_CONFIRM_TIMEOUT", default_value = "2m", value_parser = duration)]
    pub confirm_timeout: Duration,

    /// Longest time between two looks at the evidence where no record arrives
    #[arg(long, env = "HEADGATE_POLL", default_value = "200ms", value_parser = duration)]
    pub poll: Duration,
}

/// How the candidate comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Beside the champion, by rising shares.
    Canary,
    /// With the whole stream at once, while the champion stays loaded.
    BlueGreen,
}

/// What a pass rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Accept {
    /// It has to be proven that the candidate is not worse by the margin.
    Evidence,
    /// It is enough that every share was held long enough without a proof of harm.
    NoHarm,
}

/// Told whatever the verdict is.
pub const FINISHED: EventType = EventType {
    name: "dev.cdeventsx.headgate-canary.finished.0.1.0",
    about: "the canary is over; its outcome says how",
};

impl Step for CanaryGate {
    type Args = Args;
    const NAME: &'static str = "canary-gate";
    const ABOUT: &'static str = env!("CARGO_PKG_DESCRIPTION");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const OUTPUTS: &'static [OutputSpec] = &[
        OutputSpec { name: "share", about: "The candidate's share afterwards", default: "0" },
        OutputSpec {
            name: "generation",
            about: "Route generation in force afterwards",
            default: "",
        },
        OutputSpec {
            name: "champion",
            about: "Digest of the model it was compared with",
            default: "",
        },
    ];
    const EVENTS: &'static [EventType] = &[FINISHED];

    fn run(args: &Args, context: &Context) -> anyhow::Result<Outcome> {
        let plan = plan::Plan::of(args)?;
        let model = ModelRef { digest: args.model_digest.clone(), image: args.image.clone() };
        let inputs = BTreeMap::from([
            ("model".to_owned(), model.digest.clone()),
            ("image".to_owned(), model.image.clone()),
        ]);
        let event = context.event_id(&inputs);
        if let Some(told) = again::told::<Self>(context, &inputs, Box::new(page::render))? {
            return Ok(told);
        }
        let (stream, release) = (&context.common.stream, &context.common.release);
        let record = record::Recorder { plan: &plan, model: &model, inputs, stream };
        // Read first: becoming the writer would fence the gate of a canary that is under way.
        let now = routes::read(&context.kafka, stream)?;
        match entry::entry(now.as_ref(), &model, release, &event) {
            Entry::Refuse(ending) | Entry::Decided(ending) => {
                return Ok(record.untouched(ending, now.as_ref()));
            }
            Entry::Begin => {}
        }
        let traffic = Traffic::open(&context.kafka, stream, release, model.clone())?;
        let now = traffic.current().cloned();
        match entry::entry(now.as_ref(), &model, release, &event) {
            Entry::Refuse(ending) | Entry::Decided(ending) => {
                Ok(record.untouched(ending, now.as_ref()))
            }
            Entry::Begin => {
                let baseline = match (plan.strategy, &now) {
                    (Strategy::BlueGreen, Some(route)) => {
                        let baseline = past::read(context, &route.champion.digest, &plan)?;
                        if let Some(ending) = baseline.too_short(&plan) {
                            return Ok(record.untouched(ending, now.as_ref()));
                        }
                        Some(baseline)
                    }
                    _ => None,
                };
                let gate = Gate::new(plan.clone(), baseline);
                let finished = run::run(gate, traffic, args.poll, context, &event)?;
                Ok(record.finished(finished, now.as_ref()))
            }
        }
    }
}
