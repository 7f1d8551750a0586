//! Says how a release ended.
//!
//! - Consumes: the events of the release; what the workflow says of tasks that failed.
//! - Produces: one event, the release's last; with `--fail-on-verdict` an exit code and a message for Argo.
//! - Invariants: a release counts as promoted only by the event that `promote` emitted; a rollback of its model after
//!   that counts more, whichever release it was by; no event means not promoted.

mod decide;
mod failures;
mod page;

use std::collections::BTreeMap;

use contract::{
    Context, EventType, Outcome, OutputSpec, Step, Subject, Verdict, by_verdict, event_log,
};
use decide::{Ending, Told, ending};
use routes::ledger::promotions;
use serde_json::json;

/// The step.
pub struct Conclude;

#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// How far the release was to come: shadowed is for a dry run
    #[arg(long, env = "HEADGATE_GOAL", value_enum, default_value_t = Goal::Promoted)]
    pub goal: Goal,

    /// Failed tasks as Argo tells them, a JSON list, for a task that told no event
    #[arg(long, env = "HEADGATE_FAILURES", default_value = "", value_name = "JSON")]
    pub failures: String,
}

/// How far a release was to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Goal {
    /// The model is the champion.
    Promoted,
    /// The model passed its shadow test, and no traffic was to move.
    Shadowed,
}

/// Emitted when the release reached its goal.
pub const SUCCEEDED: EventType = EventType {
    name: "dev.cdeventsx.headgate-release.succeeded.0.1.0",
    about: "the release is over and reached its goal",
    verdict: Verdict::Pass,
};
/// Emitted when the release ended before its goal, or was rolled back.
pub const FAILED: EventType = EventType {
    name: "dev.cdeventsx.headgate-release.failed.0.1.0",
    about: "the release is over and did not reach its goal, or was rolled back",
    verdict: Verdict::Fail,
};
/// Emitted when a step without enough evidence ended the release.
pub const UNDECIDED: EventType = EventType {
    name: "dev.cdeventsx.headgate-release.undecided.0.1.0",
    about: "the release is over because a step had not enough evidence to go on",
    verdict: Verdict::Inconclusive,
};

impl Step for Conclude {
    type Args = Args;
    const NAME: &'static str = "conclude";
    const ABOUT: &'static str = env!("CARGO_PKG_DESCRIPTION");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const OUTPUTS: &'static [OutputSpec] = &[OutputSpec {
        name: "step",
        about: "The step that decided how the release ended",
        default: "",
    }];
    const EVENTS: &'static [EventType] = &[SUCCEEDED, FAILED, UNDECIDED];

    fn run(args: &Args, context: &Context) -> anyhow::Result<Outcome> {
        let failures = failures::parse(&args.failures)?;
        let events = event_log::read(&context.kafka)?;
        let promotions = promotions(&events, &context.common.stream);
        let promotion = promotions.iter().rfind(|one| one.release == context.common.release);
        let told: Vec<Told> = events
            .into_iter()
            .map(|event| (event.context.event_type, event.context.timestamp, event.custom_data))
            .filter(|(.., data)| data.release == context.common.release)
            .filter(|(.., data)| data.stream == context.common.stream && data.step != Self::NAME)
            .map(|(event_type, at, data)| Told {
                step: data.step,
                event_type,
                verdict: data.verdict,
                reason: data.reason,
                at,
            })
            .collect();
        let Ending { verdict, step, reason } = ending(&told, promotion, &failures, args.goal);
        // A conclusion that was true before the model was taken back is another one.
        let back = promotion.and_then(|promotion| promotion.taken_back.as_ref());
        let inputs =
            back.map(|back| ("taken-back-by".to_owned(), back.event.clone())).into_iter().collect();
        let content = json!({ "goal": format!("{:?}", args.goal).to_lowercase(), "step": step });
        let event = by_verdict(verdict, [SUCCEEDED, FAILED, UNDECIDED]);
        Ok(Outcome {
            verdict,
            reason,
            event: Subject { event, id: context.common.release.clone(), content },
            inputs,
            outputs: BTreeMap::from([("step", step)]),
            details: json!({ "told": told, "failures": failures }),
            page: Box::new(page::render),
        })
    }
}
