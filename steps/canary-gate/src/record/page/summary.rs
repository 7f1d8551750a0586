//! What one glance has to take in: what was decided and by which metric, how sure, and at what price in records.

use report::{Page, count, number, percent, plural, seconds};
use serde_json::Value;

use super::metric::{Standing, standing, tolerated};
use super::{real, total, whole};

pub(super) fn figures(page: Page, record: &Value) -> Page {
    let details = &record["details"];
    let metrics = details["metrics"].as_array().map_or(&[][..], Vec::as_slice);
    let critical = || metrics.iter().filter(|metric| metric["role"] != "informative");
    let verdict = record["verdict"].as_str().unwrap_or_default();
    let decided: Vec<&Value> = match verdict {
        "fail" => critical().filter(|metric| harmful_part(metric).is_some()).take(1).collect(),
        "pass" => critical()
            .filter(|metric| metric["proof"] == true && standing(details, metric) == Standing::Safe)
            .collect(),
        _ => Vec::new(),
    };
    let (value, note) = decision(verdict, &decided, details);
    let page = page.figure("Decision", value, note);
    let (value, note) = sureness(verdict, &decided, details, critical().count());
    let page = page.figure("How sure", value, note);
    let (value, note) = price(details);
    page.figure("Price in records", value, note)
}

/// The name of what of a metric proves harm: the metric itself, or one of its slices.
fn harmful_part(metric: &Value) -> Option<String> {
    let name = metric["name"].as_str().unwrap_or_default();
    if metric["view"]["harm"]["proven"] == true {
        return Some(name.to_owned());
    }
    let slices = metric["slices"].as_array().into_iter().flatten();
    let mut harmful = slices.filter(|slice| slice["view"]["harm"]["proven"] == true);
    harmful.next().map(|slice| format!("{name}, {}", slice["name"].as_str().unwrap_or_default()))
}

fn decision(verdict: &str, decided: &[&Value], details: &Value) -> (String, String) {
    let share = details["steps"].as_array().and_then(|steps| steps.last());
    let share = percent(share.map_or(0.0, |step| real(&step["share"])));
    let after = details["decided"].as_f64().map(seconds);
    let when = after.map_or_else(String::new, |after| format!(" after {after}"));
    match (verdict, decided) {
        ("fail", [metric]) => (
            "Harm proven".into(),
            format!("by {} at a share of {share}{when}", harmful_part(metric).unwrap_or_default()),
        ),
        ("fail", _) => (
            "Stopped".into(),
            format!("at a share of {share}{when}; not by a metric's proof of harm"),
        ),
        ("pass", []) => (
            "No harm seen".into(),
            format!(
                "up to a share of {share}{when}; that it is not worse was not asked to be proven"
            ),
        ),
        ("pass", metrics) => {
            let names: Vec<&str> =
                metrics.iter().filter_map(|metric| metric["name"].as_str()).collect();
            (
                "Not worse, proven".into(),
                format!("by {} up to a share of {share}{when}", names.join(" and ")),
            )
        }
        _ => (
            "Nothing proven".into(),
            format!(
                "neither harm nor that the candidate is not worse, up to a share of {share}{when}"
            ),
        ),
    }
}

fn sureness(
    verdict: &str,
    decided: &[&Value],
    details: &Value,
    critical: usize,
) -> (String, String) {
    let alpha = real(&details["plan"]["alpha"]);
    let sure = format!("{} sure", percent(1.0 - alpha));
    match (verdict, decided) {
        ("fail", [_]) => {
            let of = if critical > 1 { "all metrics together alarm" } else { "the gate alarms" };
            (
                sure,
                format!(
                    "for a candidate that is not worse {of} in at most {} of such canaries",
                    percent(alpha)
                ),
            )
        }
        ("pass", [metric, ..]) => {
            let bound = tolerated(metric);
            (
                sure,
                format!(
                    "one-sided: {bound}; a candidate beyond that passes in at most {} of such canaries",
                    percent(alpha)
                ),
            )
        }
        ("pass", []) => ("Not measured".into(), "the absence of harm was seen, not proven".into()),
        _ => {
            let open = details["metrics"].as_array().into_iter().flatten();
            let needs = open.filter(|metric| metric["proof"] == true);
            let furthest = needs
                .filter_map(|metric| {
                    let claim = &metric["view"]["safe"];
                    Some(claim["log-e"].as_f64()? / claim["limit"].as_f64()?)
                })
                .fold(None, |least: Option<f64>, part| Some(least.map_or(part, |it| it.min(part))));
            match furthest {
                Some(part) if part > 0.0 => (
                    percent((part * 100.0).round() / 100.0),
                    "of the evidence that a proof of “not worse” takes".into(),
                ),
                _ => ("Not at all".into(), "the records say nothing for “not worse”".into()),
            }
        }
    }
}

/// How many records the candidate answered, how many wrongly, how many were labelled, and what that cost.
fn price(details: &Value) -> (String, String) {
    let [records, labelled, errors, fallbacks] = ["records", "labelled", "errors", "fallbacks"]
        .map(|what| total(details, "candidate", what));
    let (others, other_errors) =
        (total(details, "champion", "labelled"), total(details, "champion", "errors"));
    let mut parts = vec![match labelled {
        0 => "no label came for them".to_owned(),
        _ => format!(
            "{} labelled, {} wrong ({})",
            count(labelled),
            count(errors),
            percent(errors as f64 / labelled as f64)
        ),
    }];
    if labelled > 0 && others > 0 {
        let rate = other_errors as f64 / others as f64;
        let more = errors as f64 - rate * labelled as f64;
        parts.push(match more.abs() < 0.5 {
            true => "as many as the champion’s rate gives".to_owned(),
            false => format!(
                "about {} {} than at the champion’s rate of {}",
                number(more.abs().round()),
                if more > 0.0 { "more" } else { "fewer" },
                percent(rate)
            ),
        });
    }
    if fallbacks > 0 {
        parts.push(format!("{} not answered by it, so the champion did", count(fallbacks)));
    }
    let unjudged = unjudged(details);
    if unjudged > 0 {
        parts.push(format!("{} could not be judged", count(unjudged)));
    }
    (plural(records, "record"), format!("fell to the candidate: {}", parts.join("; ")))
}

/// The most answers of the candidate that one metric could not judge.
pub(super) fn unjudged(details: &Value) -> u64 {
    let metrics = details["metrics"].as_array().into_iter().flatten();
    let of = |metric: &Value| {
        let tally = &metric["judged"]["candidate"];
        let not: u64 =
            tally["not"].as_object().into_iter().flatten().map(|(_, many)| whole(many)).sum();
        not.max(whole(&tally["unfit"]))
    };
    metrics.map(of).max().unwrap_or(0)
}
