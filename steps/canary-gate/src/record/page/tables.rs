//! The tables of the report page.

use report::{Table, count, number, percent, plural, seconds};
use serde_json::Value;

use super::{after, real, summary, total, whole};

/// Who answered how much, and how well: the price of the canary beside what it is compared with.
pub(super) fn answers(details: &Value) -> Table {
    let columns =
        ["Model", "Records", "Labelled", "Wrong", "Share wrong", "Not answered", "Not judged"];
    let table = Table::new("Who answered what", columns).note(
        "A record counts for the model that its key drew, so an error of a fallback is the candidate's.",
    );
    let unjudged = summary::unjudged(details);
    [("Champion", "champion"), ("Candidate", "candidate")].into_iter().fold(
        table,
        |table, (shown, name)| {
            let [records, labelled, errors, fallbacks] =
                ["records", "labelled", "errors", "fallbacks"]
                    .map(|what| total(details, name, what));
            let wrong = match labelled {
                0 => "–".to_owned(),
                _ => percent(errors as f64 / labelled as f64),
            };
            let not_judged = if name == "candidate" { count(unjudged) } else { "–".to_owned() };
            table.row([
                shown.to_owned(),
                count(records),
                count(labelled),
                count(errors),
                wrong,
                count(fallbacks),
                not_judged,
            ])
        },
    )
}

/// A row for each share.
pub(super) fn steps(details: &Value) -> Table {
    let columns = [
        "Share",
        "In force after",
        "Confirmed by",
        "Champion: labelled",
        "wrong",
        "Candidate: labelled",
        "wrong",
        "Route generation",
    ];
    let table = Table::new("Shares", columns);
    details["steps"].as_array().into_iter().flatten().fold(table, |table, step| {
        let by = step["confirmed_by"].as_array().into_iter().flatten();
        let by: Vec<&str> = by.filter_map(Value::as_str).collect();
        let of = |variant: &str, what: &str| count(whole(&step[variant][what]));
        table.row([
            percent(real(&step["share"])),
            step["confirmed"].as_f64().map_or("never".into(), seconds),
            by.join(", "),
            of("champion", "labelled"),
            of("champion", "errors"),
            of("candidate", "labelled"),
            of("candidate", "errors"),
            whole(&step["generation"]).to_string(),
        ])
    })
}

/// How the evidence is weighed, what was forecast, what people said, the champion's past: each where there is any.
pub(super) fn others(details: &Value) -> Vec<Table> {
    let mut tables = vec![weighed(details)];
    let forecast = &details["foreseen"];
    if forecast.is_object() {
        let words = forecast["words"].as_str().unwrap_or_default();
        let median = forecast["median-seconds"].as_f64();
        tables.push(
            Table::new("Forecast before the first share", ["What", "Value"])
                .row(["chance of a decision".to_owned(), percent(real(&forecast["decided"]))])
                .row([
                    "half of such canaries have decided after".to_owned(),
                    median.map_or("more time than there is".into(), seconds),
                ])
                .note(words),
        );
    }
    let said = details["said"].as_array().map_or(&[][..], Vec::as_slice);
    if !said.is_empty() {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let row = |table: Table, said: &Value| {
            let at = after(said).map_or_else(|| text(&said["at"]), seconds);
            table.row([at, text(&said["command"]), text(&said["by"]), text(&said["reason"])])
        };
        tables.push(
            said.iter()
                .fold(Table::new("Commands of people", ["After", "Command", "By", "Why"]), row),
        );
    }
    if details["baseline"].is_object() {
        tables.push(baseline(&details["baseline"]));
    }
    tables
}

fn weighed(details: &Value) -> Table {
    let columns =
        ["Metric", "Its part of the rate", "Each slice", "Counted", "Evidence divided by"];
    let table = Table::new("How the evidence is weighed", columns).note(format!(
        "All alarms together have a false-alarm rate of at most {}. How failures come was learnt from {} of the champion from \
         before the canary; where they come in clusters, the evidence is divided by how much that makes it vary.",
        percent(real(&details["plan"]["alpha"])),
        plural(whole(&details["learnt"]["answers"]), "labelled answer")
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
        ("records of the labels topic that are no label", unreadable_labels(details)),
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
    rows.retain(|(what, many)| *many > 0 || what.starts_with("answers that met"));
    let step = record["step"].as_str().unwrap_or_default();
    rows.into_iter()
        .fold(Table::new("Records", ["What", "How many"]), |table, (what, many)| {
            table.row([what.to_owned(), count(many)])
        })
        .note(format!(
            "Kinds with a count of 0 are left out. Read: {}. To reach this verdict again: {step} replay report.json \
             --brokers=<brokers>.",
            read.join("; ")
        ))
}

fn unreadable_labels(details: &Value) -> u64 {
    let counts = details["unreadable-labels"].as_object().into_iter().flatten();
    counts.map(|(_, many)| many.as_u64().unwrap_or_else(|| whole(&many["count"]))).sum()
}
