//! The report page: checks beside their limits, how sure they became, where the two differ, latency.

mod evidence;
mod pairs;

use contract::Verdict;
use contract::record::DecisionRecord;
use report::{Page, Table, count};

use crate::read::Stopped;
use crate::record::{Compared, Counts, Details};

/// Renders the decision record.
pub(crate) fn render(record: &DecisionRecord<Details>) -> String {
    let (candidate, champion) = match &record.details {
        Details::Compared(it) => (&it.candidate, Some(&it.champion)),
        Details::NotCompared(it) => (&it.candidate, it.champion.as_ref()),
    };
    let name = candidate.name.clone();
    let of = name.unwrap_or_else(|| format!("release {}", record.release));
    // Without a digest it was never found.
    let found = (!candidate.digest.is_empty()).then(|| candidate.on_page("Candidate"));
    let page = record
        .page(format!("Shadow test of {of} on stream {}", record.stream))
        .model(found)
        .model(champion.map(|champion| champion.on_page("Champion")));
    match &record.details {
        Details::Compared(compared) => with_comparison(page, compared, &record.stream),
        Details::NotCompared(_) => page,
    }
    .render()
}

fn with_comparison(page: Page, compared: &Compared, stream: &str) -> Page {
    let mut page = page.figure("Records", count(compared.counts.records), reading(compared));
    for check in &compared.checks {
        page = page.check(evidence::row(check));
    }
    let mut plots: Vec<_> = compared.checks.iter().collect();
    // What speaks against the candidate comes first, then what is open.
    plots.sort_by_key(|check| match check.verdict {
        Verdict::Fail => 0,
        Verdict::Inconclusive => 1,
        Verdict::Pass => 2,
    });
    for plot in plots.into_iter().filter_map(evidence::plot) {
        page = page.plot(plot);
    }
    page.plot(pairs::scatter(&compared.sample))
        .plot(pairs::distributions(&compared.sample))
        .plot(pairs::latency(&compared.latency))
        .table(pairs::largest(compared, stream))
        .table(counts(&compared.counts))
}

/// When reading stopped, and why.
fn reading(compared: &Compared) -> String {
    let (read, planned) = (count(compared.counts.records), count(compared.planned));
    match compared.stopped {
        Stopped::Decided => format!("decided after {read} of {planned} records, no more were read"),
        Stopped::Complete => format!("all {read} records were read"),
        Stopped::TimeOver => format!("the time was over after {read} records"),
        Stopped::Deadline => format!("the deadline passed after {read} of {planned} records"),
    }
}

fn counts(counts: &Counts) -> Table {
    let Counts { candidate_failures, champion_failures, live, .. } = counts;
    let rows = [
        ("records read", counts.records, None),
        ("not readable", counts.undecodable, counts.first_undecodable.as_ref()),
        ("answered by both", counts.pairs, None),
        ("candidate failed", candidate_failures.count, candidate_failures.first.as_ref()),
        ("champion failed", champion_failures.count, champion_failures.first.as_ref()),
        ("answered by the champion on the stream", live.compared, None),
        ("differ from the stream", live.mismatches, live.first_mismatch.as_ref()),
        ("answered by another model there", live.other_model, None),
        ("not answered there", live.unanswered, None),
    ];
    rows.into_iter().fold(Table::new("Records", ["what", "how many", "first"]), |table, row| {
        let (what, how_many, first) = row;
        table.row([what.to_owned(), count(how_many), first.cloned().unwrap_or_default()])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_read_well() {
        let samples = testkit::browser::sample_records("shadow-test").into_iter();
        let page = |json| contract::repeat::page(&json, render).expect("a sample is a record");
        let pages: Vec<_> = samples.map(|(name, json)| (name, page(json))).collect();
        testkit::browser::assert_step_reads_well("shadow-test", &pages);
    }
}
