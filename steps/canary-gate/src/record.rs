//! What a canary leaves behind: outputs, the event's content and the decision record.

use std::collections::BTreeMap;

use contract::{Outcome, Subject, Verdict};
use routes::{ModelRef, Route};
use serde_json::{Value, json};

use crate::gate::Ending;
use crate::plan::Plan;
use crate::run::Finished;
use crate::{FINISHED, page};

/// Makes outcomes of one run.
pub(crate) struct Recorder<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) model: &'a ModelRef,
    pub(crate) inputs: BTreeMap<String, String>,
    pub(crate) stream: &'a str,
}

impl Recorder<'_> {
    /// A run that changed nothing.
    pub(crate) fn untouched(self, ending: Ending, route: Option<&Route>) -> Outcome {
        let details = json!({ "plan": self.plan, "model": self.model, "before": route });
        self.outcome(ending, route, route, details)
    }

    /// A canary that was carried out.
    pub(crate) fn finished(self, finished: Finished, before: Option<&Route>) -> Outcome {
        let details = details(self.plan, self.model, &finished, before);
        self.outcome(finished.ending, before, finished.route.as_ref(), details)
    }

    fn outcome(
        self,
        ending: Ending,
        before: Option<&Route>,
        after: Option<&Route>,
        details: Value,
    ) -> Outcome {
        let ours = |route: &&Route| {
            route.candidate.as_ref().is_some_and(|c| c.model.digest == self.model.digest)
        };
        let share = after.filter(ours).map_or(0.0, Route::share);
        let generation = after.map_or_else(String::new, |route| route.generation.to_string());
        let champion = before.map_or_else(String::new, |route| route.champion.digest.clone());
        let content = json!({
            "outcome": ending.verdict, "strategy": self.plan.strategy, "model": self.model.digest, "champion": champion,
            "share": share, "generation": after.map(|route| route.generation),
        });
        let stopped = ending.verdict == Verdict::Pass || share == 0.0;
        if !stopped {
            // Only where someone else holds the route now.
            tracing::warn!(share, "the candidate has a share that this gate did not give");
        }
        Outcome {
            verdict: ending.verdict,
            reason: ending.reason,
            event: Subject { event: FINISHED, id: self.stream.to_owned(), content },
            inputs: self.inputs,
            outputs: BTreeMap::from([
                ("share", share.to_string()),
                ("generation", generation),
                ("champion", champion),
            ]),
            details,
            page: Box::new(page::render),
        }
    }
}

fn details(plan: &Plan, model: &ModelRef, finished: &Finished, before: Option<&Route>) -> Value {
    let Finished { gate, decided, withdrawn, taken_over, watch, route, .. } = finished;
    let evidence = &gate.evidence;
    let test = |test: &stats::sequential::CountTest, limit: f64| {
        json!({
            "log-e": test.log_e(), "peak": test.peak_log_e(), "limit": limit,
            "candidate-events": test.candidate_events(), "champion-events": test.champion_events(),
        })
    };
    let (predictions, labels) = watch.windows();
    let baseline = gate.baseline.as_ref().map(|baseline| {
        let (predictions, labels) = &baseline.read;
        json!({
            "answers": baseline.len(), "errors": baseline.errors(), "compared": baseline.used(),
            "predictions": predictions.to_string(), "labels": labels.to_string(),
            "assumes": "the stream's failure rate does not change by itself between the two ranges",
        })
    });
    json!({
        "baseline": baseline,
        "plan": plan,
        "model": model,
        "before": before,
        "after": route,
        "decided": decided,
        "withdrawn": withdrawn,
        "taken-over": taken_over,
        "steps": gate.steps,
        "evidence": {
            "label-harm": test(&evidence.label_harm, evidence.harm_limit),
            "failure-harm": test(&evidence.failure_harm, evidence.harm_limit),
            "label-safe": test(&evidence.label_safe, evidence.safe_limit),
            "repeated": evidence.repeated(),
        },
        "trace": gate.trace,
        "join": gate.join.counts,
        "waiting": {
            "answers": gate.join.answers_waiting(), "labels": gate.join.labels_waiting(),
        },
        "passed-over": gate.passed_over,
        "read": { "predictions": predictions.to_string(), "labels": labels.to_string() },
    })
}
