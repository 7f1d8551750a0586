//! What a canary leaves behind: outputs, the event's content and the decision record.

pub(crate) mod details;
mod event;
pub(crate) mod page;

use std::collections::BTreeMap;

use contract::{Subject, Verdict, by_verdict, results};
use details::{Canary, Details};
use routes::{ModelRef, Route};

use crate::policy::gate::Outcome;
use crate::policy::meeting::Before;
use crate::policy::plan::Plan;
use crate::run::Finished;
use crate::{FAILED, PASSED, UNDECIDED};

/// Makes outcomes of one run.
pub(crate) struct Recorder<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) model: &'a ModelRef,
    pub(crate) inputs: BTreeMap<String, String>,
    pub(crate) stream: &'a str,
}

impl Recorder<'_> {
    /// A run that changed nothing.
    pub(crate) fn untouched(self, outcome: Outcome, route: Option<&Route>) -> contract::Outcome {
        self.not_begun(outcome, route, None)
    }

    /// The same, where the champion's past may be why.
    pub(crate) fn not_begun(
        self,
        outcome: Outcome,
        route: Option<&Route>,
        past: Option<&Before>,
    ) -> contract::Outcome {
        let result = event::untouched(self.plan, self.model, route);
        self.outcome(outcome, route, route, (past.cloned(), None), result)
    }

    /// A canary that was carried out.
    pub(crate) fn finished(self, finished: Finished, before: Option<&Route>) -> contract::Outcome {
        let result = event::finished(self.plan, self.model, &finished, before);
        let mut outcome = finished.outcome.clone();
        if finished.withdrawn.as_ref().is_some_and(|it| it.confirmed_after.is_none()) {
            // The verdict stands and the route is written; a scorer that is away will follow it when it is back.
            outcome.reason.push_str("; share 0 is written, but was not confirmed in time");
        }
        let (after, past) = (finished.route.clone(), finished.journal.began.profile.before.clone());
        let canary = Canary::of(finished);
        self.outcome(outcome, before, after.as_ref(), (Some(past), Some(canary)), result)
    }

    fn outcome(
        self,
        outcome: Outcome,
        before: Option<&Route>,
        after: Option<&Route>,
        (labels_before, canary): (Option<Before>, Option<Canary>),
        result: results::Canary,
    ) -> contract::Outcome {
        let ours = |route: &&Route| {
            route.candidate.as_ref().is_some_and(|c| c.model.digest == self.model.digest)
        };
        let share = after.filter(ours).map_or(0.0, Route::share);
        let generation = after.map_or_else(String::new, |route| route.generation.to_string());
        let champion = before.map_or_else(String::new, |route| route.champion.digest.clone());
        let result =
            results::Canary { share, generation: after.map(|route| route.generation), ..result };
        let stopped = outcome.verdict == Verdict::Pass || share == 0.0;
        if !stopped {
            // Only where someone else holds the route now.
            tracing::warn!(share, "the candidate has a share that this gate did not give");
        }
        let details = Details {
            plan: self.plan.clone(),
            model: self.model.clone(),
            before: before.cloned(),
            labels_before,
            canary,
        };
        let event = by_verdict(outcome.verdict, [PASSED, FAILED, UNDECIDED]);
        let (details, page) = contract::record::drawn(details, page::render);
        contract::Outcome {
            verdict: outcome.verdict,
            reason: outcome.reason,
            event: Subject::new(event, self.stream, &result),
            inputs: self.inputs,
            outputs: BTreeMap::from([
                ("share", share.to_string()),
                ("generation", generation),
                ("champion", champion),
            ]),
            details,
            page,
        }
    }
}
