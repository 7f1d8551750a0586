//! The report page: every feature beside its limits, and what the moved ones look like now and before.

use report::{
    Axis, Bars, Check, Histogram, LinePlot, Outcome, Page, Series, Table, Tone, count, number,
};
use serde_json::Value;

use crate::judge::{Judged, Judgement};
use crate::profile::Profile;
use crate::sample::Sample;

/// Plots are drawn for this many moved features, the worst first; the table has all.
const MOST_PLOTTED: usize = 8;
/// Bars of a histogram.
const BINS: usize = 32;

/// What the page of a judgement shows.
pub(crate) struct View {
    judgement: Judgement,
    shapes: Vec<Shape>,
}

/// Both distributions of a moved feature, over bins of one width.
struct Shape {
    feature: usize,
    edges: Vec<f64>,
    baseline: Vec<f64>,
    window: Vec<f64>,
}

impl View {
    /// Takes from baseline and window what the plots need, so that neither has to be kept.
    pub(crate) fn of(baseline: &Profile, judgement: &Judgement, sample: &Sample) -> Self {
        let width = judgement.features.len();
        let mut moved: Vec<usize> =
            (0..width).filter(|&feature| judgement.features[feature].moved).collect();
        let excess = |feature: &usize| judgement.features[*feature].excess();
        moved.sort_by(|one, other| excess(other).total_cmp(&excess(one)));
        let shapes = moved
            .into_iter()
            .take(MOST_PLOTTED)
            .map(|feature| Shape::of(baseline, sample, feature, width))
            .collect();
        Self { judgement: judgement.clone(), shapes }
    }
}

impl Shape {
    fn of(baseline: &Profile, sample: &Sample, feature: usize, width: usize) -> Self {
        let before = &baseline.features[feature].distribution;
        let mut now = sample.column(feature, width);
        now.sort_unstable_by(f64::total_cmp);
        // The outermost hundredth on either side may lie far out; the first and last bin gather it.
        let at = |share: f64| now[((now.len() - 1) as f64 * share) as usize];
        let low = before.quantile(0.005).min(at(0.005));
        let high = before.quantile(0.995).max(at(0.995));
        // Whole numbers stay in the middle of their bins.
        let low = low - 0.5;
        let step = ((high + 0.5 - low) / BINS as f64).max(f64::MIN_POSITIVE);
        let step = if step > 0.5 { step.ceil() } else { step };
        let edges: Vec<f64> = (0..=BINS).map(|edge| low + step * edge as f64).collect();
        let inner = &edges[1..BINS];
        let parts = |share: &dyn Fn(f64) -> f64, records: f64| -> Vec<f64> {
            let shares = inner.iter().map(|edge| share(*edge)).chain([1.0]);
            let parts =
                shares.scan(0.0, |last, share| Some(share - std::mem::replace(last, share)));
            parts.map(|part| part * records).collect()
        };
        let records = now.len() as f64;
        let up_to = |edge: f64| now.partition_point(|value| *value <= edge) as f64 / records;
        Self {
            feature,
            baseline: parts(&|edge| before.share_up_to(edge), before.records() as f64),
            window: parts(&up_to, records),
            edges,
        }
    }
}

/// The page of a judged window.
pub(crate) fn judged(record: &Value, view: &View) -> String {
    let judgement = &view.judgement;
    let mut page = unreadable(Page::of_record(title("Drift", record), record), record)
        .figure("Features that moved", moved(judgement), beyond(judgement))
        .figure(
            "Records",
            count(judgement.records),
            format!("held against {} of the baseline", count(judgement.baseline_records)),
        )
        .fact("Alpha of each test", number(judgement.alpha_each))
        .plot(overview(judgement));
    for feature in by_excess(judgement) {
        page = page.check(check(feature));
    }
    for shape in &view.shapes {
        let feature = &judgement.features[shape.feature];
        page = page.plot(histogram(feature, shape)).plot(course(feature));
    }
    page.table(table(judgement)).render()
}

/// The page of a baseline that was made.
pub(crate) fn recorded(record: &Value, profile: &Profile) -> String {
    let columns = ["feature", "mean", "standard deviation", "lowest", "median", "highest", "kept"];
    let mut table = Table::new("The baseline", columns)
        .note("Kept: distinct values in the profile; exact where the feature has no more of them.");
    for feature in &profile.features {
        let (moments, shape) = (feature.moments, &feature.distribution);
        let exact = if shape.is_exact() { " (exact)" } else { "" };
        table = table.row([
            feature.name.clone(),
            number(moments.mean),
            number(moments.standard_deviation),
            number(shape.min()),
            number(shape.quantile(0.5)),
            number(shape.max()),
            format!("{}{exact}", count(shape.points().len() as u64)),
        ]);
    }
    unreadable(Page::of_record(title("Baseline", record), record), record)
        .fact("Records", count(profile.records))
        .table(table)
        .render()
}

/// The page of a run without enough records.
pub(crate) fn undecided(record: &Value) -> String {
    unreadable(Page::of_record(title("Drift", record), record), record).render()
}

fn title(what: &str, record: &Value) -> String {
    format!("{what} of the features of stream {}", record["stream"].as_str().unwrap_or_default())
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
fn unreadable(page: Page, record: &Value) -> Page {
    let unreadable = &record["details"]["unreadable"];
    let Some(reasons) = unreadable["reasons"].as_object().filter(|reasons| !reasons.is_empty())
    else {
        return page;
    };
    let mut table = Table::new("Unreadable records", ["reason", "records", "first at"])
        .note("A scorer sends these to the dead letters; they are in no statistic here.");
    for (reason, found) in reasons {
        let first = found["first"].as_str().unwrap_or_default();
        let records = found["count"].as_u64().unwrap_or_default();
        table = table.row([reason.clone(), count(records), first.to_owned()]);
    }
    page.fact("Unreadable", count(unreadable["count"].as_u64().unwrap_or_default())).table(table)
}
