//! The report page: shares and evidence over time, values beside thresholds, a row for each share.

use report::{Axis, Check, LinePlot, Outcome, Page, Series, Table, Tone, count, number, percent};
use serde_json::Value;

/// Renders the decision record.
pub(crate) fn render(record: &Value) -> String {
    let details = &record["details"];
    let mut page = Page::of_record("Canary", record);
    if details["steps"].as_array().is_none_or(Vec::is_empty) {
        return page.render();
    }
    for check in checks(details) {
        page = page.check(check);
    }
    let verdict = record["verdict"].as_str().unwrap_or("inconclusive");
    page =
        page.plot(shares(details, verdict)).plot(evidence(details, verdict)).table(steps(details));
    if details["baseline"].is_object() {
        page = page.table(baseline(&details["baseline"]));
    }
    page.table(records(details)).render()
}

fn checks(details: &Value) -> Vec<Check> {
    let evidence = &details["evidence"];
    let harm = |name: &str, key: &str| {
        let test = &evidence[key];
        let (peak, limit) = (real(&test["peak"]), real(&test["limit"]));
        let threshold = format!("below {}", number(limit));
        Check::new(name, number(peak), threshold, Outcome::of(peak < limit)).note(format!(
            "{} of the candidate's, {} of the champion's",
            count(whole(&test["candidate-events"])),
            count(whole(&test["champion-events"]))
        ))
    };
    let safe = &evidence["label-safe"];
    let (peak, limit) = (real(&safe["peak"]), real(&safe["limit"]));
    let proven = if peak >= limit { Outcome::Pass } else { Outcome::Inconclusive };
    let margin = percent(real(&details["plan"]["margin"]));
    let (lowest, asked) = least(details);
    vec![
        harm("Evidence of harm: label errors", "label-harm"),
        harm("Evidence of harm: failures to answer", "failure-harm"),
        Check::new(
            "Evidence that it is not worse",
            number(peak),
            format!("at least {}", number(limit)),
            proven,
        )
        .note(format!("not worse: label errors at most {margin} more often than the champion's")),
        Check::new(
            "Labelled answers of each model at the last share",
            count(lowest),
            format!("at least {}", count(asked)),
            if lowest >= asked { Outcome::Pass } else { Outcome::Inconclusive },
        ),
    ]
}

fn least(details: &Value) -> (u64, u64) {
    let last = details["steps"].as_array().and_then(|steps| steps.last());
    let labelled = |variant: &str| last.map_or(0, |step| whole(&step[variant]["labelled"]));
    (labelled("champion").min(labelled("candidate")), whole(&details["plan"]["min_records"]))
}

fn shares(details: &Value, verdict: &str) -> LinePlot {
    let steps = details["steps"].as_array().map_or(&[][..], Vec::as_slice);
    let decided = real(&details["decided"]);
    let mut points = vec![(0.0, 0.0)];
    points.extend(steps.iter().map(|step| (real(&step["written"]), real(&step["share"]))));
    let last = points.last().map_or(0.0, |point| point.1);
    let mut end = decided;
    if details["withdrawn"].is_object() {
        end += real(&details["withdrawn"]["written_after"]);
        points.push((end, 0.0));
    } else {
        points.push((end, last));
    }
    // A little beyond, so that the last level is seen.
    points.push((end * 1.02, points.last().map_or(0.0, |point| point.1)));
    let axis = Axis::new("share of the keys").percent();
    let mut plot = LinePlot::new("Share of the candidate", Axis::new("time").unit("s"), axis)
        .caption("Each level is a route generation; its answers count once every live scorer has confirmed it (dotted).")
        .series(Series::new("share", points).steps().tone(Tone::Candidate))
        .marker(decided, verdict);
    for step in steps {
        if let Some(at) = step["confirmed"].as_f64() {
            plot = plot.marker(at, "");
        }
    }
    plot
}

