//! The outcome of a run: reason, event, outputs and decision record.

use std::collections::BTreeMap;

use contract::results::types::drift::{ABSENT, DETECTED, NOT_RECORDED, RECORDED, UNDECIDED};
use contract::results::{Baseline, Drift, Moved, Since, offsets, ranges};
use contract::{Context, Outcome, Subject, Verdict};
use kafka::Window;
use report::{count, number};

use crate::Args;
use crate::judge::{Judged, Judgement};
use crate::page;
use crate::profile::Profile;
use crate::record::{Details, Found};
use crate::sample::Sample;

/// More features than this are counted in the reason, not named; the event names all.
const MAX_NAMED: usize = 3;

/// What was judged, by what.
pub(crate) struct Run<'a> {
    pub(crate) context: &'a Context,
    pub(crate) args: &'a Args,
    pub(crate) baseline: &'a Profile,
    pub(crate) sample: &'a Sample,
    pub(crate) window: &'a Window,
}

/// A window was judged.
pub(crate) fn judged(
    run: &Run<'_>,
    judgement: Judgement,
    baseline_digest: String,
    inputs: BTreeMap<String, String>,
) -> Outcome {
    let Run { context, sample, window, .. } = run;
    let drifted = judgement.moved().next().is_some();
    let names: Vec<&str> = judgement.moved().map(|feature| feature.name.as_str()).collect();
    let names = names.join(",");
    let since = judgement.since();
    let since_output: Vec<String> =
        since.iter().map(|(partition, offset)| format!("{partition}:{offset}")).collect();
    let topic = crate::sample::topic(context);
    let result = Drift {
        judged: judgement.features.len() as u64,
        moved: judgement.farthest().into_iter().map(|it| in_event(it, &topic)).collect(),
        since: offsets(&topic, since),
        ..drift(run, &baseline_digest)
    };
    let reason = reason(&judgement, &since_output);
    let details = Details::new(Some(window), sample, Found::Judgement(judgement));
    let (details, page) = contract::record::drawn(details, page::render);
    Outcome {
        verdict: if drifted { Verdict::Fail } else { Verdict::Pass },
        reason,
        event: Subject::new(
            if drifted { DETECTED } else { ABSENT },
            &context.common.stream,
            &result,
        ),
        outputs: BTreeMap::from([
            ("features", names),
            ("since", since_output.join(",")),
            ("window", window.to_string()),
            ("baseline-digest", baseline_digest),
        ]),
        inputs,
        details,
        page,
    }
}

/// A baseline profile was made.
pub(crate) fn recorded(
    context: &Context,
    args: &Args,
    profile: &Profile,
    digest: String,
    inputs: BTreeMap<String, String>,
    sample: &Sample,
    window: Option<&Window>,
) -> Outcome {
    let fields = profile.features.len();
    let reason = format!("baseline of {fields} features from {} records", count(profile.records));
    let details = Details::new(window, sample, Found::from(profile));
    let result = Baseline {
        baseline: Some(digest.clone()),
        features: fields as u64,
        ..baseline(context, args, sample, window)
    };
    let (details, page) = contract::record::drawn(details, page::render);
    Outcome {
        verdict: Verdict::Pass,
        reason,
        event: Subject::new(RECORDED, &context.common.stream, &result),
        outputs: BTreeMap::from([("window", text(window)), ("baseline-digest", digest)]),
        inputs,
        details,
        page,
    }
}

/// The event of a window that could not be judged.
pub(crate) fn not_judged(run: &Run<'_>, baseline_digest: &str) -> Subject {
    Subject::new(UNDECIDED, &run.context.common.stream, &drift(run, baseline_digest))
}

/// The event of a baseline that could not be recorded.
pub(crate) fn not_recorded(
    context: &Context,
    args: &Args,
    sample: &Sample,
    window: Option<&Window>,
) -> Subject {
    let result = baseline(context, args, sample, window);
    Subject::new(NOT_RECORDED, &context.common.stream, &result)
}

/// There was too little to judge or to record.
pub(crate) fn undecided(
    event: Subject,
    reason: String,
    inputs: BTreeMap<String, String>,
    sample: &Sample,
    window: Option<&Window>,
) -> Outcome {
    let details = Details::new(window, sample, Found::TooLittle);
    let (details, page) = contract::record::drawn(details, page::render);
    Outcome {
        verdict: Verdict::Inconclusive,
        reason,
        event,
        outputs: BTreeMap::from([("window", text(window))]),
        inputs,
        details,
        page,
    }
}

/// What a run says before anything is judged.
fn drift(run: &Run<'_>, baseline_digest: &str) -> Drift {
    Drift {
        window: ranges(&crate::sample::topic(run.context), run.window),
        records: run.sample.readable(),
        unreadable: run.sample.unreadable.count,
        baseline: baseline_digest.to_owned(),
        baseline_records: run.baseline.records,
        min_records: run.args.min_records,
        judged: 0,
        moved: Vec::new(),
        since: Vec::new(),
    }
}

/// What is said of a baseline before it is made.
fn baseline(context: &Context, args: &Args, sample: &Sample, window: Option<&Window>) -> Baseline {
    let topic = crate::sample::topic(context);
    Baseline {
        baseline: None,
        window: window.map(|window| ranges(&topic, window)).unwrap_or_default(),
        records: sample.readable(),
        unreadable: sample.unreadable.count,
        min_records: args.min_records,
        features: 0,
    }
}

fn text(window: Option<&Window>) -> String {
    window.map(ToString::to_string).unwrap_or_default()
}

/// A moved feature as the event names it.
fn in_event(feature: &Judged, topic: &str) -> Moved {
    let since = feature.since.iter().map(|since| Since {
        topic: topic.to_owned(),
        partition: since.partition,
        offset: since.offset,
        located: since.located,
    });
    Moved {
        name: feature.name.clone(),
        ks: feature.ks,
        ks_limit: feature.ks_limit,
        psi: feature.psi,
        psi_limit: feature.psi_limit,
        mean_shift: feature.mean_shift,
        since: since.collect(),
    }
}

fn reason(judgement: &Judgement, since: &[String]) -> String {
    let total = judgement.features.len();
    let over = format!("over {} records", count(judgement.records));
    let moved = judgement.farthest();
    if moved.is_empty() {
        let largest = |value: fn(&Judged) -> f64| {
            number(judgement.features.iter().map(value).fold(0.0, f64::max))
        };
        return format!(
            "0 of {total} features moved {over}: KS at most {}, PSI at most {}",
            largest(|feature| feature.ks),
            largest(|feature| feature.psi)
        );
    }
    let named: Vec<String> = moved.iter().take(MAX_NAMED).map(|feature| named(feature)).collect();
    let more = match moved.len().saturating_sub(MAX_NAMED) {
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
            shape: None,
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
                "0 of 2 features moved over 5,000 records: KS at most 0.04, PSI at most 0.05",
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
