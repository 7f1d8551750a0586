//! One metric on the report page: how it stands, and its rows beside its limits.

use report::{Check, Outcome, count, number, percent, plural};
use serde_json::Value;

use super::{real, total, whole};

/// What the evidence on a metric, or on one of its slices, comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Worse than is tolerated, proven.
    Harmful,
    /// Surely not worse than is tolerated, proven.
    Safe,
    /// There are answers that it could judge, and they prove neither.
    Open,
    /// There is nothing that it could judge.
    Blind,
}

/// How a metric stands.
pub(super) fn standing(details: &Value, metric: &Value) -> Standing {
    let view = &metric["view"];
    if view["harm"]["proven"] == true {
        return Standing::Harmful;
    }
    if judged(details, metric, "candidate") == 0 {
        return Standing::Blind;
    }
    if view["safe"]["proven"] == true { Standing::Safe } else { Standing::Open }
}

/// Answers of one model that the metric could judge.
fn judged(details: &Value, metric: &Value, variant: &str) -> u64 {
    let of = metric["of"].as_str().unwrap_or_default();
    if of == "promql" {
        return whole(&metric["answers"]["values"]);
    }
    if let Some(judged) = metric["judged"][variant]["judged"].as_u64() {
        return judged;
    }
    match of {
        "label-errors" | "loss" => total(details, variant, "labelled"),
        _ => total(details, variant, "records"),
    }
}

/// A row for the metric, and one for each slice.
pub(super) fn checks(details: &Value, metric: &Value) -> Vec<Check> {
    let name = metric["name"].as_str().unwrap_or_default();
    let mut checks = vec![whole_stream(details, metric, name)];
    for slice in metric["slices"].as_array().into_iter().flatten() {
        let of = slice["name"].as_str().unwrap_or_default();
        checks.push(one_slice(metric, &format!("{name}, {of}"), &slice["view"]));
    }
    checks
}

fn whole_stream(details: &Value, metric: &Value, name: &str) -> Check {
    let (view, needs_proof) = (&metric["view"], metric["proof"] == true);
    let informs = metric["role"] == "informative";
    let standing = standing(details, metric);
    let (value, outcome) = match standing {
        Standing::Harmful => (format!("{}; worse, proven", estimated(metric, view)), Outcome::Fail),
        Standing::Safe => {
            (format!("{}; {}, proven", estimated(metric, view), tolerated(metric)), Outcome::Pass)
        }
        Standing::Open if needs_proof => (
            format!("{}; {}", estimated(metric, view), possible(metric, view)),
            Outcome::Inconclusive,
        ),
        Standing::Open => (format!("{}; no harm proven", estimated(metric, view)), Outcome::Pass),
        Standing::Blind => ("no answer that it could judge".into(), Outcome::NotRun),
    };
    let threshold = match needs_proof {
        true => format!("{}, proven", tolerated(metric)),
        false => format!("{}, not proven otherwise", tolerated(metric)),
    };
    let mut note = vec![happened(details, metric, view)];
    note.extend(progress(view, standing, needs_proof));
    note.extend(unjudged(metric));
    if informs {
        note.push("for information, decides nothing".into());
    }
    Check::new(name, value, threshold, outcome).note(note.join("; "))
}

fn one_slice(metric: &Value, name: &str, view: &Value) -> Check {
    let events = real(&view["candidate"]) + real(&view["champion"]);
    let has_data = view["estimate"].is_number() || events > 0.0;
    let (value, outcome) = match (view["harm"]["proven"] == true, has_data) {
        (true, _) => (format!("{}; worse, proven", estimated(metric, view)), Outcome::Fail),
        (false, true) => (format!("{}; no harm proven", estimated(metric, view)), Outcome::Pass),
        (false, false) => ("nothing happened in it".into(), Outcome::NotRun),
    };
    let mut note = vec!["a slice, watched for harm alone".to_owned()];
    if !is_mean(metric) {
        note.insert(0, events_of(metric, view));
    }
    Check::new(name, value, format!("{}, not proven otherwise", tolerated(metric)), outcome)
        .note(note.join("; "))
}

pub(super) fn is_mean(metric: &Value) -> bool {
    matches!(metric["of"].as_str(), Some("loss" | "score"))
}

pub(super) fn is_asked(metric: &Value) -> bool {
    metric["of"] == "promql"
}

