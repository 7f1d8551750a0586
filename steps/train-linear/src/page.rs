//! The report page: what was learnt from, how right it is on what was held out, which fields have a say.

use report::{Axis, Bars, Check, Outcome, Page, Table, Tone, count, number, percent};
use serde_json::Value;

/// Renders the decision record.
pub(crate) fn render(record: &Value) -> String {
    let details = &record["details"];
    let stream = record["stream"].as_str().unwrap_or_default();
    let mut page = Page::of_record(format!("Training for {stream}"), record);
    let counts = &details["counts"];
    if let (Some(labelled), Some(least)) =
        (counts["labelled"].as_u64(), details["min-records"].as_u64())
    {
        page = page.check(Check::new(
            "labelled records",
            count(labelled),
            format!("at least {}", count(least)),
            if labelled < least { Outcome::Inconclusive } else { Outcome::Pass },
        ));
    }
    let fit = &details["fit"];
    let Some(fields) = fit["fields"].as_array() else { return page.render() };
    let mut bars = Bars::new("Weights of the standardised fields", Axis::new("weight"))
        .caption("How far one standard deviation of a field moves the log-odds of class 1.");
    let mut table = Table::new("Fields", ["field", "mean", "one over deviation", "weight"]);
    for field in fields {
        let name = field["name"].as_str().unwrap_or_default();
        let value = |key: &str| field[key].as_f64().unwrap_or(f64::NAN);
        bars = bars.bar(name, value("weight"), Tone::Candidate);
        table = table.row([
            name.to_owned(),
            number(value("mean")),
            number(value("scale")),
            number(value("weight")),
        ]);
    }
    let right = fit["accuracy"].as_f64().unwrap_or(f64::NAN);
    let most = fit["commoner-class"].as_f64().unwrap_or(f64::NAN);
    page.fact("Held-out records right", percent(right))
        .fact("Share of the commoner class there", percent(most))
        .plot(bars)
        .table(table)
        .render()
}
