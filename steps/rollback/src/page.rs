//! The report page: what was checked, who answered when, and the offset ranges.

use contract::event::unix_ms;
use contract::record::DecisionRecord;
use report::{Axis, Check, LinePlot, Outcome, Page, Series, Table, Tone, count, plural};

use crate::record::{Details, Predictions, Proof};
use crate::timeline::Rate;

/// Renders the decision record.
pub(crate) fn render(record: &DecisionRecord<Details>) -> String {
    let details = &record.details;
    let title = format!("Rollback of release {} on stream {}", record.release, record.stream);
    let bad = details.bad.as_ref().map(|model| model.on_page("Bad model"));
    let good = details.after.as_ref().map(|route| route.champion.on_page("Good model"));
    let mut page = record.page(title).model(bad).model(good);
    if let Some(good) = &details.good {
        page = page.fact("Good model promoted by", &good.promoted_by);
    }
    for (name, route) in [("Route before", &details.before), ("Route after", &details.after)] {
        if let Some(route) = route {
            page = page.fact(name, route.generation.to_string());
        }
    }
    let Some(proof) = &details.proof else { return page.render() };
    page = shown(page, proof);
    if !proof.timeline.is_empty() {
        let written = details.after.as_ref().and_then(|route| unix_ms(&route.at));
        page = page.plot(timeline(&proof.timeline, written));
    }
    page.table(ranges(proof)).render()
}

fn shown(page: Page, proof: &Proof) -> Page {
    let Predictions { later_answers, offences, .. } = &proof.predictions;
    page.figure(
        "Answers of the bad model",
        count(proof.answers.count),
        "their offsets are below, for whoever has to mend them",
    )
    .figure(
        "Since then",
        plural(*later_answers, "answer"),
        format!("under the new route; {} later ones not the good model's", count(*offences)),
    )
    .check(proof.confirmation.check(|scorers| scorers.join(", ")))
    .check(offences_check(&proof.predictions))
}

fn offences_check(predictions: &Predictions) -> Check {
    let Predictions { later_answers, offences, shown, .. } = predictions;
    let outcome = match (offences, later_answers) {
        (0, 0) => Outcome::NotRun,
        (0, _) => Outcome::Pass,
        _ => Outcome::Fail,
    };
    let name = "Later answers that are not the good model's";
    Check::new(name, count(*offences), "0", outcome).note(match shown.is_empty() {
        true => format!("of {} seen", count(*later_answers)),
        false => shown.join(", "),
    })
}

fn timeline(spans: &[Rate], written_ms: Option<i64>) -> LinePlot {
    let first = spans.first().map_or(0, |span| span.at_ms);
    let at = |ms: i64| (ms - first) as f64 / 1_000.0;
    let series = |rate: fn(&Rate) -> f64| {
        spans.iter().map(|span| (at(span.at_ms), rate(span))).collect::<Vec<_>>()
    };
    let plot = LinePlot::new("Answers", Axis::new("time").unit("s"), Axis::new("answers a second"))
        .caption("Who answered, from the first moment at which the bad model can have.")
        .series(Series::new("the bad model", series(|it| it.bad)).steps().tone(Tone::Alarm))
        .series(Series::new("others", series(|it| it.others)).steps().tone(Tone::Champion));
    match written_ms.filter(|written| *written >= first) {
        Some(written) => plot.decision(at(written), "route written"),
        None => plot,
    }
}

fn ranges(proof: &Proof) -> Table {
    let lost = match proof.predictions.incomplete {
        true => " Older predictions are no longer kept and were not looked at.",
        false => "",
    };
    let columns = ["Partition", "First", "Last", "Answers"];
    let table = Table::new("Offsets that the bad model answered", columns).note(format!(
        "Offsets of the features topic; others answered some between. {} in all, {} without a readable source.{lost}",
        plural(proof.answers.count, "answer"),
        count(proof.answers.without_source),
    ));
    proof.answers.ranges.iter().fold(table, |table, range| {
        let offset = |offset: i64| count(offset.unsigned_abs());
        table.row([
            range.partition.to_string(),
            offset(range.first),
            offset(range.last),
            count(range.count),
        ])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_read_well() {
        let samples = testkit::browser::sample_records("rollback").into_iter();
        let page = |json| contract::repeat::page(&json, render).expect("a sample is a record");
        let pages: Vec<_> = samples.map(|(name, json)| (name, page(json))).collect();
        testkit::browser::assert_step_reads_well("rollback", &pages);
    }
}
