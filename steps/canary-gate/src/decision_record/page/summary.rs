//! What one glance has to take in: what was decided and by which metric, how sure, and at what price in records.

use contract::Verdict;
use report::{Page, count, number, percent, plural, seconds};

use super::Shown;
use super::metric::{Standing, part, standing, tolerated};
use crate::decision_record::details::{Canary, Metric};
use crate::policy::metrics::spec::Role;

pub(super) fn figures(page: Page, shown: &Shown<'_>) -> Page {
    let canary = shown.canary;
    let critical = || canary.metrics.iter().filter(|metric| metric.role == Role::Critical);
    let decided: Vec<&Metric> = match shown.verdict {
        Verdict::Fail => critical().filter(|it| harmful_part(it).is_some()).take(1).collect(),
        Verdict::Pass => {
            critical().filter(|it| it.proof && standing(canary, it) == Standing::Safe).collect()
        }
        Verdict::Inconclusive => Vec::new(),
    };
    let (value, note) = decision(shown.verdict, &decided, canary);
    let page = page.figure("Decision", value, note);
    let (value, note) = sureness(shown, &decided, critical().count());
    let page = page.figure("How sure", value, note);
    let (value, note) = price(canary);
    page.figure("Price in records", value, note)
}

/// The name of what of a metric proves harm: the metric itself, or one of its slices.
fn harmful_part(metric: &Metric) -> Option<String> {
    if metric.view.harm.proven {
        return Some(metric.name.clone());
    }
    let slice = metric.slices.iter().find(|slice| slice.view.harm.proven)?;
    Some(format!("{}, {}", metric.name, slice.name))
}

fn decision(verdict: Verdict, decided: &[&Metric], canary: &Canary) -> (String, String) {
    let share = percent(canary.steps.last().map_or(0.0, |step| step.share));
    let after = seconds(canary.decided);
    match (verdict, decided) {
        (Verdict::Fail, [metric]) => (
            "Harm proven".into(),
            format!(
                "by {} at a share of {share} after {after}",
                harmful_part(metric).unwrap_or_default()
            ),
        ),
        (Verdict::Fail, _) => (
            "Stopped".into(),
            format!("at a share of {share} after {after}; not by a metric's proof of harm"),
        ),
        (Verdict::Pass, []) => (
            "No harm seen".into(),
            format!(
                "up to a share of {share} after {after}; that it is not worse was not asked to be proven"
            ),
        ),
        (Verdict::Pass, metrics) => {
            let names: Vec<&str> = metrics.iter().map(|metric| metric.name.as_str()).collect();
            (
                "Not worse, proven".into(),
                format!("by {} up to a share of {share} after {after}", names.join(" and ")),
            )
        }
        (Verdict::Inconclusive, _) => (
            "Nothing proven".into(),
            format!(
                "neither harm nor that the candidate is not worse, up to a share of {share} after {after}"
            ),
        ),
    }
}

fn sureness(shown: &Shown<'_>, decided: &[&Metric], critical: usize) -> (String, String) {
    let alpha = shown.details.plan.alpha;
    let sure = format!("{} sure", percent(1.0 - alpha));
    match (shown.verdict, decided) {
        (Verdict::Fail, [_]) => {
            let of = if critical > 1 { "all metrics together alarm" } else { "the gate alarms" };
            (
                sure,
                format!(
                    "for a candidate that is not worse {of} in at most {} of such canaries",
                    percent(alpha)
                ),
            )
        }
        (Verdict::Pass, [metric, ..]) => {
            let bound = tolerated(metric);
            (
                sure,
                format!(
                    "one-sided: {bound}; a candidate beyond that passes in at most {} of such canaries",
                    percent(alpha)
                ),
            )
        }
        (Verdict::Pass, []) => {
            ("Not measured".into(), "the absence of harm was seen, not proven".into())
        }
        _ => {
            let needs = shown.canary.metrics.iter().filter(|metric| metric.proof);
            let parts = needs.filter_map(|metric| part(&metric.view.safe));
            match parts.reduce(f64::min) {
                Some(part) if part > 0.0 => (
                    percent((part * 100.0).round() / 100.0),
                    "of the evidence that a proof of “not worse” takes".into(),
                ),
                _ => ("Not at all".into(), "the records say nothing for “not worse”".into()),
            }
        }
    }
}

/// How many records the candidate answered, how many wrongly, how many were labelled, and what that cost.
fn price(canary: &Canary) -> (String, String) {
    let (champion, candidate) = canary.totals();
    let (labelled, errors) = (candidate.labelled, candidate.errors);
    let mut parts = vec![match labelled {
        0 => "no label came for them".to_owned(),
        _ => format!(
            "{} labelled, {} wrong ({})",
            count(labelled),
            count(errors),
            percent(errors as f64 / labelled as f64)
        ),
    }];
    if labelled > 0 && champion.labelled > 0 {
        let rate = champion.errors as f64 / champion.labelled as f64;
        let more = errors as f64 - rate * labelled as f64;
        parts.push(match more.abs() < 0.5 {
            true => "as many as the champion’s rate gives".to_owned(),
            false => format!(
                "about {} {} than at the champion’s rate of {}",
                number(more.abs().round()),
                if more > 0.0 { "more" } else { "fewer" },
                percent(rate)
            ),
        });
    }
    if candidate.fallbacks > 0 {
        parts.push(format!(
            "{} not answered by it, so the champion did",
            count(candidate.fallbacks)
        ));
    }
    let unjudged = unjudged(canary);
    if unjudged > 0 {
        parts.push(format!("{} could not be judged", count(unjudged)));
    }
    let note = format!("fell to the candidate: {}", parts.join("; "));
    (plural(candidate.records, "record"), note)
}

/// The most answers of the candidate that one metric could not judge.
pub(super) fn unjudged(canary: &Canary) -> u64 {
    let of = |metric: &Metric| {
        let tally = &metric.judged.candidate;
        tally.not.values().sum::<u64>().max(tally.unfit)
    };
    canary.metrics.iter().map(of).max().unwrap_or(0)
}
