//! One metric on the report page: its rows, its interval and its evidence over time.

use report::{Axis, Band, Check, LinePlot, Outcome, Series, Tone, count, number, percent};
use serde_json::Value;

use super::{bound, real, whole};

/// What the interval of a metric is of.
struct Kind {
    is_mean: bool,
    is_asked: bool,
    /// What is estimated, for people.
    estimate: &'static str,
}

fn kind(metric: &Value) -> Kind {
    match metric["of"].as_str().unwrap_or_default() {
        "loss" | "score" => Kind {
            is_mean: true,
            is_asked: false,
            estimate: "difference of the means, candidate less champion",
        },
        "promql" => Kind {
            is_mean: false,
            is_asked: true,
            estimate: "part of the answers beyond the limit",
        },
        _ => Kind {
            is_mean: false,
            is_asked: false,
            estimate: "rate of the candidate over that of the champion",
        },
    }
}

/// A row for harm, one for safety where a pass needs its proof, and one for each slice that says something.
pub(super) fn checks(metric: &Value) -> Vec<Check> {
    let (name, view) = (metric["name"].as_str().unwrap_or_default(), &metric["view"]);
    let informs = metric["role"] == "informative";
    let mut checks = vec![harm(name, metric, view, informs)];
    if metric["proof"] == true {
        checks.push(safe(name, metric, view));
    }
    for slice in metric["slices"].as_array().into_iter().flatten() {
        let of = slice["name"].as_str().unwrap_or_default();
        checks.push(harm(&format!("{name}, {of}"), metric, &slice["view"], informs));
    }
    checks
}

fn harm(name: &str, metric: &Value, view: &Value, informs: bool) -> Check {
    let proven = view["harm"]["proven"] == true;
    let outcome = match (proven, informs) {
        (true, true) => Outcome::Inconclusive,
        (proven, _) => Outcome::of(!proven),
    };
    let words = if informs { "for information" } else { "critical" };
    Check::new(
        format!("{name}: no proof of harm"),
        estimated(metric, view),
        tolerated(metric),
        outcome,
    )
    .note(format!("{words}; {}{}", happened(metric, view), evidence(&view["harm"], "harm")))
}

fn safe(name: &str, metric: &Value, view: &Value) -> Check {
    let proven = view["safe"]["proven"] == true;
    Check::new(
        format!("{name}: proof that it is not worse"),
        estimated(metric, view),
        format!("surely {}", tolerated(metric)),
        if proven { Outcome::Pass } else { Outcome::Inconclusive },
    )
    .note(format!("a pass needs it{}", evidence(&view["safe"], "safety")))
}

/// The estimate with its interval.
fn estimated(metric: &Value, view: &Value) -> String {
    let none = |low: bool| match (kind(metric).is_mean, low) {
        (true, true) => "−∞",
        (false, true) => "0",
        (_, false) => "∞",
    };
    let (lower, upper) = (bound(&view["lower"], none(true)), bound(&view["upper"], none(false)));
    let times = if kind(metric).is_mean || kind(metric).is_asked { "" } else { "×" };
    let estimate = view["estimate"].as_f64();
    let estimate = estimate.map_or("unknown".into(), |it| format!("{}{times}", number(it)));
    format!("{estimate} ({lower} to {upper})")
}

fn tolerated(metric: &Value) -> String {
    let margin = real(&metric["margin"]);
    if kind(metric).is_asked {
        return format!("at most {}", percent(real(&metric["view"]["champion"])));
    }
    match metric["of"].as_str() {
        Some("score") => format!("at most {} up or down", number(margin)),
        Some("loss") => format!("at most {} more", number(margin)),
        _ if metric["better"] == "higher" => format!("at least {}×", number(1.0 / (1.0 + margin))),
        _ => format!("at most {}×", number(1.0 + margin)),
    }
}

/// What was seen, in numbers.
fn happened(metric: &Value, view: &Value) -> String {
    if kind(metric).is_asked {
        let answers = &metric["answers"];
        return format!(
            "{} of {} answers beyond the limit, {} without data",
            count(real(&view["candidate"]) as u64),
            count(whole(&answers["values"])),
            count(whole(&answers["without-data"]))
        );
    }
    let (candidate, champion) = (real(&view["candidate"]), real(&view["champion"]));
    if kind(metric).is_mean {
        return format!("means: candidate {}, champion {}", number(candidate), number(champion));
    }
    format!(
        "{} of the candidate's, {} of the champion's",
        count(candidate as u64),
        count(champion as u64)
    )
}

