//! How a run is told: reason, event, outputs and decision record.

use std::collections::BTreeMap;

use contract::kafka::Window;
use contract::{Context, EventType, Outcome, Subject, Verdict};
use report::{count, number};
use serde_json::{Value, json};

use crate::judge::{Judged, Judgement};
use crate::page::{self, View};
use crate::profile::Profile;
use crate::sample::Sample;
use crate::{ABSENT, DETECTED, RECORDED};

/// More features than this are counted in the reason, not named; the event names all.
const MOST_NAMED: usize = 3;

/// A window was judged.
pub(crate) fn judged(
    context: &Context,
    judgement: Judgement,
    baseline: &Profile,
    baseline_digest: String,
    inputs: BTreeMap<String, String>,
    sample: &Sample,
    window: &Window,
) -> Outcome {
    let drifted = judgement.moved().next().is_some();
    let names: Vec<&str> = judgement.moved().map(|feature| feature.name.as_str()).collect();
    let since: BTreeMap<String, i64> = judgement
        .since()
        .into_iter()
        .map(|(partition, offset)| (partition.to_string(), offset))
        .collect();
    let since_output: Vec<String> =
        since.iter().map(|(partition, offset)| format!("{partition}:{offset}")).collect();
    let moved: Vec<Value> = judgement.moved().map(told).collect();
    let view = View::of(baseline, &judgement, sample);
    Outcome {
        verdict: if drifted { Verdict::Fail } else { Verdict::Pass },
        reason: reason(&judgement, &since_output),
        event: Subject {
            event: if drifted { DETECTED } else { ABSENT },
            id: context.common.stream.clone(),
            content: json!({
                "topic": crate::sample::topic(context), "window": window.to_string(),
                "baseline": baseline_digest, "records": judgement.records,
                "unreadable": sample.unreadable.count, "features": moved, "since": since,
            }),
        },
        outputs: BTreeMap::from([
            ("features", names.join(",")),
            ("since", since_output.join(",")),
            ("window", window.to_string()),
            ("baseline-digest", baseline_digest),
        ]),
        inputs,
        details: json!({
            "window": window, "unreadable": sample.unreadable, "judgement": judgement,
            "since": since,
        }),
        page: Box::new(move |record| page::judged(record, &view)),
    }
}

/// A baseline profile was made.
pub(crate) fn recorded(
    context: &Context,
    profile: &Profile,
    digest: String,
    inputs: BTreeMap<String, String>,
    sample: &Sample,
    window: Option<&Window>,
) -> Outcome {
    let fields = profile.features.len();
    let reason = format!("baseline of {fields} features from {} records", count(profile.records));
    let profile = profile.clone();
    Outcome {
        verdict: Verdict::Pass,
        reason,
        event: Subject {
            event: RECORDED,
            id: context.common.stream.clone(),
            content: json!({
                "baseline": digest, "window": profile.window, "records": profile.records,
                "unreadable": profile.unreadable,
            }),
        },
        outputs: BTreeMap::from([("window", text(window)), ("baseline-digest", digest)]),
        inputs,
        details: json!({ "window": window, "unreadable": sample.unreadable, "fields": fields }),
        page: Box::new(move |record| page::recorded(record, &profile)),
    }
}

/// There was too little to judge or to record.
pub(crate) fn undecided(
    event: EventType,
    context: &Context,
    reason: String,
    inputs: BTreeMap<String, String>,
    sample: &Sample,
    window: Option<&Window>,
) -> Outcome {
    let readable = sample.readable();
    Outcome {
        verdict: Verdict::Inconclusive,
        reason: reason.clone(),
        event: Subject {
            event,
            id: context.common.stream.clone(),
            content: json!({
                "window": window.map(ToString::to_string), "records": readable,
                "unreadable": sample.unreadable.count,
            }),
        },
        outputs: BTreeMap::from([("window", text(window))]),
        inputs,
        details: json!({
            "window": window, "records": readable, "unreadable": sample.unreadable,
        }),
        page: Box::new(page::undecided),
    }
}

fn text(window: Option<&Window>) -> String {
    window.map(ToString::to_string).unwrap_or_default()
}

/// A moved feature as the event names it.
fn told(feature: &Judged) -> Value {
    json!({
        "name": feature.name, "ks": feature.ks, "ks-limit": feature.ks_limit,
        "psi": feature.psi, "psi-limit": feature.psi_limit, "mean-shift": feature.mean_shift,
        "since": feature.since,
    })
}

fn reason(judgement: &Judgement, since: &[String]) -> String {
    let total = judgement.features.len();
    let over = format!("over {} records", count(judgement.records));
    let mut moved: Vec<&Judged> = judgement.moved().collect();
    if moved.is_empty() {
        let largest = |value: fn(&Judged) -> f64| {
            number(judgement.features.iter().map(value).fold(0.0, f64::max))
        };
        return format!(
            "none of {total} features moved {over}: KS at most {}, PSI at most {}",
            largest(|feature| feature.ks),
            largest(|feature| feature.psi)
        );
    }
    moved.sort_by(|one, other| other.excess().total_cmp(&one.excess()));
    let named: Vec<String> = moved.iter().take(MOST_NAMED).map(|feature| named(feature)).collect();
    let more = match moved.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(
        "{} of {total} features moved {over}: {}{more}; since {}",
        moved.len(),
        named.join(", "),
        since.join(", ")
    )
}

fn named(feature: &Judged) -> String {
    let (ks, ks_limit) = (number(feature.ks), number(feature.ks_limit));
    let (psi, psi_limit) = (number(feature.psi), number(feature.psi_limit));
    format!("{} (KS {ks}, limit {ks_limit}; PSI {psi}, limit {psi_limit})", feature.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feature(name: &str, ks: f64) -> Judged {
        Judged {
            name: name.into(),
            moved: ks > 0.1,
            ks,
            ks_limit: 0.1,
            ks_p: 0.5,
            ks_at: 0.0,
            psi: 0.05,
            psi_limit: 0.1,
            jensen_shannon: 0.0,
            baseline_mean: 0.0,
            mean: 0.0,
            mean_shift: None,
            stretches: Vec::new(),
            since: Vec::new(),
        }
    }

    fn judgement(features: &[(&str, f64)]) -> Judgement {
        Judgement {
            records: 5000,
            baseline_records: 9000,
            alpha_each: 0.001,
            features: features.iter().map(|(name, ks)| feature(name, *ks)).collect(),
        }
    }

    #[test]
    fn a_reason_names_the_worst_features_first() {
        let since = ["0:7".to_owned()];
        for (features, expected) in [
            (
                &[("a", 0.02), ("b", 0.04)][..],
                "none of 2 features moved over 5,000 records: KS at most 0.04, PSI at most 0.05",
            ),
            (
                &[("a", 0.02), ("b", 0.4)][..],
                "1 of 2 features moved over 5,000 records: b (KS 0.4, limit 0.1; PSI 0.05, limit 0.1); since 0:7",
            ),
        ] {
            assert_eq!(reason(&judgement(features), &since), expected);
        }
        let many = [("a", 0.2), ("b", 0.6), ("c", 0.3), ("d", 0.5), ("e", 0.4)];
        let reason = reason(&judgement(&many), &since);
        assert!(
            reason.contains("records: b (")
                && reason.contains("e (")
                && reason.contains("and 2 more")
        );
        assert!(!reason.contains("a ("));
    }
}
