//! What a canary leaves behind: outputs, the event's content and the decision record.

use std::collections::BTreeMap;

use contract::results::Canary;
use contract::{Outcome, Subject, Verdict, by_verdict};
use routes::{ModelRef, Route};
use serde_json::{Value, json};

use crate::gate::{Ending, Gate};
use crate::learnt::Learnt;
use crate::meeting::Before;
use crate::metrics::counted::aggregation_words;
use crate::metrics::judge::Judge;
use crate::plan::Plan;
use crate::run::Finished;
use crate::{FAILED, PASSED, UNDECIDED, page, result};

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
        self.not_begun(ending, route, None)
    }

    /// The same, where the champion's past may be why.
    pub(crate) fn not_begun(
        self,
        ending: Ending,
        route: Option<&Route>,
        past: Option<&Before>,
    ) -> Outcome {
        let details =
            json!({ "plan": self.plan, "model": self.model, "before": route, "past": past });
        let result = result::untouched(self.plan, self.model, route);
        self.outcome(ending, route, route, details, result)
    }

    /// A canary that was carried out.
    pub(crate) fn finished(self, finished: Finished, before: Option<&Route>) -> Outcome {
        let details = details(self.plan, self.model, &finished, before);
        let result = result::finished(self.plan, self.model, &finished, before);
        self.outcome(finished.ending, before, finished.route.as_ref(), details, result)
    }

    fn outcome(
        self,
        ending: Ending,
        before: Option<&Route>,
        after: Option<&Route>,
        details: Value,
        result: Canary,
    ) -> Outcome {
        let ours = |route: &&Route| {
            route.candidate.as_ref().is_some_and(|c| c.model.digest == self.model.digest)
        };
        let share = after.filter(ours).map_or(0.0, Route::share);
        let generation = after.map_or_else(String::new, |route| route.generation.to_string());
        let champion = before.map_or_else(String::new, |route| route.champion.digest.clone());
        let result = Canary { share, generation: after.map(|route| route.generation), ..result };
        let stopped = ending.verdict == Verdict::Pass || share == 0.0;
        if !stopped {
            // Only where someone else holds the route now.
            tracing::warn!(share, "the candidate has a share that this gate did not give");
        }
        let event = by_verdict(ending.verdict, [PASSED, FAILED, UNDECIDED]);
        Outcome {
            verdict: ending.verdict,
            reason: ending.reason,
            event: Subject::new(event, self.stream, &result),
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
    let Finished { gate, journal, foreseen, ending, decided, withdrawn, taken_over, route } =
        finished;
    let learnt = &journal.began.learnt;
    let baseline = gate.baseline.as_ref().map(|baseline| {
        json!({
            "answers": baseline.len(), "errors": baseline.errors(), "compared": baseline.used(),
            "predictions": learnt.predictions.to_string(), "labels": learnt.labels.to_string(),
            "assumes": "the stream's failure rate does not change by itself between the two ranges",
        })
    });
    let read: BTreeMap<String, String> =
        journal.read().into_iter().map(|(topic, window)| (topic, window.to_string())).collect();
    json!({
        "baseline": baseline,
        "plan": plan,
        "model": model,
        "before": before,
        "after": route,
        "decided": decided,
        "ending": { "verdict": ending.verdict, "reason": ending.reason },
        "withdrawn": withdrawn,
        "taken-over": taken_over,
        "steps": gate.steps,
        "foreseen": foreseen,
        "learnt": { "answers": learnt.answers, "seconds": learnt.seconds },
        "metrics": metrics(gate, learnt),
        "repeated": gate.evidence.repeated(),
        "alarms": gate.alarms.as_ref().map(crate::alarms::Alarms::count),
        "trace": gate.trace,
        "said": gate.said,
        "join": gate.join.counts,
        "waiting": {
            "answers": gate.join.answers_waiting(), "labels": gate.join.labels_waiting(),
        },
        "passed-over": gate.passed_over,
        "unreadable-labels": gate.troubles,
        "meeting": gate.meeting,
        "before-canary": learnt.before,
        "slices": gate.evidence.slices.as_ref().map(|slices| slices.counts),
        "read": read,
        // As one text, for it is long and nobody reads it but `canary-gate replay`.
        "journal": serde_json::to_string(journal).expect("a journal holds nothing that JSON does not know"),
    })
}

fn metrics(gate: &Gate, learnt: &Learnt) -> Vec<Value> {
    let share = gate.steps.last().map_or(0.0, |step| step.share);
    let tracks = gate.evidence.tracks.iter().zip(&learnt.tracks);
    tracks
        .map(|(track, learnt)| {
            let slices: Vec<Value> = track
                .slices
                .iter()
                .map(|slice| json!({ "name": slice.name, "view": slice.judge.view(share) }))
                .collect();
            let (counted_by, answers) = match &track.whole {
                Judge::Counted(_) => (Some(aggregation_words(learnt.aggregation)), None),
                Judge::Mean(_) => (None, None),
                Judge::Sampled(judge) => (None, Some(judge.counts())),
            };
            json!({
                "name": track.metric.name, "of": track.metric.of, "role": track.metric.role,
                "better": track.metric.better, "proof": track.metric.needs_proof(),
                "margin": track.margin, "alpha": track.alpha, "counted-by": counted_by,
                "base-rate": learnt.base_rate, "extra-variance": learnt.extra_variance,
                "view": track.whole.view(share), "slices": slices,
                "strangers": track.strangers,
                "judged": { "champion": track.champion(), "candidate": track.candidate() },
                "answers": answers.map(|(values, none)| json!({ "values": values, "without-data": none })),
            })
        })
        .collect()
}
