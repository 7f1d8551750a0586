//! One metric on the report page: how it stands, and its rows beside its limits.

use report::{Check, Outcome, count, number, percent, plural};

use crate::decision_record::details::{Canary, Metric, Slice};
use crate::policy::metrics::held::Tally;
use crate::policy::metrics::judge::{Claim, View};
use crate::policy::metrics::spec::{Better, Of, Role};

/// What the evidence on a metric, or on one of its slices, comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Worse than is tolerated, proven.
    Harmful,
    /// Surely not worse than is tolerated, proven.
    Safe,
    /// There are answers that it could judge, and they prove neither.
    Open,
    /// There is nothing that it could judge.
    Blind,
}

/// How a metric stands.
pub(super) fn standing(canary: &Canary, metric: &Metric) -> Standing {
    let view = &metric.view;
    match judged(canary, metric).1 {
        _ if view.harm.proven => Standing::Harmful,
        0 => Standing::Blind,
        _ if view.safe.proven => Standing::Safe,
        _ => Standing::Open,
    }
}

/// Answers that the metric could judge: champion, candidate.
fn judged(canary: &Canary, metric: &Metric) -> (u64, u64) {
    let (champion, candidate) = (&metric.judged.champion, &metric.judged.candidate);
    match metric.of {
        Of::Promql => metric.samples.map_or((0, 0), |samples| (samples.values, samples.values)),
        Of::LabelErrors | Of::Loss => (champion.judged, candidate.judged),
        // These need no label.
        Of::Latency | Of::Score => {
            let fit = |tally: &Tally| tally.answers.saturating_sub(tally.unfit);
            (fit(champion), fit(candidate))
        }
        Of::Failures | Of::Events => {
            let (champion, candidate) = canary.totals();
            (champion.records, candidate.records)
        }
    }
}

/// A row for the metric, and one for each slice.
pub(super) fn checks(canary: &Canary, metric: &Metric) -> Vec<Check> {
    let slices = metric.slices.iter().map(|slice| one_slice(metric, slice));
    std::iter::once(whole_stream(canary, metric)).chain(slices).collect()
}

fn whole_stream(canary: &Canary, metric: &Metric) -> Check {
    let (view, needs_proof) = (&metric.view, metric.proof);
    let standing = standing(canary, metric);
    let (value, outcome) = match standing {
        Standing::Harmful => (format!("{}; worse, proven", estimated(metric, view)), Outcome::Fail),
        Standing::Safe => {
            (format!("{}; {}, proven", estimated(metric, view), tolerated(metric)), Outcome::Pass)
        }
        Standing::Open if needs_proof => (
            format!("{}; {}", estimated(metric, view), possible(metric, view)),
            Outcome::Inconclusive,
        ),
        Standing::Open => (format!("{}; no harm proven", estimated(metric, view)), Outcome::Pass),
        Standing::Blind => ("no answer that it could judge".into(), Outcome::NotRun),
    };
    let threshold = match needs_proof {
        true => format!("{}, proven", tolerated(metric)),
        false => format!("{}, not proven otherwise", tolerated(metric)),
    };
    let mut note = vec![happened(canary, metric)];
    note.extend(progress(view, standing, needs_proof));
    note.extend(unjudged(metric));
    if metric.role == Role::Informative {
        note.push("for information, decides nothing".into());
    }
    Check::new(metric.name.as_str(), value, threshold, outcome).note(note.join("; "))
}

fn one_slice(metric: &Metric, Slice { name, view }: &Slice) -> Check {
    let has_data = view.estimate.is_some() || view.candidate + view.champion > 0.0;
    let (value, outcome) = match (view.harm.proven, has_data) {
        (true, _) => (format!("{}; worse, proven", estimated(metric, view)), Outcome::Fail),
        (false, true) => (format!("{}; no harm proven", estimated(metric, view)), Outcome::Pass),
        (false, false) => ("nothing happened in it".into(), Outcome::NotRun),
    };
    let mut note = vec!["a slice, watched for harm alone".to_owned()];
    if is_counted(metric) {
        let (candidate, champion) = (events(view.candidate), events(view.champion));
        note.insert(0, format!("candidate {}, champion {}", count(candidate), count(champion)));
    }
    let name = format!("{}, {name}", metric.name);
    Check::new(name, value, format!("{}, not proven otherwise", tolerated(metric)), outcome)
        .note(note.join("; "))
}

pub(super) fn is_mean(metric: &Metric) -> bool {
    matches!(metric.of, Of::Loss | Of::Score)
}

