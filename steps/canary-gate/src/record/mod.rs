//! What a canary leaves behind: outputs, the event's content and the decision record.

mod event;
pub(crate) mod page;

use std::collections::BTreeMap;

use contract::results::Canary;
use contract::{Subject, Verdict, by_verdict};
use routes::{ModelRef, Route};
use serde_json::{Value, json};

use crate::policy::gate::{Gate, Outcome};
use crate::policy::meeting::Before;
use crate::policy::metrics::counted::aggregation_words;
use crate::policy::metrics::judge::Judge;
use crate::policy::plan::Plan;
use crate::policy::stream_profile::StreamProfile;
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
        let details =
            json!({ "plan": self.plan, "model": self.model, "before": route, "past": past });
        let result = event::untouched(self.plan, self.model, route);
        self.outcome(outcome, route, route, details, result)
    }

    /// A canary that was carried out.
    pub(crate) fn finished(self, finished: Finished, before: Option<&Route>) -> contract::Outcome {
        let details = details(self.plan, self.model, &finished, before);
        let result = event::finished(self.plan, self.model, &finished, before);
        let mut outcome = finished.outcome;
        if finished.withdrawn.is_some_and(|it| it.confirmed_after.is_none()) {
            // The verdict stands and the route is written; a scorer that is away will follow it when it is back.
            outcome.reason.push_str("; share 0 is written, but was not confirmed in time");
        }
        self.outcome(outcome, before, finished.route.as_ref(), details, result)
    }

    fn outcome(
        self,
        outcome: Outcome,
        before: Option<&Route>,
        after: Option<&Route>,
        details: Value,
        result: Canary,
    ) -> contract::Outcome {
        let ours = |route: &&Route| {
            route.candidate.as_ref().is_some_and(|c| c.model.digest == self.model.digest)
        };
        let share = after.filter(ours).map_or(0.0, Route::share);
        let generation = after.map_or_else(String::new, |route| route.generation.to_string());
        let champion = before.map_or_else(String::new, |route| route.champion.digest.clone());
        let result = Canary { share, generation: after.map(|route| route.generation), ..result };
        let stopped = outcome.verdict == Verdict::Pass || share == 0.0;
        if !stopped {
            // Only where someone else holds the route now.
            tracing::warn!(share, "the candidate has a share that this gate did not give");
        }
        let event = by_verdict(outcome.verdict, [PASSED, FAILED, UNDECIDED]);
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
            page: Box::new(page::render),
        }
    }
}

fn details(plan: &Plan, model: &ModelRef, finished: &Finished, before: Option<&Route>) -> Value {
    let Finished {
        gate,
        journal,
        forecast,
        outcome,
        decided,
        evidence,
        withdrawn,
        taken_over,
        route,
    } = finished;
    let profile = &journal.began.profile;
    let baseline = gate.baseline.as_ref().map(|baseline| {
        json!({
            "answers": baseline.len(), "errors": baseline.errors(), "compared": baseline.used(),
            "predictions": profile.predictions.to_string(), "labels": profile.labels.to_string(),
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
        "ending": { "verdict": outcome.verdict, "reason": outcome.reason },
        "withdrawn": withdrawn,
        "taken-over": taken_over,
        "steps": gate.steps,
        "foreseen": forecast,
        "learnt": { "answers": profile.answers, "seconds": profile.seconds },
        "metrics": metrics(gate, profile),
        "repeated": gate.evidence.repeated(),
        "alarms": gate.alarms.as_ref().map(crate::policy::false_alarms::Alarms::count),
        "trace": gate.trace.with(evidence),
        "said": gate.commands,
        "join": gate.join.counts,
        "waiting": {
            "answers": gate.join.answers_waiting(), "labels": gate.join.labels_waiting(),
        },
        "passed-over": gate.skipped,
        "unreadable-labels": gate.troubles,
        "meeting": gate.meeting,
        "before-canary": profile.before,
        "slices": gate.evidence.slices.as_ref().map(|slices| slices.counts),
        "read": read,
        // As one text, for it is long and nobody reads it but `canary-gate replay`.
        "journal": serde_json::to_string(journal).expect("a journal holds nothing that JSON does not know"),
    })
}

fn metrics(gate: &Gate, profile: &StreamProfile) -> Vec<Value> {
    let share = gate.steps.last().map_or(0.0, |step| step.share);
    let tracks = gate.evidence.tracks.iter().zip(&profile.tracks);
    tracks
        .map(|(track, profile)| {
            let slices: Vec<Value> = track
                .slices
                .iter()
                .map(|slice| json!({ "name": slice.name, "view": slice.judge.view(share) }))
                .collect();
            let (counted_by, answers) = match &track.whole {
                Judge::Counted(_) => (Some(aggregation_words(profile.aggregation)), None),
                Judge::Mean(_) => (None, None),
                Judge::Sampled(judge) => (None, Some(judge.counts())),
            };
            json!({
                "name": track.metric.name, "of": track.metric.of, "role": track.metric.role,
                "better": track.metric.better, "proof": track.metric.needs_proof(),
                "margin": track.margin, "alpha": track.alpha, "counted-by": counted_by,
                "base-rate": profile.base_rate, "extra-variance": profile.extra_variance,
                "view": track.whole.view(share), "slices": slices,
                "strangers": track.strangers,
                "judged": { "champion": track.champion(), "candidate": track.candidate() },
                "answers": answers.map(|(values, none)| json!({ "values": values, "without-data": none })),
            })
        })
        .collect()
}
