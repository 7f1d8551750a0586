//! Each check: its row with value beside limit, and how its interval shrank until it was decided.

use contract::Verdict;
use report::{Axis, Band, LinePlot, Series, Tone, count, number, plural};

use crate::check::{Cause, Check};

/// From this many times as many records as at the first look, the axis goes by powers of ten.
const LONG: u64 = 25;

/// The row of the table of checks.
pub(super) fn row(check: &Check) -> report::Check {
    let outcome = match check.verdict {
        Verdict::Pass => report::Outcome::Pass,
        Verdict::Fail => report::Outcome::Fail,
        Verdict::Inconclusive => report::Outcome::Inconclusive,
    };
    let way = if check.events.is_some() { "" } else { " up or down" };
    let limit = format!("at most {}{way}", check.shown(check.limit));
    let Some(interval) = &check.interval else {
        return report::Check::new(&check.name, "", limit, report::Outcome::NotRun)
            .note("nothing to judge from");
    };
    let of = match check.events {
        Some(events) => format!("{} of {}", count(events), count(check.trials)),
        None => plural(check.trials, "pair"),
    };
    let decided = match check.decided_after {
        Some(records) => format!("; decided after {}", plural(records, "record")),
        None => String::new(),
    };
    let value = check.shown(interval.estimate);
    report::Check::new(&check.name, value.clone(), limit, outcome).note(format!(
        "{value} {} ({of}), between {} and {}{decided}.{}",
        check.about,
        check.shown(interval.lower),
        check.shown(interval.upper),
        dependence(check)
    ))
}

/// As how many independent values these were counted, and why.
fn dependence(check: &Check) -> String {
    let (what, found) = match check.dependence.cause {
        Cause::Independent => return String::new(),
        Cause::Keys => ("by key", "the answers of a key go together"),
        Cause::Time => ("in batches", "neighbours go together"),
    };
    let factor = check.dependence.factor;
    let worth = count((check.trials as f64 / factor).round() as u64);
    let times = number((factor * 10.0).round() / 10.0);
    format!(
        " Counted {what}, as {worth} independent ones: {found}, which varies {times} times as much."
    )
}

/// The interval over the records, with the limit and the moment of decision; none without an interval.
pub(super) fn plot(check: &Check) -> Option<LinePlot> {
    let moments = &check.track;
    let (first, last) = (moments.first()?, moments.last()?);
    let band = moments.iter().map(|it| (it.records as f64, it.lower, it.upper));
    let line = moments.iter().map(|it| (it.records as f64, it.estimate));
    let mut across = Axis::new("records");
    if last.records >= LONG * first.records {
        across = across.log();
    }
    let is_latency = check.name.contains("latency");
    let upward = Axis::new(if is_latency { "share of batches" } else { &check.name });
    let upward = if check.events.is_some() { upward.percent() } else { upward };
    let mut title = check.name.clone();
    title[..1].make_ascii_uppercase();
    if is_latency {
        title.push_str(": share of batches beyond the limit");
    }
    let mut plot = LinePlot::new(title, across, upward)
        .band(Band::new("where it can be", band.collect()).tone(Tone::Candidate))
        .series(Series::new("as seen", line.collect()).tone(Tone::Candidate))
        .threshold(check.limit, format!("limit {}", check.shown(check.limit)));
    if check.events.is_none() {
        plot = plot.threshold(-check.limit, format!("limit {}", check.shown(-check.limit)));
    }
    if let Some(records) = check.decided_after {
        let word = if check.verdict == Verdict::Fail { "beyond" } else { "within" };
        plot = plot.decision(records as f64, format!("{word} the limit after {}", count(records)));
    }
    Some(plot.caption(
        "It is decided when the whole area is on one side of the limit; the area holds at all times together.",
    ))
}
