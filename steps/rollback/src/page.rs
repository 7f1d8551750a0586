//! The report page: what was checked, who answered when, and the offset ranges.

use report::{Axis, Check, LinePlot, Model, Outcome, Page, Series, Table, Tone, count, plural};
use serde_json::Value;

/// Renders the decision record.
pub(crate) fn render(record: &Value) -> String {
    let details = &record["details"];
    let text = |name: &str| record[name].as_str().unwrap_or_default();
    let mut page = Page::of_record(
        format!("Rollback of release {} on stream {}", text("release"), text("stream")),
        record,
    );
    if details["predictions"].is_object() {
        let exposed = whole(&details["answers"]["count"]);
        page = page
            .figure(
                "Answers of the bad model",
                count(exposed),
                "their offsets are below, for whoever has to mend them",
            )
            .figure(
                "Since then",
                plural(whole(&details["predictions"]["later-answers"]), "answer"),
                format!(
                    "{} of them not the good model's",
                    count(whole(&details["predictions"]["offences"]))
                ),
            );
    }
    let bad = Model::of("Bad model", &details["bad"]).map(|mut bad| {
        let routes = [
            &details["before"]["champion"],
            &details["before"]["candidate"]["model"],
            &details["after"]["previous"]["model"],
        ];
        let named = routes
            .into_iter()
            .filter_map(|route| Model::of("", route))
            .find(|it| it.digest == bad.digest);
        bad.name = named.map(|it| it.name).unwrap_or_default();
        bad
    });
    page = page.model(bad).model(Model::of("Good model", &details["after"]["champion"]));
    for (name, pointer) in [
        ("Good model promoted by", "/good/promoted_by"),
        ("Route before", "/before/generation"),
        ("Route after", "/after/generation"),
    ] {
        match details.pointer(pointer) {
            Some(Value::String(text)) => page = page.fact(name, text),
            Some(Value::Number(number)) => page = page.fact(name, number.to_string()),
            _ => {}
        }
    }
    if !details["predictions"].is_object() {
        return page.render();
    }
    for check in checks(details) {
        page = page.check(check);
    }
    if details["timeline"].as_array().is_some_and(|spans| !spans.is_empty()) {
        page = page.plot(timeline(details));
    }
    page.table(ranges(details)).render()
}

fn checks(details: &Value) -> Vec<Check> {
    let (confirmation, predictions) = (&details["confirmation"], &details["predictions"]);
    let names = |list: &Value| {
        let names = list.as_array().into_iter().flatten().filter_map(Value::as_str);
        names.collect::<Vec<_>>().join(", ")
    };
    let (scorers, outcome) = match confirmation {
        said if said["confirmed-by"].is_array() => (names(&said["confirmed-by"]), Outcome::Pass),
        said if said["refused-by"].is_string() => (
            format!("refused by {}", said["refused-by"].as_str().unwrap_or_default()),
            Outcome::Fail,
        ),
        said => (format!("missing: {}", names(&said["missing"])), Outcome::Inconclusive),
    };
    let (offences, later) = (whole(&predictions["offences"]), whole(&predictions["later-answers"]));
    let seen = match (offences, later) {
        (0, 0) => Outcome::NotRun,
        (0, _) => Outcome::Pass,
        _ => Outcome::Fail,
    };
    let shown = names(&predictions["shown"]);
    vec![
        Check::new("Scorers that confirmed", scorers, "every live one", outcome),
        Check::new("Later answers that are not the good model's", count(offences), "0", seen).note(
            match shown.is_empty() {
                true => format!("of {} seen", count(later)),
                false => shown,
            },
        ),
    ]
}

fn timeline(details: &Value) -> LinePlot {
    let spans = details["timeline"].as_array().map_or(&[][..], Vec::as_slice);
    let first = spans.first().map_or(0.0, |span| real(&span[0]));
    let at = |ms: f64| (ms - first) / 1_000.0;
    let series = |column: usize| {
        spans.iter().map(|span| (at(real(&span[0])), real(&span[column]))).collect::<Vec<_>>()
    };
    let mut plot =
        LinePlot::new("Answers", Axis::new("time").unit("s"), Axis::new("answers a second"))
            .caption("Who answered, from the first moment at which the bad model can have.")
            .series(Series::new("the bad model", series(1)).steps().tone(Tone::Alarm))
            .series(Series::new("others", series(2)).steps().tone(Tone::Champion));
    if let Some(written) = details["written-ms"].as_f64()
        && written >= first
    {
        plot = plot.decision(at(written), "route written");
    }
    plot
}

fn ranges(details: &Value) -> Table {
    let answers = &details["answers"];
    let lost = match details["predictions"]["incomplete"].as_bool() {
        Some(true) => " Older predictions are no longer kept and were not looked at.",
        _ => "",
    };
    let mut table = Table::new("Offsets that the bad model answered", ["Partition", "First", "Last", "Answers"])
        .note(format!(
            "Offsets of the features topic; others answered some between. {} in all, {} without a readable source.{lost}",
            plural(whole(&answers["count"]), "answer"),
            count(whole(&answers["without-source"])),
        ));
    for range in answers["ranges"].as_array().into_iter().flatten() {
        let cell = |name: &str| count(whole(&range[name]));
        table = table.row([cell("partition"), cell("first"), cell("last"), cell("count")]);
    }
    table
}

fn real(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn whole(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_read_well() {
        let samples = testkit::browser::sample_records("rollback");
        let pages: Vec<_> = samples.into_iter().map(|(name, it)| (name, render(&it))).collect();
        testkit::browser::assert_step_reads_well("rollback", &pages);
    }
}
