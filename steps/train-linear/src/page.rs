//! The report page: what was learnt from, how right it is on what was held out, which fields have a say.

use contract::record::DecisionRecord;
use report::{Axis, Bars, Check, Outcome, Page, Table, Tone, count, number, percent};

use crate::record::{Details, Fit};

/// Renders the decision record.
pub(crate) fn render(record: &DecisionRecord<Details>) -> String {
    let Details { counts, min_records, fit, .. } = &record.details;
    let enough = match counts.labelled < *min_records {
        true => Outcome::Inconclusive,
        false => Outcome::Pass,
    };
    let least = format!("at least {}", count(*min_records));
    let labelled = Check::new("labelled records", count(counts.labelled), least, enough);
    let page = record.page(format!("Training for {}", record.stream)).check(labelled);
    match fit {
        Some(fit) => fitted(page, fit),
        None => page,
    }
    .render()
}

fn fitted(page: Page, fit: &Fit) -> Page {
    let mut bars = Bars::new("Weights of the standardised fields", Axis::new("weight"))
        .caption("How far one standard deviation of a field moves the log-odds of class 1.");
    let mut table = Table::new("Fields", ["field", "mean", "one over deviation", "weight"]);
    for field in &fit.fields {
        bars = bars.bar(&field.name, f64::from(field.weight), Tone::Candidate);
        let cell = |value: f32| number(f64::from(value));
        let cells = [cell(field.mean), cell(field.scale), cell(field.weight)];
        table = table.row([field.name.clone()].into_iter().chain(cells));
    }
    page.fact("Held-out records right", percent(fit.accuracy))
        .fact("Share of the commoner class there", percent(fit.commoner_class))
        .plot(bars)
        .table(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_read_well() {
        let samples = testkit::browser::sample_records("train-linear").into_iter();
        let page = |json| contract::repeat::page(&json, render).expect("a sample is a record");
        let pages: Vec<_> = samples.map(|(name, json)| (name, page(json))).collect();
        testkit::browser::assert_step_reads_well("train-linear", &pages);
    }
}
