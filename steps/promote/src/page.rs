//! The report page: which model follows which, who confirmed, and who answers which share before and after.

use contract::record::DecisionRecord;
use report::{Check, Table, percent, plural, seconds, to_the_second};
use routes::{Confirmation, ModelRef, Route};

use crate::record::Details;

/// Renders the decision record.
pub(crate) fn render(record: &DecisionRecord<Details>) -> String {
    let Details { model, before, after, confirmation } = &record.details;
    let (before, after) = (before.as_ref(), after.as_ref());
    let new = model.on_page("New model");
    let of = match new.name.is_empty() {
        true => format!("release {}", record.release),
        false => new.called(),
    };
    let former = before.map(|route| route.champion.on_page("Former champion"));
    let champion = after.map(|route| route.champion.on_page("Champion"));
    let note = match (&former, &champion) {
        (Some(former), Some(champion)) if former.digest == champion.digest => {
            format!("{} goes on answering", former.called())
        }
        (Some(former), _) => format!("before it: {}", former.called()),
        (None, _) => "the stream had none before".to_owned(),
    };
    let champion = champion.map_or_else(|| "none".to_owned(), |model| model.called());
    let mut page = record
        .page(format!("Promotion of {of} on stream {}", record.stream))
        .figure("Champion", champion, note)
        .model(Some(new))
        .model(former);
    if let Some(previous) = after.and_then(|route| route.previous.as_ref()) {
        let until = to_the_second(&previous.until);
        let note = format!("scorers keep the former champion loaded until {until}");
        page = page.figure("Way back", "open", note);
    }
    if let Some(confirmation) = confirmation {
        page = page.check(scorers(confirmation));
    }
    page.table(shares(before, after)).render()
}

/// Who confirmed that the route is in force.
fn scorers(confirmation: &Confirmation) -> Check {
    let check = confirmation.check(|scorers| plural(scorers.len() as u64, "scorer"));
    match confirmation {
        Confirmation::Confirmed { scorers, after } => {
            let after = seconds(after.as_secs_f64());
            check.note(format!("{}, within {after}", scorers.join(", ")))
        }
        Confirmation::Refused { .. } | Confirmation::TimedOut { .. } => check,
    }
}

/// Who answers which share before and after.
fn shares(before: Option<&Route>, after: Option<&Route>) -> Table {
    let columns = ["Route", "Champion", "its share", "Candidate", "its share", "Generation"];
    let table = Table::new("Who answers", columns);
    [("before", before), ("after", after)].into_iter().fold(table, |table, (when, route)| {
        let Some(route) = route else { return table.row([when, "", "", "", "", ""]) };
        let called = |model: &ModelRef| model.on_page("").called();
        let candidate = route.candidate.as_ref();
        table.row([
            when.to_owned(),
            called(&route.champion),
            percent(1.0 - route.share()),
            candidate.map(|candidate| called(&candidate.model)).unwrap_or_default(),
            candidate.map(|candidate| percent(candidate.share)).unwrap_or_default(),
            route.generation.to_string(),
        ])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_read_well() {
        let samples = testkit::browser::sample_records("promote").into_iter();
        let page = |json| contract::repeat::page(&json, render).expect("a sample is a record");
        let pages: Vec<_> = samples.map(|(name, json)| (name, page(json))).collect();
        testkit::browser::assert_step_reads_well("promote", &pages);
    }
}
