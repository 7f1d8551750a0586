//! The decision record's own part, `details` in `report.json`: what the page shows and a replay compares.

use std::collections::BTreeMap;

use routes::{ModelRef, Route};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::history::journal::Journal;
use crate::policy::command::Asked;
use crate::policy::evidence::{Sliced, Track};
use crate::policy::evidence_series::Point;
use crate::policy::false_alarms::{Alarms, Counted};
use crate::policy::forecast::Forecast;
use crate::policy::gate::{Counts, Gate, Outcome, Skipped, Step};
use crate::policy::join::JoinCounts;
use crate::policy::meeting::{Before, Meeting};
use crate::policy::metrics::counted::aggregation_words;
use crate::policy::metrics::held::Tally;
use crate::policy::metrics::judge::{Judge, View};
use crate::policy::metrics::spec::{Better, Of, Role};
use crate::policy::plan::Plan;
use crate::policy::stream_profile::MetricProfile;
use crate::records::labels::Troubles;
use crate::records::slices::SliceCounts;
use crate::run::{Finished, Withdrawn};

/// What the gate was asked to do, and what came of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Details {
    pub(crate) plan: Plan,
    pub(crate) model: ModelRef,
    /// The route that stood there.
    pub(crate) before: Option<Route>,
    /// How labels and answers met before; nothing where nobody looked.
    pub(crate) labels_before: Option<Before>,
    /// Nothing where the candidate got no share.
    pub(crate) canary: Option<Canary>,
}

/// A canary that was carried out. Times are seconds since it began.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Canary {
    /// As the gate decided, which a replay reaches again.
    pub(crate) outcome: Outcome,
    pub(crate) decided: f64,
    /// The route afterwards.
    pub(crate) after: Option<Route>,
    pub(crate) withdrawn: Option<Withdrawn>,
    /// The route that someone else wrote.
    pub(crate) taken_over: Option<Route>,
    pub(crate) steps: Vec<Step>,
    pub(crate) forecast: Option<Forecast>,
    pub(crate) profile: Profile,
    /// What a blue-green switch is compared with.
    pub(crate) baseline: Option<Baseline>,
    pub(crate) metrics: Vec<Metric>,
    /// Failures that count for nothing because their key had just failed, or had failed before.
    pub(crate) repeated: u64,
    /// Of an a-a run.
    pub(crate) false_alarms: Option<Counted>,
    /// How the evidence grew; the last point is that of the decision.
    pub(crate) evidence: Vec<Point>,
    /// What people asked for.
    pub(crate) commands: Vec<Asked>,
    pub(crate) join: JoinCounts,
    pub(crate) waiting: Waiting,
    pub(crate) skipped: Skipped,
    pub(crate) unreadable_labels: Troubles,
    pub(crate) meeting: Meeting,
    pub(crate) slices: Option<SliceCounts>,
    /// The ranges that were read, by topic.
    pub(crate) read: BTreeMap<String, String>,
    /// As one text, for it is long and nobody reads it but `canary-gate replay`.
    pub(crate) journal: String,
}

/// What the champion's past says of the stream.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Profile {
    /// Labelled answers, and the seconds between the first and the last.
    pub(crate) answers: u64,
    pub(crate) seconds: f64,
}

/// The champion's answers from before a switch.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Baseline {
    pub(crate) answers: u64,
    pub(crate) errors: u64,
    /// Of these compared with an answer of the candidate.
    pub(crate) compared: u64,
    /// The ranges in which they were found.
    pub(crate) predictions: String,
    pub(crate) labels: String,
}

/// What the comparison with a baseline rests on.
pub(crate) const BASELINE_ASSUMES: &str =
    "the stream's failure rate does not change by itself between the two ranges";

/// What still waited at the end.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Waiting {
    pub(crate) answers: usize,
    pub(crate) labels: usize,
}

