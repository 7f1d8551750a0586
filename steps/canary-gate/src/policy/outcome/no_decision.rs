//! Why more records would not help: nothing can be judged, or labels are waited for in vain.

use std::time::Duration;

use super::{fail, inconclusive, other, share, span};
use crate::Strategy;
use crate::policy::evidence::{Blind, Track};
use crate::policy::gate::{Gate, Outcome};
use crate::policy::meeting::{NoStart, Stalled};
use crate::policy::metrics::held::Tally;
use crate::policy::metrics::loss::Loss;
use crate::policy::metrics::spec::{Metric, Of, Role};
use crate::policy::plan::Plan;
use crate::policy::stream_profile::StreamProfile;
use crate::records::labels::RULE;

/// A metric cannot judge what comes.
pub(crate) fn blind(gate: &Gate, track: &Track, what: Blind) -> Outcome {
    let (name, share) = (&track.metric.name, share(gate));
    let (champion, candidate) = (track.champion(), track.candidate());
    let advice = advice(track);
    match what {
        Blind::Candidate => {
            let reason = format!(
                "the candidate's answers cannot be judged by {name}, and those of {} can: {}, at a share of {share}; {advice}",
                other(gate),
                candidate.words()
            );
            match gate.plan.strategy {
                // Both are the same model there.
                Strategy::AA => inconclusive(reason),
                Strategy::Canary | Strategy::BlueGreen => fail(reason),
            }
        }
        Blind::Champion => inconclusive(format!(
            "{name} cannot judge the champion, so there is nothing to compare with: {}, at a share of {share}; {advice}",
            champion.words()
        )),
        Blind::Both => inconclusive(format!(
            "{name} can judge neither model, at a share of {share}: of the champion {}, of the candidate {}; {advice}",
            champion.words(),
            candidate.words()
        )),
        Blind::Labels => inconclusive(format!(
            "{name} cannot use the labels that come, at a share of {share}: {}; {advice}",
            champion.label_words()
        )),
    }
}

/// The champion's past shows that this canary would learn nothing: then it does not begin.
pub(crate) fn no_start(plan: &Plan, profile: &StreamProfile, stream: &str) -> Option<Outcome> {
    for (metric, profile) in plan.metrics.iter().zip(&profile.tracks) {
        let tally = Tally::of_past(metric, profile);
        if metric.role == Role::Critical && tally.is_blind() {
            return Some(inconclusive(format!(
                "{} cannot judge the champion, so there is nothing to compare with: {}; {}; nothing was begun",
                metric.name,
                tally.words(),
                advice_of(metric)
            )));
        }
    }
    let before = &profile.before;
    let reason = match before.no_start()? {
        NoStart::Unreadable => format!(
            "not one of the {} records of {stream}.labels is a label: {}",
            report::count(before.troubles.count()),
            before.troubles.words()
        ),
        NoStart::Unmet => format!(
            "of {} labels from before none met one of {} answers: {}",
            report::count(before.labels),
            report::count(before.predictions),
            ids(&before.answer_id, &before.label_id)
        ),
        NoStart::Late => format!(
            "every label from before came later than --label-wait of {}, half of them after {} or more: give \
             --label-wait={}s",
            span(plan.label_wait),
            span(Duration::from_millis(before.median_ms.unwrap_or(0))),
            before.slow_ms.unwrap_or(0).div_ceil(1_000) * 2
        ),
    };
    Some(inconclusive(format!("{reason}; nothing was begun")))
}

/// Labels are waited for in vain.
pub(crate) fn stalled(gate: &Gate, why: Stalled, now: Duration) -> Outcome {
    inconclusive(format!(
        "labels for what is answered cannot be expected, at a share of {}: {}",
        share(gate),
        why_stalled(gate, why, now)
    ))
}

/// The same for a warning, before the gate gives up.
pub(crate) fn why_stalled(gate: &Gate, why: Stalled, now: Duration) -> String {
    let meeting = &gate.meeting;
    let waited = span(meeting.waited(gate.unpaused(now)));
    let answers = report::count(meeting.answers);
    match why {
        Stalled::Unmet => format!(
            "in {waited} {} labels came for {answers} answers, and none met: {}",
            report::count(meeting.labels),
            ids(&meeting.answer_id, &meeting.label_id)
        ),
        Stalled::Unreadable => format!(
            "in {waited} {} records came on the labels topic for {answers} answers, and none is a label: {}",
            report::count(meeting.unreadable),
            gate.troubles.words()
        ),
        Stalled::Silent => format!(
            "in {waited} no label came for {answers} answers, though labels came before this canary; {}",
            match meeting.slow {
                Some(slow) => format!("of those 99 in 100 took {} at most", span(slow)),
                None => "look at what writes them".to_owned(),
            }
        ),
        Stalled::Expired => format!(
            "the first {} answers waited {} each (--label-wait) and not one met its label, while {} labels came too late \
             and {} met nothing: {}",
            report::count(gate.join.counts.missing),
            span(gate.plan.label_wait),
            report::count(gate.join.counts.late),
            report::count(gate.join.counts.unmatched + gate.join.labels_waiting() as u64),
            ids(&meeting.answer_id, &meeting.label_id)
        ),
    }
}

/// How a label finds its answer, with one id of each side.
fn ids(answer: &str, label: &str) -> String {
    let label = match label {
        "" => "no label was seen".to_owned(),
        label => format!("one label has the key `{label}`"),
    };
    format!("{RULE}; one prediction has the id `{answer}`, {label}")
}

/// What to judge such models by.
fn advice(track: &Track) -> String {
    advice_of(&track.metric)
}

fn advice_of(metric: &Metric) -> String {
    match (metric.of, metric.loss) {
        (Of::LabelErrors, _) => "it takes models that answer with a class, and labels that are whole numbers; one that \
             answers with a number is judged by a loss, such as --metrics='[{\"name\": \"error\", \"of\": \"loss\", \
             \"loss\": \"absolute-error\", \"margin\": 0.1, \"proof\": true}]'"
            .into(),
        (Of::Loss, Some(Loss::Logarithmic | Loss::Brier)) => "it takes scores from 0 to 1 and labels that are 0 or 1; \
             absolute-error and squared-error take any number"
            .into(),
        (Of::Loss | Of::Score, _) => "it takes answers with a finite score".into(),
        (Of::Latency, _) => {
            "it takes predictions with the header `took`, microseconds, which the scorer writes".into()
        }
        (Of::Failures | Of::Events | Of::Promql, _) => "look at the metric's source".into(),
    }
}
