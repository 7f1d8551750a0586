//! The report page: the checks, the hold-out's scores, the golden answers and the latencies.

use contract::record::DecisionRecord;
use report::{Axis, Bars, Histogram, Outcome, ScatterPlot, Table, Tone};

use crate::checks::{Check, Finding};
use crate::record::{self, Details, Measured, Ports};

/// Renders the decision record.
pub(crate) fn render(record: &DecisionRecord<Details>) -> String {
    let Details { model: file, champion, checks, measured, ports, answers, .. } = &record.details;
    let name = file.model.name.clone();
    let of = name.unwrap_or_else(|| format!("release {}", record.release));
    let mut page = record
        .page(format!("Validation of {of} for stream {}", record.stream))
        .model(Some(file.model.on_page("Model")))
        .model(champion.as_ref().map(|champion| champion.model.on_page("Champion")))
        .fact("Size of the file", report::bytes(file.size));
    for check in checks {
        page = page.check(on_page(check));
    }
    if !answers.golden.is_empty() {
        page = page.plot(golden(&answers.golden));
    }
    if let Some(scores) = &answers.scores {
        let plot = histogram("Scores on the hold-out", Axis::new("score"), scores);
        page = page
            .plot(wrong(measured))
            .plot(plot.caption("A model may be right as often and yet score otherwise."));
    }
    if let Some(milliseconds) = &answers.milliseconds {
        let plot = histogram("Time of a request", Axis::new("time").unit("ms"), milliseconds);
        page = page.plot(plot.caption("Without the slowest in 200, which would stretch the axis."));
    }
    match ports {
        Some(ports) => page.table(table(ports)),
        None => page,
    }
    .render()
}

fn on_page(check: &Check) -> report::Check {
    let outcome = match check.outcome {
        Finding::Pass => Outcome::Pass,
        Finding::Fail => Outcome::Fail,
        Finding::Inconclusive => Outcome::Inconclusive,
        Finding::NotRun => Outcome::NotRun,
    };
    report::Check::new(&check.name, &check.value, &check.limit, outcome).note(&check.why)
}

fn golden(pairs: &[(f64, f64)]) -> ScatterPlot {
    ScatterPlot::new("Golden set", Axis::new("training side"), Axis::new("this file"))
        .group("record", pairs.to_vec(), Tone::Candidate)
        .diagonal()
        .caption("Scores; a file that answers as the model that was trained lies on the line.")
}

/// The share of wrong labels of each model that gave labels.
fn wrong(measured: &Measured) -> Bars {
    let records = measured.holdout_records as f64;
    let mut bars = Bars::new("Wrong on the hold-out", Axis::new("share of records").percent());
    for (name, wrong, tone) in [
        ("champion", measured.champion_wrong, Tone::Champion),
        ("candidate", measured.candidate_wrong, Tone::Candidate),
    ] {
        if let Some(wrong) = wrong {
            bars = bars.bar(name, wrong as f64 / records, tone);
        }
    }
    bars.caption("What the checks say is decided by the intervals, not by these two numbers.")
}

fn histogram(title: &str, axis: Axis, bins: &record::Histogram) -> Histogram {
    let plot = Histogram::new(title, axis, bins.edges.clone());
    let plot = match &bins.champion {
        Some(champion) => plot.distribution("champion", champion.clone(), Tone::Champion),
        None => plot,
    };
    plot.distribution("candidate", bins.candidate.clone(), Tone::Candidate)
}

fn table(ports: &Ports) -> Table {
    let table = Table::new("Inputs and outputs", ["Side", "Name", "Type and shape"]);
    let inputs = ports.inputs.iter().map(|port| ("input", port));
    let outputs = ports.outputs.iter().map(|port| ("output", port));
    inputs
        .chain(outputs)
        .fold(table, |table, (side, port)| {
            table.row([side.to_owned(), port.name.to_string(), port.form()])
        })
        .note("N stands for any number of records.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_read_well() {
        let samples = testkit::browser::sample_records("validate-model").into_iter();
        let page = |json: serde_json::Value| {
            render(&serde_json::from_value(json).expect("a sample is a record"))
        };
        let pages: Vec<_> = samples.map(|(name, json)| (name, page(json))).collect();
        testkit::browser::assert_step_reads_well("validate-model", &pages);
    }
}
