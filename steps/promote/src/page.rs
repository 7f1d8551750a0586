//! The report page: which model follows which, who confirmed, and who answers which share before and after.

use report::{Check, Model, Outcome, Page, Table, percent, plural, seconds, to_the_second};
use serde_json::Value;

/// Renders the decision record.
pub(crate) fn render(record: &Value) -> String {
    let details = &record["details"];
    let (before, after) = (&details["before"], &details["after"]);
    let mut candidate = Model::of("New model", &record["inputs"]["model"]);
    if let Some(model) = &mut candidate {
        model.image = record["inputs"]["image"].as_str().unwrap_or_default().to_owned();
        model.name = report::name_of_image(&model.image);
    }
    let named = candidate.as_ref().filter(|model| !model.name.is_empty()).map(Model::called);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let title = format!(
        "Promotion of {} on stream {}",
        named.unwrap_or_else(|| format!("release {}", text(&record["release"]))),
        text(&record["stream"])
    );
    let former = Model::of("Former champion", &before["champion"]);
    let mut page = Page::of_record(title, record)
        .figure(
            "Champion",
            Model::of("", &after["champion"]).map_or_else(|| "none".into(), |model| model.called()),
            match former.as_ref() {
                Some(former) if after["champion"]["digest"] == before["champion"]["digest"] => {
                    format!("{} goes on answering", former.called())
                }
                Some(former) => format!("before it: {}", former.called()),
                None => "the stream had none before".into(),
            },
        )
        .model(candidate)
        .model(former);
    if let Some(until) = after["previous"]["until"].as_str() {
        page = page.figure(
            "Way back",
            "open",
            format!("scorers keep the former champion loaded until {}", to_the_second(until)),
        );
    }
    if let Some(check) = scorers(&details["confirmation"]) {
        page = page.check(check);
    }
    page.table(shares(before, after)).render()
}

/// Who confirmed that the route is in force.
fn scorers(said: &Value) -> Option<Check> {
    let names = |list: &Value| {
        let names: Vec<&str> =
            list.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        names.join(", ")
    };
    let check = |value: String, outcome| {
        Check::new("Scorers that confirmed", value, "every live one", outcome)
    };
    if let Some(by) = said["confirmed-by"].as_array() {
        let after =
            said["after-seconds"].as_f64().map(|after| format!("within {}", seconds(after)));
        return Some(
            check(plural(by.len() as u64, "scorer"), Outcome::of(!by.is_empty())).note(
                [Some(names(&said["confirmed-by"])), after]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join(", "),
            ),
        );
    }
    if let Some(by) = said["refused-by"].as_str() {
        return Some(check(format!("refused by {by}"), Outcome::Fail));
    }
    said["missing"]
        .is_array()
        .then(|| check(format!("missing: {}", names(&said["missing"])), Outcome::Inconclusive))
}

/// Who answers which share before and after.
fn shares(before: &Value, after: &Value) -> Table {
    let columns = ["Route", "Champion", "its share", "Candidate", "its share", "Generation"];
    let table = Table::new("Who answers", columns);
    [("before", before), ("after", after)].into_iter().fold(table, |table, (when, route)| {
        let share = route["candidate"]["share"].as_f64();
        let called =
            |value: &Value| Model::of("", value).map_or_else(String::new, |model| model.called());
        let champion = called(&route["champion"]);
        let whole =
            if champion.is_empty() { String::new() } else { percent(1.0 - share.unwrap_or(0.0)) };
        table.row([
            when.to_owned(),
            champion,
            whole,
            called(&route["candidate"]["model"]),
            share.map(percent).unwrap_or_default(),
            route["generation"].as_u64().map(|it| it.to_string()).unwrap_or_default(),
        ])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_read_well() {
        let samples = testkit::browser::sample_records("promote");
        let pages: Vec<_> = samples.into_iter().map(|(name, it)| (name, render(&it))).collect();
        testkit::browser::assert_step_reads_well("promote", &pages);
    }
}