pub(super) fn is_asked(metric: &Metric) -> bool {
    metric.of == Of::Promql
}

pub(super) fn is_counted(metric: &Metric) -> bool {
    !is_mean(metric) && !is_asked(metric)
}

/// What was seen, in a word: a ratio of rates, a difference of means, a part of the answers.
fn estimated(metric: &Metric, view: &View) -> String {
    let Some(estimate) = view.estimate else {
        return match view.candidate + view.champion {
            0.0 => "none of either model".into(),
            _ => "no ratio yet".into(),
        };
    };
    if is_mean(metric) {
        format!("{} {}", number(estimate.abs()), if estimate < 0.0 { "less" } else { "more" })
    } else if is_asked(metric) {
        percent(estimate)
    } else {
        format!("{} times", number(estimate))
    }
}

/// The worst that the evidence leaves open, where nothing is proven.
fn possible(metric: &Metric, view: &View) -> String {
    let (bound, word) = match metric.better {
        Better::Higher => (view.lower, "as low as"),
        Better::Lower => (view.upper, "as high as"),
    };
    if !bound.is_finite() {
        "no bound yet".into()
    } else if is_mean(metric) {
        format!("may be {word} {}", number(bound))
    } else if is_asked(metric) {
        format!("may be {word} {}", percent(bound))
    } else {
        format!("may be {word} {} times", number(bound))
    }
}

/// The bound that decides.
pub(super) fn tolerated(metric: &Metric) -> String {
    let margin = metric.margin;
    match (metric.of, metric.better) {
        (Of::Promql, _) => {
            format!("at most {} beyond the limit", percent(metric.view.champion))
        }
        (Of::Score, _) => format!("at most {} up or down", number(margin)),
        (Of::Loss, _) => format!("at most {} more", number(margin)),
        (_, Better::Higher) => {
            format!("at least {} times the champion's rate", number(1.0 / (1.0 + margin)))
        }
        (_, Better::Lower) => {
            format!("at most {} times the champion's rate", number(1.0 + margin))
        }
    }
}

/// What was seen, in numbers.
fn happened(canary: &Canary, metric: &Metric) -> String {
    let view = &metric.view;
    if let Some(samples) = &metric.samples {
        return format!(
            "{} of {} beyond the limit, {} without data",
            count(events(view.candidate)),
            plural(samples.values, "answer"),
            count(samples.without_data)
        );
    }
    if is_mean(metric) {
        let mean = |mean: f64| if mean.is_finite() { number(mean) } else { "none".into() };
        let (candidate, champion) = (mean(view.candidate), mean(view.champion));
        return format!("means: candidate {candidate}, champion {champion}");
    }
    let of = |seen: f64, judged: u64| match judged {
        0 => format!("{} of none", count(events(seen))),
        all => format!("{} of {}", count(events(seen)), count(all)),
    };
    let (champion, candidate) = judged(canary, metric);
    format!("candidate {}, champion {}", of(view.candidate, candidate), of(view.champion, champion))
}

fn events(seen: f64) -> u64 {
    seen.max(0.0) as u64
}

/// The part of a proof that the evidence for a claim comes to.
pub(super) fn part(claim: &Claim) -> Option<f64> {
    Some(claim.log_e? / claim.limit?)
}

/// How far the evidence is on the way to the proof that matters next.
fn progress(view: &View, standing: Standing, needs_proof: bool) -> Option<String> {
    let (claim, of) = match standing {
        Standing::Harmful => (&view.harm, "harm"),
        Standing::Safe => (&view.safe, "“not worse”"),
        Standing::Open if needs_proof => (&view.safe, "“not worse”"),
        Standing::Open => (&view.harm, "harm"),
        Standing::Blind => return None,
    };
    let part = part(claim)?.max(0.0);
    Some(format!(
        "evidence of {of}: {} of what a proof takes",
        percent((part * 100.0).round() / 100.0)
    ))
}

/// The candidate's answers that the metric could not judge, and why.
fn unjudged(metric: &Metric) -> Option<String> {
    let tally = &metric.judged.candidate;
    let reasons: Vec<String> = tally
        .not
        .iter()
        .filter(|(_, many)| **many > 0)
        .map(|(why, many)| format!("{} ({})", count(*many), why.short()))
        .collect();
    match (reasons.is_empty(), tally.unfit) {
        (true, 0) => None,
        (true, unfit) => {
            Some(format!("{} of the candidate could not be judged", plural(unfit, "answer")))
        }
        (false, _) => Some(format!("not judged of the candidate: {}", reasons.join(", "))),
    }
}
