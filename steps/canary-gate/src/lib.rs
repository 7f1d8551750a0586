//! Raises the share of a candidate by steps and takes it back on harm.
//!
//! - Consumes: the stream's route, the scorers' confirmations, `<stream>.predictions` and `<stream>.labels` from
//!   the moment it began, and the champion's past from before; `<stream>.features`, topics of business events and
//!   Prometheus where a metric asks for them; `headgate.commands`.
//! - Produces: a route for every share, one for share 0 unless the canary passed, checkpoints, one event.
//! - Invariants: an answer counts only under a generation that every live scorer has confirmed; whatever ends the
//!   canary but a pass (harm, deadline, signal, error, panic) sets the share to 0 before the process leaves; once
//!   someone else has written the route, nothing is written any more; the journal leads to the same verdict again.
//!
//! # Layout
//!
//! - `gate`: what to do next, pure; it rests on `evidence`, `metrics`, `join`, `bursts`, `trace`, `ending`
//! - `args`, `plan`, `entry`, `answer`, `labels`: flags, the route at the start, records; pure
//! - `meeting`: whether labels and answers meet, or are waited for in vain; pure
//! - `learnt`, `foresee`, `baseline`: what the champion's past teaches, and foretells; pure. `past` reads it
//! - `alarms`: an a-a run; pure
//! - `begin`, `run`, `traffic`, `watch`, `sources`, `commands`: the loop, its hands and its ears
//! - `journal`, `checkpoint`, `again`: the way so far, and going it again; `tools`: `canary-gate replay` and its like
//! - `record`, `page`: what is left behind

mod again;
mod alarms;
mod answer;
mod args;
mod baseline;
mod begin;
mod bursts;
mod checkpoint;
mod clock;
mod commands;
mod ending;
mod entry;
mod evidence;
mod foresee;
mod gate;
mod join;
mod journal;
mod keys;
mod labels;
mod learnt;
mod meeting;
mod metrics;
mod page;
mod past;
mod plan;
mod record;
mod result;
mod run;
mod sources;
mod tools;
mod trace;
mod traffic;
mod watch;

use std::collections::BTreeMap;

pub use args::{Accept, Advance, Args, Strategy, Undecidable};
use begin::{Begun, Prepared};
use contract::results::types::canary::{FAILED, PASSED, UNDECIDED};
use contract::{AnyEventType, Context, Outcome, OutputSpec, Step, again as told_before};
use entry::Entry;
use routes::ModelRef;
pub use tools::main;
use traffic::Traffic;

/// The step.
pub struct CanaryGate;

impl Step for CanaryGate {
    type Args = Args;
    const NAME: &'static str = "canary-gate";
    const ABOUT: &'static str = env!("CARGO_PKG_DESCRIPTION");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const AFTER_HELP: &'static str = tools::HELP;
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
    const EVENTS: &'static [AnyEventType] = &[PASSED.any(), FAILED.any(), UNDECIDED.any()];

    fn run(args: &Args, context: &Context) -> anyhow::Result<Outcome> {
        let metrics = plan::metrics_text(args.metrics.as_deref())?;
        let plan = plan::Plan::of(args, metrics.as_deref())?;
        let model = ModelRef { digest: args.model_digest.clone(), image: args.image.clone() };
        let mut inputs = BTreeMap::from([
            ("model".to_owned(), model.digest.clone()),
            ("image".to_owned(), model.image.clone()),
        ]);
        if let Some(metrics) = metrics {
            inputs.insert("metrics".to_owned(), metrics);
        }
        let event = context.event_id(&inputs);
        if let Some(told) = told_before::told::<Self>(context, &inputs, Box::new(page::render))? {
            return Ok(told);
        }
        let (kafka, stream) = (&context.kafka, &context.common.stream);
        let release = &context.common.release;
        let record = record::Recorder { plan: &plan, model: &model, inputs, stream };
        let enter = |now| entry::entry(now, &model, plan.strategy, release, &event);
        // Read first: becoming the writer would fence the gate of a canary that is under way.
        let now = routes::read(kafka, stream)?;
        let route = match enter(now.as_ref()) {
            Entry::Refuse(ending) | Entry::Decided(ending) => {
                return Ok(record.untouched(ending, now.as_ref()));
            }
            Entry::Begin(route) => route,
        };
        let (traffic, prepared) = contract::beside(
            || Traffic::open(kafka, stream, release, model.clone(), &event),
            || Prepared::new(&plan, &route.champion.digest, context),
        );
        let (traffic, prepared) = (traffic?, prepared?);
        let now = traffic.current().cloned();
        match enter(now.as_ref()) {
            Entry::Refuse(ending) | Entry::Decided(ending) => {
                Ok(record.untouched(ending, now.as_ref()))
            }
            Entry::Begin(route) => {
                match begin::begin(&plan, route, traffic, prepared, args, context, &event)? {
                    Begun::Not(ending, past) => {
                        Ok(record.not_begun(ending, now.as_ref(), past.as_deref()))
                    }
                    Begun::Run(run) => Ok(record.finished(run::run(*run)?, now.as_ref())),
                }
            }
        }
    }
}