/// What was seen, in a word: a ratio of rates, a difference of means, a part of the answers.
fn estimated(metric: &Value, view: &Value) -> String {
    let Some(estimate) = view["estimate"].as_f64() else {
        return match real(&view["candidate"]) + real(&view["champion"]) {
            0.0 => "none of either model".into(),
            _ => "no ratio yet".into(),
        };
    };
    match (is_mean(metric), is_asked(metric)) {
        (true, _) => {
            format!("{} {}", number(estimate.abs()), if estimate < 0.0 { "less" } else { "more" })
        }
        (_, true) => percent(estimate),
        _ => format!("{} times", number(estimate)),
    }
}

/// The worst that the evidence leaves open, where nothing is proven.
fn possible(metric: &Value, view: &Value) -> String {
    let higher = metric["better"] == "higher";
    let (bound, word) =
        if higher { (&view["lower"], "as low as") } else { (&view["upper"], "as high as") };
    match (bound.as_f64(), is_mean(metric), is_asked(metric)) {
        (Some(bound), true, _) => format!("may be {word} {}", number(bound)),
        (Some(bound), _, true) => format!("may be {word} {}", percent(bound)),
        (Some(bound), ..) => format!("may be {word} {} times", number(bound)),
        (None, ..) => "no bound yet".into(),
    }
}

/// The bound that decides.
pub(super) fn tolerated(metric: &Value) -> String {
    let margin = real(&metric["margin"]);
    if is_asked(metric) {
        return format!("at most {} beyond the limit", percent(real(&metric["view"]["champion"])));
    }
    match metric["of"].as_str() {
        Some("score") => format!("at most {} up or down", number(margin)),
        Some("loss") => format!("at most {} more", number(margin)),
        _ if metric["better"] == "higher" => {
            format!("at least {} times the champion's rate", number(1.0 / (1.0 + margin)))
        }
        _ => format!("at most {} times the champion's rate", number(1.0 + margin)),
    }
}

/// What was seen, in numbers.
fn happened(details: &Value, metric: &Value, view: &Value) -> String {
    if is_asked(metric) {
        let answers = &metric["answers"];
        return format!(
            "{} of {} beyond the limit, {} without data",
            count(real(&view["candidate"]) as u64),
            plural(whole(&answers["values"]), "answer"),
            count(whole(&answers["without-data"]))
        );
    }
    if is_mean(metric) {
        let mean = |name: &str| view[name].as_f64().map_or_else(|| "none".into(), number);
        return format!("means: candidate {}, champion {}", mean("candidate"), mean("champion"));
    }
    let of = |variant: &str| {
        let events = real(&view[variant]).max(0.0) as u64;
        match judged(details, metric, variant) {
            0 => format!("{} of none", count(events)),
            all => format!("{} of {}", count(events), count(all)),
        }
    };
    format!("candidate {}, champion {}", of("candidate"), of("champion"))
}

fn events_of(metric: &Value, view: &Value) -> String {
    if is_asked(metric) {
        return String::new();
    }
    let of = |variant: &str| count(real(&view[variant]).max(0.0) as u64);
    format!("candidate {}, champion {}", of("candidate"), of("champion"))
}

/// How far the evidence is on the way to the proof that matters next.
fn progress(view: &Value, standing: Standing, needs_proof: bool) -> Option<String> {
    let part = |claim: &Value| Some(claim["log-e"].as_f64()? / claim["limit"].as_f64()?);
    let (claim, of) = match standing {
        Standing::Harmful => (&view["harm"], "harm"),
        Standing::Safe => (&view["safe"], "“not worse”"),
        Standing::Open if needs_proof => (&view["safe"], "“not worse”"),
        Standing::Open => (&view["harm"], "harm"),
        Standing::Blind => return None,
    };
    let part = part(claim)?.max(0.0);
    Some(format!(
        "evidence of {of}: {} of what a proof takes",
        percent((part * 100.0).round() / 100.0)
    ))
}

/// The candidate's answers that the metric could not judge, and why.
fn unjudged(metric: &Value) -> Option<String> {
    let tally = &metric["judged"]["candidate"];
    let reasons: Vec<String> = tally["not"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, many)| whole(many) > 0)
        .map(|(why, many)| format!("{} ({})", count(whole(many)), why.replace('-', " ")))
        .collect();
    let unfit = whole(&tally["unfit"]);
    match (reasons.is_empty(), unfit) {
        (true, 0) => None,
        (true, unfit) => {
            Some(format!("{} of the candidate could not be judged", plural(unfit, "answer")))
        }
        (false, _) => Some(format!("not judged of the candidate: {}", reasons.join(", "))),
    }
}
