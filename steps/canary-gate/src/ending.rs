//! Why a canary is over, in one sentence a person understands.

use contract::Verdict;

use crate::baseline::Baseline;
use crate::commands::Command;
use crate::evidence::{Harm, Track};
use crate::gate::{Counts, Ending, Gate};
use crate::metrics::judge::{Judge, View};
use crate::metrics::spec::Of;

/// One metric proves harm.
pub(crate) fn harm(gate: &Gate, harm: Harm) -> Ending {
    let (champion, candidate) = gate.totals();
    let track = &gate.evidence.tracks[harm.track];
    let in_force = gate.steps.last().map_or(0.0, |step| step.share);
    let slice = harm.slice.map(|slice| &track.slices[slice]);
    let judge = slice.map_or(&track.whole, |slice| &slice.judge);
    let view = judge.view(in_force);
    let what = match track.metric.of {
        _ if slice.is_some() => values(track, judge, &view),
        Of::LabelErrors => format!(
            "the candidate answered {}, {} {}",
            wrong(candidate),
            other(gate),
            wrong(champion)
        ),
        Of::Failures => format!(
            "the candidate failed to answer {} of {} records",
            candidate.fallbacks, candidate.records
        ),
        _ => values(track, judge, &view),
    };
    let place = slice.map_or_else(String::new, |slice| format!(" where {}", slice.name));
    let share = share(gate);
    fail(format!(
        "harm at a share of {share}{place}: {what}{}",
        evidence(view.harm.log_e, view.harm.limit)
    ))
}

/// Everything that was asked to be proven is.
pub(crate) fn safe(gate: &Gate) -> Ending {
    let (champion, candidate) = gate.totals();
    let in_force = gate.steps.last().map_or(0.0, |step| step.share);
    let proven: Vec<&Track> =
        gate.evidence.tracks.iter().filter(|track| track.metric.needs_proof()).collect();
    let [only] = proven.as_slice() else {
        let names: Vec<&str> = proven.iter().map(|track| track.metric.name.as_str()).collect();
        return pass(format!(
            "not worse than the champion in {} up to a share of {}: the candidate answered {}, {} {}",
            names.join(", "),
            share(gate),
            wrong(candidate),
            other(gate),
            wrong(champion),
        ));
    };
    let view = only.whole.view(in_force);
    let margin = match only.metric.of {
        Of::Loss | Of::Score => report::number(only.margin),
        _ => report::percent(only.margin),
    };
    let what = match only.metric.of {
        Of::LabelErrors => format!(
            "the candidate answered {}, {} {}",
            wrong(candidate),
            other(gate),
            wrong(champion)
        ),
        _ => values(only, &only.whole, &view),
    };
    pass(format!(
        "not worse than the champion by {margin} up to a share of {}: {what}{}",
        share(gate),
        evidence(view.safe.log_e, view.safe.limit)
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

/// The champion was compared with itself.
pub(crate) fn a_a(gate: &Gate) -> Ending {
    let Some(alarms) = &gate.alarms else { return inconclusive("no splits were judged".into()) };
    let counted = alarms.count();
    let own = match gate.evidence.harm() {
        None => "the split of this run did not alarm",
        Some(_) => "the split of this run is one of the false alarms",
    };
    let reason = format!(
        "{} of {} splits of the champion's own {} errors alarmed: {} false alarms (95 % confidence: {} to {}), \
         where at most {} was promised; {own}",
        counted.harmful,
        counted.trials,
        report::count(counted.failures),
        report::percent(counted.rate.estimate),
        report::percent(counted.rate.lower),
        report::percent(counted.rate.upper),
        report::percent(counted.alpha),
    );
    Ending { verdict: counted.verdict(), reason }
}

/// A person gave up.
pub(crate) fn aborted(command: &Command) -> String {
    let by = if command.by.is_empty() { "someone" } else { &command.by };
    let why = if command.reason.is_empty() { "no reason was given" } else { &command.reason };
    format!("aborted by {by}: {why}")
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
        Some(step) if Some(&step.share) != gate.plan.shares.last() => {
            "the higher shares were still to come".into()
        }
        Some(_) if gate.baseline.as_ref().is_some_and(Baseline::is_used_up) => format!(
            "all {} answers that the champion gave before the switch were compared with",
            gate.baseline.as_ref().map_or(0, Baseline::len)
        ),
        Some(_) => lacking(gate),
    };
    let (deadline, share) = (gate.plan.deadline, share(gate));
    inconclusive(format!("{deadline:?} passed at a share of {share}, and {lacking}"))
}

/// What a pass still lacked at the last share.
fn lacking(gate: &Gate) -> String {
    let silent: Vec<&str> =
        gate.evidence.silent().map(|track| track.metric.name.as_str()).collect();
    if !silent.is_empty() {
        return format!("there is no data of {}, which is no success", silent.join(", "));
    }
    let in_force = gate.steps.last().map_or(0.0, |step| step.share);
    let Some(track) = gate.evidence.unproven().next() else {
        return "it had not been watched long enough".into();
    };
    let view = track.whole.view(in_force);
    match (view.safe.log_e, view.safe.limit) {
        (Some(log_e), Some(limit)) => format!(
            "the log evidence that the candidate is not worse in {} is {log_e:.2}, and {limit:.2} is needed",
            track.metric.name
        ),
        _ => format!(
            "the interval of {}, {} to {}, still reaches beyond {}",
            track.metric.name,
            report::number(view.lower),
            report::number(view.upper),
            report::number(track.margin)
        ),
    }
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

/// What a metric says of the two models.
fn values(track: &Track, judge: &Judge, view: &View) -> String {
    let name = &track.metric.name;
    match judge {
        Judge::Counted(_) => format!(
            "{name}: {} of the candidate's, {} of the champion's",
            report::count(view.candidate as u64),
            report::count(view.champion as u64)
        ),
        Judge::Mean(_) => format!(
            "{name}: {} with the candidate, {} with the champion; the difference lies between {} and {}, and {} is tolerated",
            report::number(view.candidate),
            report::number(view.champion),
            report::number(view.lower),
            report::number(view.upper),
            report::number(track.margin)
        ),
        Judge::Sampled(sampled) => format!(
            "{name}: {} of {} answers beyond the limit",
            report::count(view.candidate as u64),
            report::count(sampled.counts().0)
        ),
    }
}

fn evidence(log_e: Option<f64>, limit: Option<f64>) -> String {
    match (log_e, limit) {
        (Some(log_e), Some(limit)) => format!(" (log evidence {log_e:.2}, limit {limit:.2})"),
        _ => String::new(),
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
