//! Returns a stream to its last known good model and proves it.
//!
//! - Consumes: the stream's route and its history, the event log, the scorers' confirmations, `<stream>.predictions`.
//! - Produces: a route without the bad model, where it had a part in one; the offset ranges that it answered; one
//!   event.
//! - Invariants: a model that was rolled back is never returned to; a run that is repeated writes no second route;
//!   a pass says that no later answer is the bad model's, or that none was there to look at.
//!
//! # Layout
//!
//! - `decide`, `known_good`, `written`, `exposure`: what to do, pure
//! - `scan`, `timeline`: what the predictions say, pure
//! - `run`, `watch`: routes, scorers and topics
//! - `outcome`, `record`, `result`, `page`: what is left behind

mod decide;
mod exposure;
mod known_good;
mod outcome;
mod page;
mod record;
mod result;
mod run;
mod scan;
mod timeline;
mod watch;
mod written;

use std::collections::BTreeMap;
use std::time::Duration;

use contract::results::types::rollback::{FAILED, ROLLED_BACK, UNDECIDED, UNNEEDED};
use contract::{AnyEventType, Context, Outcome, OutputSpec, Step, event_log, repeat};
use decide::{Asked, Decided, Known, LEFT_BEHIND, Plan, decide};
use flags::duration;
pub use record::Details;
use routes::Route;

/// The step.
pub struct Rollback;

#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The bad model: its digest, candidate, champion, or left-behind for a candidate that this release left on the stream; by default the candidate that this release tries, else the champion if this release promoted it
    #[arg(
        long,
        env = "HEADGATE_BAD",
        default_value = "",
        value_name = "DIGEST",
        value_parser = bad
    )]
    pub bad: String,

    /// How long to wait until every live scorer has confirmed
    #[arg(long, env = "HEADGATE_CONFIRM_TIMEOUT", default_value = "2m", value_parser = duration)]
    pub confirm_timeout: Duration,

    /// Longest time to watch later answers
    #[arg(long, env = "HEADGATE_OBSERVE", default_value = "30s", value_parser = duration)]
    pub observe: Duration,

    /// Later answers that are enough to have seen
    #[arg(long, env = "HEADGATE_OBSERVE_RECORDS", default_value_t = 1_000)]
    pub observe_records: u64,
}

impl Step for Rollback {
    type Args = Args;
    const NAME: &'static str = "rollback";
    const ABOUT: &'static str = env!("CARGO_PKG_DESCRIPTION");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const OUTPUTS: &'static [OutputSpec] = &[
        OutputSpec { name: "bad", about: "Digest of the bad model", default: "" },
        OutputSpec { name: "good", about: "Digest of the champion afterwards", default: "" },
        OutputSpec {
            name: "generation",
            about: "Route generation in force afterwards",
            default: "",
        },
        OutputSpec { name: "answers", about: "Answers that the bad model gave", default: "" },
        OutputSpec {
            name: "ranges",
            about: "Offsets of the features topic between which it gave them, PARTITION:FIRST-END",
            default: "",
        },
    ];
    const EVENTS: &'static [AnyEventType] =
        &[ROLLED_BACK.any(), UNNEEDED.any(), FAILED.any(), UNDECIDED.any()];

    fn run(args: &Args, context: &Context) -> anyhow::Result<Outcome> {
        let traffic = routes::traffic::of(context);
        let event = |at: Option<u64>| context.event_id(&inputs(args, at));
        let release = context.common.release.as_str();
        let asked = Asked { bad: &args.bad, release, event: &event };
        let events = event_log::read(&context.kafka)?;
        let history = watch::history(&*traffic)?;
        let known: Vec<Route> = history.iter().map(|(route, _)| route.clone()).collect();
        let decided =
            |now: Option<&Route>| decide(&Known { now, history: &known, events: &events }, &asked);

        let standing = traffic.standing()?;
        if standing.route.is_none() {
            // A record that is no route, and none before it: that is not a stream without a route.
            standing.clone().certain()?;
        }
        let mut found = decided(standing.route.as_ref());
        let given = inputs(args, found.at);
        if let Some(earlier) = repeat::outcome::<Self, _>(context, &given, page::render)? {
            return Ok(earlier);
        }
        let mut before = standing.route;
        let mut writer = None;
        // Only who is going to write becomes the writer: that fences a canary under way.
        if matches!(found.plan, Plan::Write { .. }) || standing.unreadable.is_some() {
            let routes = traffic.writer_from_last_readable()?;
            before = routes.current().cloned();
            found = decided(before.as_ref());
            writer = Some(routes);
        }
        let inputs = inputs(args, found.at);
        let Decided { bad, at, plan } = found;
        let work = run::Work { bad, at, plan, before, writer, history, events, traffic: &*traffic };
        let finished = run::run(work, args, context, &context.event_id(&inputs))?;
        Ok(outcome::outcome(finished, inputs, context))
    }
}

/// What makes this run's event another one than that of another run.
fn inputs(args: &Args, at: Option<u64>) -> BTreeMap<String, String> {
    let mut inputs = BTreeMap::from([("bad".to_owned(), args.bad.clone())]);
    inputs.extend(at.map(|at| ("found-in-generation".to_owned(), at.to_string())));
    inputs
}

/// A digest, or a word for who has it.
fn bad(text: &str) -> Result<String, String> {
    match text {
        "" | "candidate" | "champion" | LEFT_BEHIND => Ok(text.to_owned()),
        _ if stream::ModelDigest::try_from(text).is_ok() => Ok(text.to_owned()),
        _ => Err(format!(
            "`{text}` is no model; write sha256:<64 hex digits>, candidate, champion or left-behind"
        )),
    }
}
