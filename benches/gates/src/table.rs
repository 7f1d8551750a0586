//! What is printed: a table for people, and one line of JSON.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use crate::scenario::Scenario;
use crate::speed::Speed;
use crate::trial::{Figures, Row};

const HEAD: &str = "  gate           false rollback  found  missed  undecided  minutes  harm records \
                    | at Headgate's false-alarm rate: found  minutes  harm records  \
                    false by step";

/// One scenario.
pub(crate) fn of(scenario: &Scenario, rows: &[Row]) -> String {
    let mut text = format!("\n{}: {}\n{HEAD}\n", scenario.name, scenario.about);
    for Row { name, figures, calibrated } in rows {
        let undecided = 1.0 - figures.decided;
        // A String takes all that is written.
        let _ = writeln!(
            text,
            "  {name:<14} {:>14} {:>6} {:>7} {:>10} {:>8.1} {:>13.0} | {:>37} {:>8.1} {:>13.0}  {}",
            percent(figures.false_rollback),
            percent(figures.found),
            percent(figures.missed),
            percent(undecided),
            figures.minutes_median,
            figures.harm_records_median,
            percent(calibrated.found),
            calibrated.minutes_median,
            calibrated.harm_records_median,
            calibrated.false_by_step.map(percent).join(" + "),
        );
    }
    text
}

fn percent(part: f64) -> String {
    format!("{:.1} %", 100.0 * part)
}

/// The last line.
pub(crate) fn json(results: &[(&Scenario, Vec<Row>)], runs: usize, speed: &Speed) -> Value {
    let scenario = |(scenario, rows): &(&Scenario, Vec<Row>)| {
        let gates: Map<String, Value> =
            rows.iter().map(|row| (row.name.to_owned(), gate(row))).collect();
        json!({ "name": scenario.name, "harm_ratio": scenario.harm, "gates": gates })
    };
    json!({
        "bench": "gates",
        "runs": runs,
        "records_per_second": speed.records.round(),
        "failures_per_second": speed.failures.round(),
        "scenarios": results.iter().map(scenario).collect::<Vec<_>>(),
    })
}

fn gate(row: &Row) -> Value {
    let mut line = figures(&row.figures);
    if row.name != "headgate" {
        line["calibrated"] = figures(&row.calibrated);
    }
    line
}

fn figures(figures: &Figures) -> Value {
    let round = |value: f64| (value * 1e4).round() / 1e4;
    json!({
        "false_rollback": round(figures.false_rollback),
        "false_by_step": figures.false_by_step.map(round),
        "harm_records_median": figures.harm_records_median.round(),
        "minutes_median": round(figures.minutes_median),
        "decided": round(figures.decided),
        "found": round(figures.found),
        "missed": round(figures.missed),
    })
}
