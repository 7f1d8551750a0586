//! The report page: what was decided and at what price, a row for each metric and slice, evidence and shares over time.

use report::{Axis, Check, LinePlot, Model, Outcome, Page, Series, Tone, count, percent};
use serde_json::Value;

mod metric;
mod plots;
mod summary;
mod tables;

#[cfg(test)]
mod tests;

/// Renders the decision record.
pub(crate) fn render(record: &Value) -> String {
    let details = &record["details"];
    let candidate = Model::of("Candidate", &details["model"]);
    let mut page = Page::of_record(title(details, record, candidate.as_ref()), record)
        .model(candidate)
        .model(Model::of("Champion", &details["before"]["champion"]));
    if details["steps"].as_array().is_none_or(Vec::is_empty) {
        return page
            .figure(
                "Decision",
                "No canary",
                "The candidate got no share, so no record was at stake.",
            )
            .render();
    }
    let metrics = details["metrics"].as_array().map_or(&[][..], Vec::as_slice);
    page = summary::figures(page, record);
    for metric in metrics {
        for check in metric::checks(details, metric) {
            page = page.check(check);
        }
    }
    if details["alarms"].is_object() {
        page = page.check(alarms(&details["alarms"]));
    }
    page = page.check(labelled(details));
    for plot in plots::of_metrics(details, metrics) {
        page = page.plot(plot);
    }
    page = page.plot(shares(details)).table(tables::answers(details)).table(tables::steps(details));
    for table in tables::others(details) {
        page = page.table(table);
    }
    page.table(tables::records(details, record)).render()
}

fn title(details: &Value, record: &Value, candidate: Option<&Model>) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let what = match details["plan"]["strategy"].as_str() {
        Some("blue-green") => "Blue-green switch",
        Some("a-a") => "A/A test",
        _ => "Canary",
    };
    let of = match candidate.filter(|model| !model.name.is_empty()) {
        Some(model) => model.called(),
        None => format!("release {}", text(&record["release"])),
    };
    format!("{what} of {of} on stream {}", text(&record["stream"]))
}

fn alarms(alarms: &Value) -> Check {
    let (rate, alpha) = (&alarms["rate"], real(&alarms["alpha"]));
    let interval =
        format!("{} to {}", percent(real(&rate["lower"])), percent(real(&rate["upper"])));
    let outcome = if whole(&alarms["failures"]) == 0 {
        Outcome::NotRun
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
        "of {} splits of the champion's own {} by chance, {} were called harmful and {} safe",
        count(whole(&alarms["trials"])),
        report::plural(whole(&alarms["failures"]), "error"),
        count(whole(&alarms["harmful"])),
        count(whole(&alarms["safe"]))
    ))
}

fn labelled(details: &Value) -> Check {
    let last = details["steps"].as_array().and_then(|steps| steps.last());
    let of = |variant: &str| last.map_or(0, |step| whole(&step[variant]["labelled"]));
    let (champion, candidate) = (of("champion"), of("candidate"));
    let asked = whole(&details["plan"]["min_records"]);
    let lowest = champion.min(candidate);
    Check::new(
        "Labelled answers at the last share",
        count(lowest),
        format!("at least {} of each model", count(asked)),
        match lowest {
            0 => Outcome::NotRun,
            few if few < asked => Outcome::Inconclusive,
            _ => Outcome::Pass,
        },
    )
    .note(format!(
        "the champion had {}, the candidate {}; fewer are no ground for a pass",
        count(champion),
        count(candidate)
    ))
}

fn shares(details: &Value) -> LinePlot {
    let steps = details["steps"].as_array().map_or(&[][..], Vec::as_slice);
    let decided = details["decided"].as_f64();
    let mut points = vec![(0.0, 0.0)];
    points.extend(steps.iter().map(|step| (real(&step["written"]), real(&step["share"]))));
    let last = points.last().map_or((0.0, 0.0), |point| *point);
    let mut end = decided.unwrap_or(last.0);
    if let Some(after) = details["withdrawn"]["written_after"].as_f64() {
        end += after;
        points.push((end, 0.0));
    } else {
        points.push((end, last.1));
    }
    // A little beyond, so that the last level is seen.
    points.push((end * 1.04, points.last().map_or(0.0, |point| point.1)));
    let axis = Axis::new("share of the keys").percent();
    let mut plot = LinePlot::new("Share of the candidate", Axis::new("time").unit("s"), axis)
        .caption("Each level is a generation of the route; what is answered counts once every live scorer has confirmed it.")
        .series(Series::new("share", points).steps().tone(Tone::Candidate));
    for said in details["said"].as_array().into_iter().flatten() {
        if let Some(after) = after(said) {
            plot = plot.marker(after, said["command"].as_str().unwrap_or_default());
        }
    }
    match decided {
        Some(at) => plot.decision(at, "decided"),
        None => plot,
    }
}

/// Seconds since the gate began, of a command; records from before this was written hold the time of day alone.
fn after(said: &Value) -> Option<f64> {
    said["after"].as_f64().or_else(|| said["at"].as_f64())
}

fn real(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn whole(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

/// Over all shares.
fn total(details: &Value, variant: &str, what: &str) -> u64 {
    let steps = details["steps"].as_array().into_iter().flatten();
    steps.map(|step| whole(&step[variant][what])).sum()
}
