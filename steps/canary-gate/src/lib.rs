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
//! - `policy`: the gate, its evidence and what it concludes; pure, and changed by [entries](policy::entry) alone
//! - `history`: the entries so far, kept on a topic, applied live and in a replay by the same step
//! - `io`: topics, route, Prometheus, files, clock
//! - `records`: what records of the stream say: answers, labels, business events, slices; pure
//! - `run`: the loop that joins them
//! - `decision_record`: the decision record, the event and the page
//! - `args`, `tools`: flags; `canary-gate replay` and its like

mod args;
mod decision_record;
mod history;
mod io;
mod policy;
mod records;
mod run;
mod tools;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use args::{Accept, Advance, Args, Strategy, Undecidable};
use contract::results::types::canary::{FAILED, PASSED, UNDECIDED};
use contract::{AnyEventType, Context, Outcome, OutputSpec, Step, repeat};
pub use decision_record::details::Details;
use io::metrics_list::metrics_text;
use io::trial::Trial;
use policy::admission::{Admission, admit};
use policy::plan::Plan;
use routes::ModelRef;
use run::start::{self, Begun, Prepared};
pub use tools::main;

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
        let metrics = metrics_text(args.metrics.as_deref())?;
        let plan = Plan::of(args, metrics.as_deref())?;
        let model = ModelRef { digest: args.model_digest.clone(), image: args.image.clone() };
        let mut inputs = BTreeMap::from([
            ("model".to_owned(), model.digest.clone()),
            ("image".to_owned(), model.image.clone()),
        ]);
        if let Some(metrics) = metrics {
            inputs.insert("metrics".to_owned(), metrics);
        }
        let event = context.event_id(&inputs);
        let page = decision_record::page::render;
        if let Some(repeated) = repeat::outcome::<Self, _>(context, &inputs, page)? {
            return Ok(repeated);
        }
        let (traffic, stream) = (routes::traffic::of(context), &context.common.stream);
        let release = &context.common.release;
        let record = decision_record::Recorder { plan: &plan, model: &model, inputs, stream };
        let enter = |now| admit(now, &model, plan.strategy, release, &event);
        // Read first: becoming the writer would fence the gate of a canary that is under way.
        let now = traffic.route()?;
        let route = match enter(now.as_ref()) {
            Admission::Refuse(outcome) | Admission::Decided(outcome) => {
                return Ok(record.untouched(outcome, now.as_ref()));
            }
            Admission::Begin(route) => route,
        };
        let (trial, prepared) = contract::concurrently(
            || Trial::open(Arc::clone(&traffic), stream, release, model.clone(), &event),
            || Prepared::new(&plan, &route.champion.digest, context),
        );
        let (trial, prepared) = (trial?, prepared?);
        let now = trial.current().cloned();
        match enter(now.as_ref()) {
            Admission::Refuse(outcome) | Admission::Decided(outcome) => {
                Ok(record.untouched(outcome, now.as_ref()))
            }
            Admission::Begin(route) => {
                match start::start(
                    &plan,
                    route,
                    (&*traffic, trial),
                    prepared,
                    args,
                    context,
                    &event,
                )? {
                    Begun::Not(outcome, past) => {
                        Ok(record.not_begun(outcome, now.as_ref(), past.as_deref()))
                    }
                    Begun::Run(run) => Ok(record.finished(run::run(*run)?, now.as_ref())),
                }
            }
        }
    }
}
