//! Why a canary is over, in one sentence a person understands.

use contract::Verdict;

use crate::baseline::Baseline;
use crate::evidence::Metric;
use crate::gate::{Counts, Ending, Gate};

/// One metric proves harm.
pub(crate) fn harm(gate: &Gate, metric: Metric) -> Ending {
    let (champion, candidate) = gate.totals();
    let evidence = &gate.evidence;
    let (what, peak) = match metric {
        Metric::LabelErrors => (
            format!(
                "the candidate answered {}, {} {}",
                wrong(candidate),
                other(gate),
                wrong(champion)
            ),
            evidence.label_harm.peak_log_e(),
        ),
        Metric::AnswerFailures => (
            format!(
                "the candidate failed to answer {} of {} records",
                candidate.fallbacks, candidate.records
            ),
            evidence.failure_harm.peak_log_e(),
        ),
    };
    let (share, limit) = (share(gate), evidence.harm_limit);
    fail(format!("harm at a share of {share}: {what} (log evidence {peak:.2}, limit {limit:.2})"))
}

/// It is proven that the candidate is not worse by the margin.
pub(crate) fn safe(gate: &Gate) -> Ending {
    let (champion, candidate) = gate.totals();
    let (peak, limit) = (gate.evidence.label_safe.peak_log_e(), gate.evidence.safe_limit);
    pass(format!(
        "not worse than the champion by {} up to a share of {}: the candidate answered {}, {} {} \
         (log evidence {peak:.2}, limit {limit:.2})",
        report::percent(gate.plan.margin),
        share(gate),
        wrong(candidate),
        other(gate),
        wrong(champion),
    ))
}

/// No harm was seen where no proof of the contrary was asked for.
pub(crate) fn no_harm(gate: &Gate) -> Ending {
    let (champion, candidate) = gate.totals();
    pass(format!(
        "no harm seen up to a share of {}: the candidate answered {}, {} {}; \
         that it is not worse was not asked to be proven",
        share(gate),
        wrong(candidate),
        other(gate),
        wrong(champion),
    ))
}

/// The deadline passed.
pub(crate) fn deadline(gate: &Gate) -> Ending {
    let lacking = match gate.steps.last() {
        None => "no route was written".into(),
        Some(step) if step.confirmed.is_none() => "not every scorer had confirmed".into(),
        Some(step) if step.labelled() < gate.plan.min_records => format!(
            "{} of {} labelled answers each were there",
            step.labelled(),
            gate.plan.min_records
        ),
        Some(_) if gate.steps.len() < gate.plan.shares.len() => {
            "the higher shares were still to come".into()
        }
        Some(_) if gate.baseline.as_ref().is_some_and(Baseline::is_used_up) => format!(
            "all {} answers that the champion gave before the switch were compared with",
            gate.baseline.as_ref().map_or(0, Baseline::len)
        ),
        Some(_) => format!(
            "the log evidence that the candidate is not worse is {:.2}, and {:.2} is needed",
            gate.evidence.label_safe.peak_log_e(),
            gate.evidence.safe_limit
        ),
    };
    let (deadline, share) = (gate.plan.deadline, share(gate));
    inconclusive(format!("{deadline:?} passed at a share of {share}, and {lacking}"))
}

/// Scorers did not follow.
pub(crate) fn unconfirmed(gate: &Gate) -> Ending {
    let limit = gate.plan.confirm_timeout;
    inconclusive(match gate.missing.as_slice() {
        [] => format!("no scorer of this stream was live within {limit:?}"),
        missing => format!("not confirmed within {limit:?} by {}", missing.join(", ")),
    })
}

/// Whom the candidate is compared with.
fn other(gate: &Gate) -> &'static str {
    match gate.baseline {
        None => "the champion",
        Some(_) => "the champion before the switch",
    }
}

fn wrong(counts: Counts) -> String {
    let labelled = counts.labelled.max(counts.errors);
    if labelled == 0 {
        return "nothing that has a label".into();
    }
    let rate = report::percent(counts.errors as f64 / labelled as f64);
    format!("{} of {} wrongly ({rate})", counts.errors, report::count(labelled))
}

fn share(gate: &Gate) -> String {
    report::percent(gate.steps.last().map_or(0.0, |step| step.share))
}

fn pass(reason: String) -> Ending {
    Ending { verdict: Verdict::Pass, reason }
}

fn fail(reason: String) -> Ending {
    Ending { verdict: Verdict::Fail, reason }
}

fn inconclusive(reason: String) -> Ending {
    Ending { verdict: Verdict::Inconclusive, reason }
}