/// One metric: what it was held to, and what was seen.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Metric {
    pub(crate) name: String,
    pub(crate) of: Of,
    pub(crate) role: Role,
    pub(crate) better: Better,
    /// Whether a pass has to prove that the candidate is not worse in it.
    pub(crate) proof: bool,
    pub(crate) margin: f64,
    pub(crate) alpha: Alpha,
    /// How failures are counted, in words.
    pub(crate) counted_by: Option<String>,
    pub(crate) base_rate: f64,
    pub(crate) extra_variance: f64,
    pub(crate) view: View,
    pub(crate) slices: Vec<Slice>,
    /// Business events of keys that were not answered.
    pub(crate) strangers: u64,
    pub(crate) judged: Judged,
    /// Of a metric that Prometheus is asked for.
    pub(crate) samples: Option<Samples>,
}

/// What a metric may spend of the false-alarm rate: on all records, and on each of its slices.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Alpha {
    pub(crate) overall: f64,
    pub(crate) slice: f64,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Slice {
    pub(crate) name: String,
    pub(crate) view: View,
}

/// What a metric could make of the two models' answers.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Judged {
    pub(crate) champion: Tally,
    pub(crate) candidate: Tally,
}

/// What Prometheus answered.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Samples {
    pub(crate) values: u64,
    pub(crate) without_data: u64,
}

impl Canary {
    pub(super) fn of(finished: Finished) -> Self {
        let Finished { gate, journal, forecast, outcome, decided, evidence, .. } = finished;
        let profile = &journal.began.profile;
        let read = journal.read().into_iter().map(|(topic, window)| (topic, window.to_string()));
        Self {
            outcome,
            decided,
            after: finished.route,
            withdrawn: finished.withdrawn,
            taken_over: finished.taken_over,
            forecast,
            profile: Profile { answers: profile.answers, seconds: profile.seconds },
            baseline: baseline(&gate, &journal),
            metrics: metrics(&gate, &profile.tracks),
            repeated: gate.evidence.repeated(),
            false_alarms: gate.alarms.as_ref().map(Alarms::count),
            evidence: gate.trace.with(&evidence),
            join: gate.join.counts,
            waiting: Waiting {
                answers: gate.join.answers_waiting(),
                labels: gate.join.labels_waiting(),
            },
            skipped: gate.skipped,
            slices: gate.evidence.slices.as_ref().map(|slices| slices.counts),
            read: read.collect(),
            journal: serde_json::to_string(&journal)
                .expect("a journal holds nothing that JSON does not know"),
            steps: gate.steps,
            commands: gate.commands,
            unreadable_labels: gate.troubles,
            meeting: gate.meeting,
        }
    }

    /// Counts over all steps: champion, candidate.
    pub(super) fn totals(&self) -> (Counts, Counts) {
        Counts::totals(&self.steps)
    }
}

fn baseline(gate: &Gate, journal: &Journal) -> Option<Baseline> {
    let profile = &journal.began.profile;
    gate.baseline.as_ref().map(|baseline| Baseline {
        answers: baseline.len(),
        errors: baseline.errors(),
        compared: baseline.used(),
        predictions: profile.predictions.to_string(),
        labels: profile.labels.to_string(),
    })
}

fn metrics(gate: &Gate, profiles: &[MetricProfile]) -> Vec<Metric> {
    let share = gate.steps.last().map_or(0.0, |step| step.share);
    let metric = |(track, profile): (&Track, &MetricProfile)| {
        let slice =
            |slice: &Sliced| Slice { name: slice.name.clone(), view: slice.judge.view(share) };
        let (counted_by, samples) = match &track.whole {
            Judge::Counted(_) => (Some(aggregation_words(profile.aggregation).to_owned()), None),
            Judge::Mean(_) => (None, None),
            Judge::Sampled(judge) => {
                let (values, without_data) = judge.counts();
                (None, Some(Samples { values, without_data }))
            }
        };
        Metric {
            name: track.metric.name.clone(),
            of: track.metric.of,
            role: track.metric.role,
            better: track.metric.better,
            proof: track.metric.needs_proof(),
            margin: track.margin,
            alpha: Alpha { overall: track.alpha.overall, slice: track.alpha.slice },
            counted_by,
            base_rate: profile.base_rate,
            extra_variance: profile.extra_variance,
            view: track.whole.view(share),
            slices: track.slices.iter().map(slice).collect(),
            strangers: track.strangers,
            judged: Judged {
                champion: track.champion().clone(),
                candidate: track.candidate().clone(),
            },
            samples,
        }
    };
    gate.evidence.tracks.iter().zip(profiles).map(metric).collect()
}
