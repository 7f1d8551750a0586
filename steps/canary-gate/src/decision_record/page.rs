//! The report page: what was decided and at what price, a row for each metric and slice, evidence and shares over time.

use contract::Verdict;
use contract::record::DecisionRecord;
use report::{Axis, Check, LinePlot, Model, Outcome, Page, Series, Tone, count, percent};
use routes::ModelRef;

use super::details::{Canary, Details};
use crate::Strategy;
use crate::policy::false_alarms::Counted;

mod metric;
mod plots;
mod summary;
mod tables;

#[cfg(test)]
mod tests;

/// What the page is made of.
struct Shown<'a> {
    verdict: Verdict,
    details: &'a Details,
    canary: &'a Canary,
}

/// Renders the decision record.
pub(crate) fn render(record: &DecisionRecord<Details>) -> String {
    let details = &record.details;
    let candidate = model("Candidate", &details.model);
    let champion = details.before.as_ref().and_then(|route| model("Champion", &route.champion));
    let title = title(details.plan.strategy, &record.release, &record.stream, candidate.as_ref());
    let page = record.page(title).model(candidate).model(champion);
    match &details.canary {
        Some(canary) if !canary.steps.is_empty() => {
            let shown = Shown { verdict: record.verdict, details, canary };
            of_canary(page, &shown, &record.step)
        }
        _ => page.figure(
            "Decision",
            "No canary",
            "The candidate got no share, so no record was at stake.",
        ),
    }
    .render()
}

fn of_canary(page: Page, shown: &Shown<'_>, step: &str) -> Page {
    let canary = shown.canary;
    let mut page = summary::figures(page, shown);
    for check in canary.metrics.iter().flat_map(|metric| metric::checks(canary, metric)) {
        page = page.check(check);
    }
    if let Some(alarms) = &canary.false_alarms {
        page = page.check(false_alarms(alarms));
    }
    page = page.check(labelled(shown));
    for plot in plots::of_metrics(canary) {
        page = page.plot(plot);
    }
    page = page.plot(shares(canary)).table(tables::answers(canary)).table(tables::steps(canary));
    for table in tables::others(shown) {
        page = page.table(table);
    }
    page.table(tables::records(canary, step))
}

fn model(role: &str, model: &ModelRef) -> Option<Model> {
    (!model.digest.is_empty()).then(|| model.on_page(role))
}

fn title(strategy: Strategy, release: &str, stream: &str, candidate: Option<&Model>) -> String {
    let what = match strategy {
        Strategy::BlueGreen => "Blue-green switch",
        Strategy::AA => "A/A test",
        Strategy::Canary => "Canary",
    };
    let of = match candidate.filter(|model| !model.name.is_empty()) {
        Some(model) => model.called(),
        None => format!("release {release}"),
    };
    format!("{what} of {of} on stream {stream}")
}

fn false_alarms(alarms: &Counted) -> Check {
    let (rate, alpha) = (alarms.rate, alarms.alpha);
    let outcome = match alarms.failures {
        0 => Outcome::NotRun,
        _ => Outcome::of(rate.lower <= alpha),
    };
    Check::new(
        "False alarms on your stream",
        format!("{} ({} to {})", percent(rate.estimate), percent(rate.lower), percent(rate.upper)),
        format!("at most {}", percent(alpha)),
        outcome,
    )
    .note(format!(
        "of {} splits of the champion's own {} by chance, {} were called harmful and {} safe",
        count(u64::from(alarms.trials)),
        report::plural(alarms.failures, "error"),
        count(u64::from(alarms.harmful)),
        count(u64::from(alarms.safe))
    ))
}

fn labelled(shown: &Shown<'_>) -> Check {
    let last = shown.canary.steps.last();
    let champion = last.map_or(0, |step| step.champion.labelled);
    let candidate = last.map_or(0, |step| step.candidate.labelled);
    let asked = shown.details.plan.min_records;
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

fn shares(canary: &Canary) -> LinePlot {
    let mut points = vec![(0.0, 0.0)];
    points.extend(canary.steps.iter().map(|step| (step.written, step.share)));
    let last = points.last().map_or(0.0, |point| point.1);
    let (end, last) = match &canary.withdrawn {
        Some(withdrawn) => (canary.decided + withdrawn.written_after, 0.0),
        None => (canary.decided, last),
    };
    // A little beyond, so that the last level is seen.
    points.extend([(end, last), (end * 1.04, last)]);
    let axis = Axis::new("share of the keys").percent();
    let mut plot = LinePlot::new("Share of the candidate", Axis::new("time").unit("s"), axis)
        .caption("Each level is a generation of the route; what is answered counts once every live scorer has confirmed it.")
        .series(Series::new("share", points).steps().tone(Tone::Candidate));
    for asked in &canary.commands {
        plot = plot.marker(asked.at, asked.command.command.as_str());
    }
    plot.decision(canary.decided, "decided")
}
