//! Says how a release ended.
//!
//! - Consumes: the events of the release; what the workflow says of tasks that failed.
//! - Produces: one event, the release's last; with `--fail-on-verdict` an exit code and a message for Argo.
//! - Invariants: a release counts as promoted only by the event that `promote` emitted; a rollback of its model after
//!   that counts more, whichever release it was by; no event means not promoted.

mod decide;
mod failures;
mod page;
mod record;
mod result;

use std::collections::BTreeMap;

use contract::results::Release;
use contract::results::types::release::{FAILED, SUCCEEDED, UNDECIDED};
use contract::{AnyEventType, Context, Outcome, OutputSpec, Step, Subject, by_verdict, event_log};
use decide::{Ending, ending};
pub use record::Details;
use record::StepOutcome;
use routes::ledger::promotions;

/// The step.
pub struct Conclude;

#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// How far the release was to come: shadowed is for a dry run
    #[arg(long, env = "HEADGATE_GOAL", value_enum, default_value_t = Goal::Promoted)]
    pub goal: Goal,

    /// Failed tasks as Argo reports them, a JSON list, for a task that emitted no event
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

impl Goal {
    /// As the flag has it.
    fn name(self) -> &'static str {
        match self {
            Self::Promoted => "promoted",
            Self::Shadowed => "shadowed",
        }
    }
}

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
    const EVENTS: &'static [AnyEventType] = &[SUCCEEDED.any(), FAILED.any(), UNDECIDED.any()];

    fn run(args: &Args, context: &Context) -> anyhow::Result<Outcome> {
        let failures = failures::parse(&args.failures)?;
        let mut events = event_log::read(&context.kafka)?;
        let promotions = promotions(&events, &context.common.stream);
        let promotion = promotions.iter().rfind(|one| one.release == context.common.release);
        events.retain(|event| {
            let data = &event.custom_data;
            data.release == context.common.release
                && data.stream == context.common.stream
                && data.step != Self::NAME
        });
        let outcomes: Vec<StepOutcome> = events.iter().map(StepOutcome::from).collect();
        let Ending { verdict, step, reason } = ending(&outcomes, promotion, &failures, args.goal);
        let result = Release {
            goal: args.goal.name().to_owned(),
            step: step.clone(),
            model: events.iter().rev().find_map(result::model),
            steps: events.iter().map(result::emitted).collect(),
        };
        // A conclusion that was true before the model was taken back is another one.
        let back = promotion.and_then(|promotion| promotion.taken_back.as_ref());
        let inputs =
            back.map(|back| ("taken-back-by".to_owned(), back.event.clone())).into_iter().collect();
        let details = Details { outcomes, failures };
        let event = by_verdict(verdict, [SUCCEEDED, FAILED, UNDECIDED]);
        let (details, page) = contract::record::drawn(details, page::render);
        Ok(Outcome {
            verdict,
            reason,
            event: Subject::new(event, &context.common.release, &result),
            inputs,
            outputs: BTreeMap::from([("step", step)]),
            details,
            page,
        })
    }
}
