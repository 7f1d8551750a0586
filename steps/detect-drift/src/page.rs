//! The report page: every feature beside its limits, and what the moved ones look like now and before.

use contract::record::DecisionRecord;
use report::{
    Axis, Bars, Check, Histogram, LinePlot, Outcome, Page, Series, Table, Tone, count, number,
};

use crate::judge::{Judged, Judgement};
use crate::record::{Described, Details, Found};
use crate::sample::Unreadable;
use crate::shape::Shape;

/// Renders the decision record.
pub(crate) fn render(record: &DecisionRecord<Details>) -> String {
    let details = &record.details;
    let what = match details.found {
        Found::Baseline(_) => "Baseline",
        Found::Judgement(_) | Found::TooLittle => "Drift",
    };
    let title = format!("{what} of the features of stream {}", record.stream);
    let page = unreadable(record.page(title), &details.unreadable);
    match &details.found {
        Found::TooLittle => page,
        Found::Baseline(features) => {
            page.fact("Records", count(details.records)).table(described(features))
        }
        Found::Judgement(judgement) => judged(page, judgement),
    }
    .render()
}

fn judged(page: Page, judgement: &Judgement) -> Page {
    let mut page = page
        .figure("Features that moved", moved(judgement), beyond(judgement))
        .figure(
            "Records",
            count(judgement.records),
            format!("held against {} of the baseline", count(judgement.baseline_records)),
        )
        .fact("Alpha of each test", number(judgement.alpha_each))
        .plot(overview(judgement));
    let features = by_excess(judgement);
    for feature in &features {
        page = page.check(check(feature));
    }
    for feature in &features {
        if let Some(shape) = &feature.shape {
            page = page.plot(histogram(feature, shape)).plot(course(feature));
        }
    }
    page.table(table(judgement))
}

fn described(features: &[Described]) -> Table {
    let columns = ["feature", "mean", "standard deviation", "lowest", "median", "highest", "kept"];
    let table = Table::new("The baseline", columns)
        .note("Kept: distinct values in the profile; exact where the feature has no more of them.");
    features.iter().fold(table, |table, feature| {
        let exact = if feature.exact { " (exact)" } else { "" };
        table.row([
            feature.name.clone(),
            number(feature.mean),
            number(feature.standard_deviation),
            number(feature.lowest),
            number(feature.median),
            number(feature.highest),
            format!("{}{exact}", count(feature.kept)),
        ])
    })
}

/// Those that moved farthest beyond their limits first.
fn by_excess(judgement: &Judgement) -> Vec<&Judged> {
    let mut features: Vec<&Judged> = judgement.features.iter().collect();
    features.sort_by(|one, other| {
        (other.moved, other.excess())
            .partial_cmp(&(one.moved, one.excess()))
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    features
}

fn moved(judgement: &Judgement) -> String {
    let moved = judgement.features.iter().filter(|feature| feature.moved).count();
    format!("{moved} of {}", judgement.features.len())
}

fn beyond(judgement: &Judgement) -> String {
    match by_excess(judgement).first() {
        Some(first) if first.moved => {
            format!("farthest: {}, at {} times its limit", first.name, number(first.excess()))
        }
        Some(first) => {
            format!("nearest: {}, at {} of its limit", first.name, report::percent(first.excess()))
        }
        None => "no feature was looked at".to_owned(),
    }
}

fn check(feature: &Judged) -> Check {
    let value = format!("KS {}, PSI {}", number(feature.ks), number(feature.psi));
    let limit = format!("KS {}, PSI {}", number(feature.ks_limit), number(feature.psi_limit));
    let check = Check::new(&feature.name, value, limit, Outcome::of(!feature.moved));
    let since: Vec<String> = feature
        .since
        .iter()
        .map(|since| {
            let how = if since.located { "" } else { " (shows in the window as a whole only)" };
            format!("{}:{}{how}", since.partition, since.offset)
        })
        .collect();
    match since.is_empty() {
        true => check,
        false => check.note(format!("since {}", since.join(", "))),
    }
}

fn overview(judgement: &Judgement) -> Bars {
    let bars = Bars::new("How far each feature moved", Axis::new("statistic over its limit"))
        .threshold(1.0, "limit")
        .caption("The larger of KS and PSI, each divided by its own limit.");
    by_excess(judgement).into_iter().fold(bars, |bars, feature| {
        let tone = if feature.moved { Tone::Alarm } else { Tone::Champion };
        bars.bar(&feature.name, feature.excess(), tone)
    })
}

fn histogram(feature: &Judged, shape: &Shape) -> Histogram {
    Histogram::new(
        format!("{}: baseline and window", feature.name),
        Axis::new(&feature.name),
        shape.edges.clone(),
    )
    .distribution("baseline", shape.baseline.clone(), Tone::Champion)
    .distribution("window", shape.window.clone(), Tone::Candidate)
    .caption(format!(
        "They differ most at {}; the outermost bars gather what lies beyond.",
        number(feature.ks_at)
    ))
}

/// The distance along the offsets of each partition.
fn course(feature: &Judged) -> LinePlot {
    let title = format!("{}: distance from the baseline along the stream", feature.name);
    let mut plot = LinePlot::new(title, Axis::new("offset"), Axis::new("KS distance"))
        .caption("Each point is a stretch of records; the limit is that of so few records.");
    let mut partitions: Vec<i32> = feature.stretches.iter().map(|at| at.partition).collect();
    partitions.dedup();
    for partition in partitions {
        let mine = feature.stretches.iter().filter(|stretch| stretch.partition == partition);
        let points = mine.map(|stretch| (stretch.first as f64, stretch.ks)).collect();
        plot = plot.series(Series::new(format!("partition {partition}"), points).steps());
    }
    let limit = feature.stretches.iter().map(|stretch| stretch.ks_limit).fold(f64::NAN, f64::min);
    if limit.is_finite() { plot.threshold(limit, "limit") } else { plot }
}

fn table(judgement: &Judgement) -> Table {
    let columns = ["feature", "mean before", "mean now", "shift", "KS p-value", "Jensen-Shannon"];
    let table = Table::new("In which direction", columns).note(
        "Shift: in standard deviations of the baseline; none where the baseline is constant.",
    );
    by_excess(judgement).into_iter().fold(table, |table, feature| {
        table.row([
            feature.name.clone(),
            number(feature.baseline_mean),
            number(feature.mean),
            feature.mean_shift.map_or_else(|| "none".to_owned(), number),
            number(feature.ks_p),
            number(feature.jensen_shannon),
        ])
    })
}

/// The records that could not be read, if any.
fn unreadable(page: Page, unreadable: &Unreadable) -> Page {
    if unreadable.reasons.is_empty() {
        return page;
    }
    let table = Table::new("Unreadable records", ["reason", "records", "first at"])
        .note("A scorer sends these to the dead letters; they are in no statistic here.");
    let table = unreadable.reasons.iter().fold(table, |table, (reason, found)| {
        let first = format!("{}:{}", found.first.partition, found.first.offset);
        table.row([reason.clone(), count(found.count), first])
    });
    page.fact("Unreadable", count(unreadable.count)).table(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_read_well() {
        let samples = testkit::browser::sample_records("detect-drift").into_iter();
        let page = |json| render(&serde_json::from_value(json).expect("a sample is a record"));
        let pages: Vec<_> = samples.map(|(name, json)| (name, page(json))).collect();
        testkit::browser::assert_step_reads_well("detect-drift", &pages);
    }
}