fn evidence(details: &Value, verdict: &str) -> LinePlot {
    let trace = details["trace"].as_array().map_or(&[][..], Vec::as_slice);
    let series = |name: &str, key: &str, tone| {
        let points = trace.iter().map(|point| (real(&point["at"]), real(&point[key]))).collect();
        Series::new(name, points).tone(tone)
    };
    let limit = |key: &str| real(&details["evidence"][key]["limit"]);
    LinePlot::new(
        "Evidence",
        Axis::new("time").unit("s"),
        Axis::new("natural logarithm of the e-value"),
    )
    .caption("A line that reaches its limit proves its claim, whenever it was looked at.")
    .series(series("harm: label errors", "label_harm", Tone::Alarm))
    .series(series("not worse", "label_safe", Tone::Auto))
    .series(series("harm: failures to answer", "failure_harm", Tone::Auto))
    .threshold(limit("label-harm"), "harm")
    .threshold(limit("label-safe"), "not worse")
    .marker(real(&details["decided"]), verdict)
}

fn steps(details: &Value) -> Table {
    let columns = [
        "Share",
        "Generation",
        "Written",
        "Confirmed",
        "By",
        "Champion labelled",
        "errors",
        "Candidate labelled",
        "errors",
        "fallbacks",
    ];
    let mut table = Table::new("Shares", columns).note(
        "A record counts for the model that its key drew, so an error of a fallback is the candidate's.",
    );
    for step in details["steps"].as_array().into_iter().flatten() {
        let by = step["confirmed_by"].as_array().into_iter().flatten();
        let by: Vec<&str> = by.filter_map(Value::as_str).collect();
        let of = |variant: &str, what: &str| count(whole(&step[variant][what]));
        let at = |name: &str| step[name].as_f64().map_or("never".into(), |at| format!("{at:.2} s"));
        table = table.row([
            percent(real(&step["share"])),
            whole(&step["generation"]).to_string(),
            at("written"),
            at("confirmed"),
            by.join(", "),
            of("champion", "labelled"),
            of("champion", "errors"),
            of("candidate", "labelled"),
            of("candidate", "errors"),
            of("candidate", "fallbacks"),
        ]);
    }
    table
}

fn baseline(baseline: &Value) -> Table {
    let text = |name: &str| baseline[name].as_str().unwrap_or_default().to_owned();
    let rows = [
        ("labelled answers that the champion gave before the switch", "answers"),
        ("of these wrong", "errors"),
        ("of these compared with an answer of the candidate", "compared"),
    ];
    rows.into_iter()
        .fold(Table::new("The champion's past", ["What", "How many"]), |table, (what, name)| {
            table.row([what.to_owned(), count(whole(&baseline[name]))])
        })
        .note(format!(
            "Read: predictions {}; labels {}. The comparison assumes that {}.",
            text("predictions"),
            text("labels"),
            text("assumes")
        ))
}

fn records(details: &Value) -> Table {
    let (join, passed) = (&details["join"], &details["passed-over"]);
    let early: u64 = details["steps"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|step| whole(&step["too_early"]))
        .sum();
    let rows = [
        ("answers that met their label", whole(&join["met"])),
        ("answers whose label did not come in time", whole(&join["missing"])),
        ("labels that came too late", whole(&join["late"])),
        ("labels without an answer that counts", whole(&join["unmatched"])),
        ("dropped because too many waited", whole(&join["dropped"])),
        ("answers still waiting for their label", whole(&details["waiting"]["answers"])),
        ("labels still waiting for an answer", whole(&details["waiting"]["labels"])),
        ("answers from before all scorers had confirmed", early),
        ("answers under other routes", whole(&passed["foreign"])),
        ("answers without a label of their own", whole(&passed["without_label"])),
        ("failures that repeated one of the same key", whole(&details["evidence"]["repeated"])),
        ("unreadable", whole(&passed["unreadable"])),
    ];
    let read = &details["read"];
    let range = |name: &str| read[name].as_str().unwrap_or_default().to_owned();
    rows.into_iter()
        .fold(Table::new("Records", ["What", "How many"]), |table, (what, many)| {
            table.row([what.to_owned(), count(many)])
        })
        .note(format!("Read: predictions {}; labels {}.", range("predictions"), range("labels")))
}

fn real(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn whole(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}
