//! The report page: checks beside their limits, how sure they became, where the two differ, latency.

mod evidence;
mod pairs;

use report::{Page, Table, count};
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

const TITLE: &str = "Shadow test";

/// The page of a run that compared nothing, or was told before.
pub(crate) fn refused(record: &Value) -> String {
    Page::of_record(TITLE, record).render()
}

/// The page of a comparison.
pub(crate) fn compared(record: &Value, shown: &Evidence) -> String {
    let mut page = Page::of_record(TITLE, record).fact("Reading", reading(shown));
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
