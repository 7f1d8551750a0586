//! The tables of the report page.

use report::{Table, count, number, percent, plural, seconds};

use super::{Shown, summary};
use crate::decision_record::details::{BASELINE_ASSUMES, Baseline, Canary, Metric};
use crate::policy::command::Asked;
use crate::policy::forecast::Forecast;
use crate::policy::metrics::spec::Role;

/// Who answered how much, and how well: the price of the canary beside what it is compared with.
pub(super) fn answers(canary: &Canary) -> Table {
    let columns =
        ["Model", "Records", "Labelled", "Wrong", "Share wrong", "Not answered", "Not judged"];
    let table = Table::new("Who answered what", columns).note(
        "A record counts for the model that its key was assigned to, so an error of a fallback is the candidate's.",
    );
    let (champion, candidate) = canary.totals();
    let unjudged = count(summary::unjudged(canary));
    let rows = [("Champion", champion, "–".to_owned()), ("Candidate", candidate, unjudged)];
    rows.into_iter().fold(table, |table, (shown, counts, unjudged)| {
        let wrong = match counts.labelled {
            0 => "–".to_owned(),
            labelled => percent(counts.errors as f64 / labelled as f64),
        };
        table.row([
            shown.to_owned(),
            count(counts.records),
            count(counts.labelled),
            count(counts.errors),
            wrong,
            count(counts.fallbacks),
            unjudged,
        ])
    })
}

/// A row for each share.
pub(super) fn steps(canary: &Canary) -> Table {
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
    canary.steps.iter().fold(Table::new("Shares", columns), |table, step| {
        table.row([
            percent(step.share),
            step.confirmed.map_or("never".into(), seconds),
            step.confirmed_by.join(", "),
            count(step.champion.labelled),
            count(step.champion.errors),
            count(step.candidate.labelled),
            count(step.candidate.errors),
            step.generation.to_string(),
        ])
    })
}

/// How the evidence is weighed, what was forecast, what people asked for, the champion's past: each where there is any.
pub(super) fn others(shown: &Shown<'_>) -> Vec<Table> {
    let canary = shown.canary;
    let mut tables = vec![weighed(shown)];
    tables.extend(canary.forecast.as_ref().map(forecast));
    if !canary.commands.is_empty() {
        tables.push(commands(&canary.commands));
    }
    tables.extend(canary.baseline.as_ref().map(baseline));
    tables
}

fn forecast(forecast: &Forecast) -> Table {
    let median = forecast.median_seconds;
    Table::new("Forecast before the first share", ["What", "Value"])
        .row(["chance of a decision".to_owned(), percent(forecast.decided)])
        .row([
            "half of such canaries have decided after".to_owned(),
            median.map_or("more time than there is".into(), seconds),
        ])
        .note(forecast.words.as_str())
}

fn commands(commands: &[Asked]) -> Table {
    let columns = ["After", "Command", "By", "Why"];
    commands.iter().fold(Table::new("Commands of people", columns), |table, asked| {
        let command = &asked.command;
        table.row([
            seconds(asked.at),
            command.command.as_str().to_owned(),
            command.by.clone(),
            command.reason.clone(),
        ])
    })
}

fn weighed(shown: &Shown<'_>) -> Table {
    let columns =
        ["Metric", "Its part of the rate", "Each slice", "Counted", "Evidence divided by"];
    let table = Table::new("How the evidence is weighed", columns).note(format!(
        "All alarms together have a false-alarm rate of at most {}. How failures come was learnt from {} of the champion from \
         before the canary; where they come in clusters, the evidence is divided by how much that makes it vary.",
        percent(shown.details.plan.alpha),
        plural(shown.canary.profile.answers, "labelled answer")
    ));
    let row = |table: Table, metric: &Metric| {
        let part = match metric.role {
            Role::Critical => percent(metric.alpha.overall),
            Role::Informative => "none".into(),
        };
        let slice = metric.alpha.slice;
        table.row([
            metric.name.clone(),
            part,
            if slice > 0.0 { percent(slice) } else { "–".into() },
            metric.counted_by.clone().unwrap_or_else(|| "–".into()),
            number(metric.view.dispersion),
        ])
    };
    shown.canary.metrics.iter().fold(table, row)
}

fn baseline(baseline: &Baseline) -> Table {
    let rows = [
        ("labelled answers that the champion gave before the switch", baseline.answers),
        ("of these wrong", baseline.errors),
        ("of these compared with an answer of the candidate", baseline.compared),
    ];
    rows.into_iter()
        .fold(Table::new("The champion's past", ["What", "How many"]), |table, (what, many)| {
            table.row([what.to_owned(), count(many)])
        })
        .note(format!(
            "Read: predictions {}; labels {}. The comparison assumes that {BASELINE_ASSUMES}.",
            baseline.predictions, baseline.labels
        ))
}

/// What became of all records that were read, and how to go over them again.
pub(super) fn records(canary: &Canary, step: &str) -> Table {
    let (join, skipped) = (&canary.join, &canary.skipped);
    let early: u64 = canary.steps.iter().map(|step| step.too_early).sum();
    let mut rows = vec![
        ("answers that met their label", join.met),
        ("answers whose label did not come in time", join.missing),
        ("labels that came too late", join.late),
        ("labels without an answer that counts", join.unmatched),
        ("dropped because too many waited", join.dropped),
        ("answers still waiting for their label", canary.waiting.answers as u64),
        ("labels still waiting for an answer", canary.waiting.labels as u64),
        ("answers from before all scorers had confirmed, or of the warm-up", early),
        ("answers under other routes", skipped.foreign),
        ("answers without a label of their own", skipped.without_label),
        ("failures that repeated one of the same key", canary.repeated),
        ("unreadable", skipped.unreadable),
        ("records of the labels topic that are no label", canary.unreadable_labels.all()),
    ];
    if let Some(slices) = &canary.slices {
        rows.push(("answers whose feature record is known, for their slice", slices.known));
        rows.push(("answers whose feature record is not", slices.unknown));
    }
    let read: Vec<String> =
        canary.read.iter().map(|(topic, window)| format!("{topic} {window}")).collect();
    rows.retain(|(what, many)| *many > 0 || what.starts_with("answers that met"));
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
