//! The tables of the report page.

use report::{Table, count, number, percent};
use serde_json::Value;

use super::{real, whole};

/// A row for each share.
pub(super) fn steps(details: &Value) -> Table {
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

/// How the evidence is weighed, what was foretold, what people said, the champion's past: each where there is any.
pub(super) fn others(details: &Value) -> Vec<Table> {
    let mut tables = vec![weighed(details)];
    let foreseen = &details["foreseen"];
    if foreseen.is_object() {
        let words = foreseen["words"].as_str().unwrap_or_default();
        let median = foreseen["median-seconds"].as_f64();
        tables.push(
            Table::new("Foretold before the first share", ["What", "Value"])
                .row(["chance of a decision".to_owned(), percent(real(&foreseen["decided"]))])
                .row([
                    "half of such canaries have decided after".to_owned(),
                    median
                        .map_or("more time than there is".into(), |it| format!("{} s", number(it))),
                ])
                .note(words),
        );
    }
    let said = details["said"].as_array().map_or(&[][..], Vec::as_slice);
    if !said.is_empty() {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let row = |table: Table, said: &Value| {
            let at = format!("{:.1} s", real(&said["at"]));
            table.row([at, text(&said["command"]), text(&said["by"]), text(&said["reason"])])
        };
        tables
            .push(said.iter().fold(Table::new("Said by people", ["At", "What", "By", "Why"]), row));
    }
    if details["baseline"].is_object() {
        tables.push(baseline(&details["baseline"]));
    }
    tables
}

fn weighed(details: &Value) -> Table {
    let columns = ["Metric", "Part of alpha", "each slice", "Counted", "Evidence divided by"];
    let table = Table::new("How the evidence is weighed", columns).note(format!(
        "All alarms together have a false-alarm rate of at most {}. {} labelled answers of the champion from before the canary \
         told how failures come; what they do not come alone for is divided out.",
        percent(real(&details["plan"]["alpha"])),
        count(whole(&details["learnt"]["answers"]))
    ));
    details["metrics"].as_array().into_iter().flatten().fold(table, |table, metric| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let alpha = &metric["alpha"];
        let slice = real(&alpha["slice"]);
        let part = if metric["role"] == "critical" {
            percent(real(&alpha["overall"]))
        } else {
            "none".into()
        };
        table.row([
            text(&metric["name"]),
            part,
            if slice > 0.0 { percent(slice) } else { "–".into() },
            metric["counted-by"].as_str().unwrap_or("–").to_owned(),
            number(real(&metric["view"]["dispersion"])),
        ])
    })
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

/// What became of all records that were read, and how to go over them again.
pub(super) fn records(details: &Value, record: &Value) -> Table {
    let (join, passed) = (&details["join"], &details["passed-over"]);
    let early: u64 = details["steps"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|step| whole(&step["too_early"]))
        .sum();
    let mut rows = vec![
        ("answers that met their label", whole(&join["met"])),
        ("answers whose label did not come in time", whole(&join["missing"])),
        ("labels that came too late", whole(&join["late"])),
        ("labels without an answer that counts", whole(&join["unmatched"])),
        ("dropped because too many waited", whole(&join["dropped"])),
        ("answers still waiting for their label", whole(&details["waiting"]["answers"])),
        ("labels still waiting for an answer", whole(&details["waiting"]["labels"])),
        ("answers from before all scorers had confirmed, or of the warm-up", early),
        ("answers under other routes", whole(&passed["foreign"])),
        ("answers without a label of their own", whole(&passed["without_label"])),
        ("failures that repeated one of the same key", whole(&details["repeated"])),
        ("unreadable", whole(&passed["unreadable"])),
    ];
    if details["slices"].is_object() {
        rows.push((
            "answers whose feature record is known, for their slice",
            whole(&details["slices"]["known"]),
        ));
        rows.push(("answers whose feature record is not", whole(&details["slices"]["unknown"])));
    }
    let read: Vec<String> = details["read"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(topic, window)| format!("{topic} {}", window.as_str().unwrap_or_default()))
        .collect();
    let step = record["step"].as_str().unwrap_or_default();
    rows.into_iter()
        .fold(Table::new("Records", ["What", "How many"]), |table, (what, many)| {
            table.row([what.to_owned(), count(many)])
        })
        .note(format!(
            "Read: {}. To reach this verdict again: {step} replay report.json --brokers=<brokers>.",
            read.join("; ")
        ))
}
