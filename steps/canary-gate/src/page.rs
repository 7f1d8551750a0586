//! The report page: why, shares and evidence over time, a row for each metric and slice, a row for each share.

use report::{Axis, Check, LinePlot, Outcome, Page, Series, Tone, count, number, percent};
use serde_json::Value;

mod metric;
mod tables;

/// Renders the decision record.
pub(crate) fn render(record: &Value) -> String {
    let details = &record["details"];
    let mut page = Page::of_record("Canary", record);
    if details["steps"].as_array().is_none_or(Vec::is_empty) {
        return page.render();
    }
    let verdict = record["verdict"].as_str().unwrap_or("inconclusive");
    let metrics = details["metrics"].as_array().map_or(&[][..], Vec::as_slice);
    for metric in metrics {
        for check in metric::checks(metric) {
            page = page.check(check);
        }
    }
    if details["alarms"].is_object() {
        page = page.check(alarms(&details["alarms"]));
    }
    page = page.check(labelled(details)).plot(shares(details, verdict));
    for (place, metric) in metrics.iter().enumerate() {
        for plot in metric::plots(details, metric, place, verdict) {
            page = page.plot(plot);
        }
    }
    page = page.table(tables::steps(details));
    for table in tables::others(details) {
        page = page.table(table);
    }
    page.table(tables::records(details, record)).render()
}

fn alarms(alarms: &Value) -> Check {
    let (rate, alpha) = (&alarms["rate"], real(&alarms["alpha"]));
    let interval =
        format!("{} to {}", percent(real(&rate["lower"])), percent(real(&rate["upper"])));
    let outcome = if whole(&alarms["failures"]) == 0 {
        Outcome::Inconclusive
    } else {
        Outcome::of(real(&rate["lower"]) <= alpha)
    };
    Check::new(
        "False alarms of this stream",
        format!("{} ({interval})", percent(real(&rate["estimate"]))),
        format!("at most {}", percent(alpha)),
        outcome,
    )
    .note(format!(
        "{} of {} splits of the champion's own {} errors were told harmful, {} were told safe",
        count(whole(&alarms["harmful"])),
        count(whole(&alarms["trials"])),
        count(whole(&alarms["failures"])),
        count(whole(&alarms["safe"]))
    ))
}

fn labelled(details: &Value) -> Check {
    let last = details["steps"].as_array().and_then(|steps| steps.last());
    let of = |variant: &str| last.map_or(0, |step| whole(&step[variant]["labelled"]));
    let lowest = of("champion").min(of("candidate"));
    let asked = whole(&details["plan"]["min_records"]);
    Check::new(
        "Labelled answers of each model at the last share",
        count(lowest),
        format!("at least {}", count(asked)),
        if lowest >= asked { Outcome::Pass } else { Outcome::Inconclusive },
    )
}

fn shares(details: &Value, verdict: &str) -> LinePlot {
    let steps = details["steps"].as_array().map_or(&[][..], Vec::as_slice);
    let decided = real(&details["decided"]);
    let mut points = vec![(0.0, 0.0)];
    points.extend(steps.iter().map(|step| (real(&step["written"]), real(&step["share"]))));
    let last = points.last().map_or(0.0, |point| point.1);
    let mut end = decided;
    if details["withdrawn"].is_object() {
        end += real(&details["withdrawn"]["written_after"]);
        points.push((end, 0.0));
    } else {
        points.push((end, last));
    }
    // A little beyond, so that the last level is seen.
    points.push((end * 1.02, points.last().map_or(0.0, |point| point.1)));
    let axis = Axis::new("share of the keys").percent();
    let mut plot = LinePlot::new("Share of the candidate", Axis::new("time").unit("s"), axis)
        .caption("Each level is a route generation; its answers count once every live scorer has confirmed it (dotted).")
        .series(Series::new("share", points).steps().tone(Tone::Candidate))
        .marker(decided, verdict);
    for step in steps {
        if let Some(at) = step["confirmed"].as_f64() {
            plot = plot.marker(at, "");
        }
    }
    for said in details["said"].as_array().into_iter().flatten() {
        plot = plot.marker(real(&said["at"]), said["command"].as_str().unwrap_or_default());
    }
    plot
}

fn real(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn whole(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

/// A bound that may be missing.
fn bound(value: &Value, none: &str) -> String {
    value.as_f64().map_or_else(|| none.to_owned(), number)
}
