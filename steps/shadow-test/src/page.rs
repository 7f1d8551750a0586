//! The report page: checks beside their limits, how sure they became, where the two differ, latency.

mod evidence;
mod pairs;

use report::{Model, Page, Table, count};
use serde_json::Value;

use crate::decide::{Check, Outcome};
use crate::largest::Shown;
use crate::read::Stopped;
use crate::tally::Tally;
use crate::watch::Track;

pub(crate) use pairs::quantiles;

/// What the page shows beside the record.
pub(crate) struct Evidence {
    pub stream: String,
    /// Records that could have been read at most.
    pub planned: u64,
    pub stopped: Stopped,
    pub tally: Tally,
    pub checks: Vec<Check>,
    pub track: Vec<Track>,
    pub largest: Vec<Shown>,
}

/// The page of a run that compared nothing, or was told before.
pub(crate) fn refused(record: &Value) -> String {
    page(record).render()
}

/// The page of a comparison.
pub(crate) fn compared(record: &Value, shown: &Evidence) -> String {
    let mut page = page(record).figure("Records", count(shown.tally.records), reading(shown));
    for check in &shown.checks {
        page = page.check(evidence::row(check));
    }
    let mut plots: Vec<_> = shown.checks.iter().zip(&shown.track).collect();
    // What speaks against the candidate comes first, then what is open.
    plots.sort_by_key(|(check, _)| match check.outcome {
        Outcome::Fail => 0,
        Outcome::Inconclusive => 1,
        Outcome::Pass => 2,
    });
    for (check, track) in plots {
        if let Some(plot) = evidence::plot(check, track) {
            page = page.plot(plot);
        }
    }
    let sample = shown.tally.sample.kept();
    page.plot(pairs::scatter(sample))
        .plot(pairs::distributions(sample))
        .plot(pairs::latency(&shown.tally.latency))
        .table(pairs::largest(shown))
        .table(counts(&shown.tally))
        .render()
}

/// Title, verdict and the two models.
fn page(record: &Value) -> Page {
    let candidate =
        ["candidate", "model"].iter().find_map(|name| Model::of_input("Candidate", record, name));
    let champion = Model::of_input("Champion", record, "champion");
    let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
    let named = candidate.as_ref().filter(|model| !model.name.is_empty()).map(Model::called);
    let of = named.unwrap_or_else(|| format!("release {}", text("release")));
    Page::of_record(format!("Shadow test of {of} on stream {}", text("stream")), record)
        .model(candidate)
        .model(champion)
}

/// When reading stopped, and why.
fn reading(shown: &Evidence) -> String {
    let (read, planned) = (count(shown.tally.records), count(shown.planned));
    match shown.stopped {
        Stopped::Decided => format!("decided after {read} of {planned} records, no more were read"),
        Stopped::Complete => format!("all {read} records were read"),
        Stopped::TimeOver => format!("the time was over after {read} records"),
        Stopped::Deadline => format!("the deadline passed after {read} of {planned} records"),
    }
}

fn counts(tally: &Tally) -> Table {
    let rows = [
        ("records read", tally.records, None),
        ("not readable", tally.undecodable, tally.first_undecodable.as_ref()),
        ("answered by both", tally.pairs(), None),
        ("candidate failed", tally.failures.events, tally.first_failure.as_ref()),
        ("champion failed", tally.champion_failures.count, tally.champion_failures.first.as_ref()),
        ("answered by the champion on the stream", tally.live.compared, None),
        ("differ from the stream", tally.live.mismatches, tally.live.first_mismatch.as_ref()),
        ("answered by another model there", tally.live.other_model, None),
        ("not answered there", tally.live.unanswered, None),
    ];
    rows.into_iter().fold(Table::new("Records", ["what", "how many", "first"]), |table, row| {
        let (what, how_many, first) = row;
        table.row([what.to_owned(), count(how_many), first.cloned().unwrap_or_default()])
    })
}