fn evidence(claim: &Value, of: &str) -> String {
    match (claim["log-e"].as_f64(), claim["limit"].as_f64()) {
        (Some(log_e), Some(limit)) => {
            format!("; log evidence of {of} {}, {} is proof", number(log_e), number(limit))
        }
        _ => String::new(),
    }
}

/// The interval over time, and the evidence where it is an e-value.
pub(super) fn plots(details: &Value, metric: &Value, place: usize, verdict: &str) -> Vec<LinePlot> {
    let trace = details["trace"].as_array().map_or(&[][..], Vec::as_slice);
    let decided = real(&details["decided"]);
    let view = &metric["view"];
    if !kind(metric).is_mean && real(&view["candidate"]) + real(&view["champion"]) == 0.0 {
        // Nothing of the kind happened; two empty plots would say less than the row does.
        return Vec::new();
    }
    let views = || trace.iter().map(|point| (real(&point["at"]), &point["metrics"][place]));
    let mut plots = vec![interval(metric, views().collect(), decided, verdict)];
    let has_evidence = views().any(|(_, view)| view["harm"]["log-e"].is_number());
    if has_evidence {
        plots.push(e_values(metric, &views().collect::<Vec<_>>(), decided, verdict));
    }
    plots
}

fn interval(metric: &Value, views: Vec<(f64, &Value)>, decided: f64, verdict: &str) -> LinePlot {
    let Kind { is_mean, is_asked, estimate } = kind(metric);
    let name = metric["name"].as_str().unwrap_or_default();
    // A ratio of 4 and one of a quarter are as far from 1; what is beyond 30 is drawn at the edge.
    let ratio = !is_mean && !is_asked;
    let drawn = |value: Option<f64>, missing: f64| match (value, ratio) {
        (Some(value), true) => value.clamp(1.0 / 30.0, 30.0),
        (Some(value), false) => value,
        (None, true) => missing.clamp(1.0 / 30.0, 30.0),
        (None, false) => missing,
    };
    let known: Vec<(f64, &Value)> = views
        .into_iter()
        .filter(|(_, view)| ratio || view["lower"].is_number() && view["upper"].is_number())
        .collect();
    let band = known
        .iter()
        .map(|(at, view)| {
            (*at, drawn(view["lower"].as_f64(), 0.0), drawn(view["upper"].as_f64(), f64::MAX))
        })
        .collect();
    let line = known
        .iter()
        .filter_map(|(at, view)| Some((*at, drawn(Some(view["estimate"].as_f64()?), 0.0))))
        .collect();
    let mut axis = Axis::new(estimate);
    if ratio {
        axis = axis.log();
    }
    let margin = real(&metric["margin"]);
    let mut plot = LinePlot::new(format!("{name}: what is known"), Axis::new("time").unit("s"), axis)
        .caption("The band holds the true value at all times at once with 95 % confidence; it narrows as the stream answers.")
        .band(Band::new("95 % interval", band).tone(Tone::Candidate))
        .series(Series::new("estimate", line).tone(Tone::Candidate))
        .marker(decided, verdict);
    for (value, label) in match (metric["of"].as_str(), ratio) {
        _ if is_asked => vec![(real(&metric["view"]["champion"]), "tolerated")],
        (Some("score"), _) => vec![(margin, "tolerated"), (-margin, "tolerated")],
        (_, true) if metric["better"] == "higher" => vec![(1.0 / (1.0 + margin), "tolerated")],
        (_, true) => vec![(1.0 + margin, "tolerated")],
        _ => vec![(margin, "tolerated")],
    } {
        plot = plot.threshold(value, label);
    }
    plot
}

fn e_values(metric: &Value, views: &[(f64, &Value)], decided: f64, verdict: &str) -> LinePlot {
    let name = metric["name"].as_str().unwrap_or_default();
    let series = |title: &str, claim: &str, what: &str, tone| {
        let points = views.iter().map(|(at, view)| (*at, real(&view[claim][what]))).collect();
        Series::new(title, points).tone(tone)
    };
    let mut plot = LinePlot::new(
        format!("{name}: evidence"),
        Axis::new("time").unit("s"),
        Axis::new("natural logarithm of the e-value"),
    )
    .caption("A line that reaches its bound proves its claim, whenever it was looked at.")
    .series(series("harm", "harm", "log-e", Tone::Alarm))
    .series(series("bound of harm", "harm", "limit", Tone::Alarm).steps());
    if metric["proof"] == true {
        plot = plot
            .series(series("not worse", "safe", "log-e", Tone::Auto))
            .series(series("bound of not worse", "safe", "limit", Tone::Auto).steps());
    }
    plot.marker(decided, verdict)
}
