//! Why a canary is over, in one sentence a person understands.

use std::time::Duration;

use contract::Verdict;
use routes::Route;

use crate::policy::baseline::Baseline;
use crate::policy::command::Command;
use crate::policy::evidence::{Blind, Harm, Track};
use crate::policy::gate::{Counts, Gate, Outcome, Step};
use crate::policy::metrics::held::Tally;
use crate::policy::metrics::judge::{Judge, View};
use crate::policy::metrics::spec::{Better, Of};

mod no_decision;

pub(crate) use no_decision::{blind, no_start, stalled, why_stalled};

/// One metric proves harm.
pub(crate) fn harm(gate: &Gate, harm: Harm) -> Outcome {
    let (champion, candidate) = gate.totals();
    let track = &gate.evidence.tracks[harm.track];
    let in_force = gate.steps.last().map_or(0.0, |step| step.share);
    let slice = harm.slice.map(|slice| &track.slices[slice]);
    let judge = slice.map_or(&track.whole, |slice| &slice.judge);
    let view = judge.view(in_force);
    if track.candidate().is_mostly_unfit() {
        return blind(gate, track, Blind::Candidate);
    }
    let what = match track.metric.of {
        _ if slice.is_some() => values(track, judge, &view),
        Of::LabelErrors => format!(
            "the candidate answered {}, {} {}{}",
            wrong(candidate),
            other(gate),
            wrong(champion),
            unfit(track)
        ),
        Of::Failures => format!(
            "the candidate failed to answer {} of {} records",
            report::count(candidate.fallbacks),
            report::count(candidate.records)
        ),
        _ => format!("{}{}", values(track, judge, &view), unfit(track)),
    };
    let place = slice.map_or_else(String::new, |slice| format!(" where {}", slice.name));
    let share = share(gate);
    fail(format!(
        "harm at a share of {share}{place}: {what}{}",
        evidence(view.harm.log_e, view.harm.limit)
    ))
}

/// Everything that was asked to be proven is.
pub(crate) fn safe(gate: &Gate) -> Outcome {
    let in_force = gate.steps.last().map_or(0.0, |step| step.share);
    let proven: Vec<&Track> =
        gate.evidence.tracks.iter().filter(|track| track.metric.needs_proof()).collect();
    let bounds: Vec<String> = proven.iter().map(|track| bound(track)).collect();
    let what: Vec<String> = proven
        .iter()
        .map(|track| {
            let view = track.whole.view(in_force);
            format!("{}{}", seen(gate, track, &view), evidence(view.safe.log_e, view.safe.limit))
        })
        .collect();
    pass(format!(
        "not worse than the champion up to a share of {}, proven: {}; {}",
        share(gate),
        bounds.join(", and "),
        what.join("; "),
    ))
}

/// The bound whose proof a pass rests on.
fn bound(track: &Track) -> String {
    let (name, margin) = (&track.metric.name, track.margin);
    match (&track.whole, track.metric.of, track.metric.better) {
        (Judge::Counted(_), _, Better::Lower) => {
            format!(
                "{name} at less than {} times the champion's rate",
                report::number(1.0 + margin)
            )
        }
        (Judge::Counted(_), _, Better::Higher) => format!(
            "{name} at more than {} times the champion's rate",
            report::number(1.0 / (1.0 + margin))
        ),
        (Judge::Mean(_), Of::Score, _) => {
            format!("a mean {name} within {} of the champion's", report::number(margin))
        }
        (Judge::Mean(_), ..) => {
            format!("a mean {name} less than {} above the champion's", report::number(margin))
        }
        (Judge::Sampled(_), ..) => {
            let tolerance = track.metric.query.as_ref().map_or(0.0, |query| query.tolerance);
            format!(
                "{name} beyond its limit in less than {} of the answers",
                report::percent(tolerance)
            )
        }
    }
}

/// What was seen of a metric.
fn seen(gate: &Gate, track: &Track, view: &View) -> String {
    let (champion, candidate) = gate.totals();
    match track.metric.of {
        Of::LabelErrors => format!(
            "the candidate answered {}, {} {}",
            wrong(candidate),
            other(gate),
            wrong(champion)
        ),
        _ => values(track, &track.whole, view),
    }
}

/// No harm was seen where no proof of the contrary was asked for.
pub(crate) fn no_harm(gate: &Gate) -> Outcome {
    let in_force = gate.steps.last().map_or(0.0, |step| step.share);
    let critical = gate.evidence.tracks.iter().filter(|track| track.is_critical());
    let what: Vec<String> =
        critical.map(|track| seen(gate, track, &track.whole.view(in_force))).collect();
    pass(format!(
        "no harm seen up to a share of {}: {}; that it is not worse was not asked to be proven",
        share(gate),
        what.join("; "),
    ))
}

/// The candidate's answers that cannot be judged and so count as its worst, where there are any.
fn unfit(track: &Track) -> String {
    let candidate = track.candidate();
    if candidate.unfit == 0 { String::new() } else { format!("; {}", candidate.words()) }
}

/// The champion was compared with itself.
pub(crate) fn a_a(gate: &Gate) -> Outcome {
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
    Outcome { verdict: counted.verdict(), reason }
}

/// A person gave up.
pub(crate) fn aborted(command: &Command) -> String {
    let by = if command.by.is_empty() { "someone" } else { &command.by };
    let why = if command.reason.is_empty() { "no reason was given" } else { &command.reason };
    format!("aborted by {by}: {why}")
}

/// The deadline passed.
pub(crate) fn deadline(gate: &Gate) -> Outcome {
    let lacking = match gate.steps.last() {
        None => "no route was written".into(),
        Some(step) if step.confirmed.is_none() => "not every scorer had confirmed".into(),
        Some(step) if step.labelled() < gate.plan.min_records => few(gate, step),
        Some(step) if Some(&step.share) != gate.plan.shares.last() => {
            "the higher shares were still to come".into()
        }
        Some(_) if gate.baseline.as_ref().is_some_and(Baseline::is_used_up) => format!(
            "all {} answers that the champion gave before the switch were compared with",
            gate.baseline.as_ref().map_or(0, Baseline::len)
        ),
        Some(_) => lacking(gate),
    };
    inconclusive(format!(
        "not decided by the deadline of {}, at a share of {}: {lacking}",
        span(gate.plan.deadline),
        share(gate)
    ))
}

/// Why there are too few labelled answers at a share.
fn few(gate: &Gate, step: &Step) -> String {
    let (champion, candidate) = (step.champion, step.candidate);
    let least = report::count(gate.plan.min_records);
    let judged = format!(
        "{} of {least} labelled answers of the champion and {} of {least} of the candidate were there",
        report::count(champion.labelled),
        report::count(candidate.labelled)
    );
    if champion.records + candidate.records == 0 {
        return format!("{judged}; no record was answered at this share");
    }
    let counts = gate.join.counts;
    let parts = [
        (gate.join.answers_waiting() as u64, "answers wait for their label"),
        (counts.missing, "answers were given up after --label-wait"),
        (counts.late, "labels came later than that"),
        (gate.join.labels_waiting() as u64 + counts.unmatched, "labels met no answer that counts"),
        (counts.dropped, "were dropped because more than --max-waiting waited"),
    ];
    let mut why: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{} {words}", report::count(*count)))
        .collect();
    let troubles = gate.troubles.count();
    if troubles > 0 {
        let words = gate.troubles.words();
        why.push(format!("{} records were no label: {words}", report::count(troubles)));
    }
    why.extend(gate.evidence.doubtful().next().map(doubtful));
    std::iter::once(judged).chain(why).collect::<Vec<_>>().join("; ")
}

/// Too many answers that a metric cannot judge.
fn doubtful(track: &Track) -> String {
    let of =
        |who: &str, tally: &Tally| tally.is_doubtful().then(|| format!("{who} {}", tally.words()));
    let both = [of("of the champion", track.champion()), of("of the candidate", track.candidate())];
    format!(
        "{} cannot judge more than 1 % of the answers: {}",
        track.metric.name,
        both.into_iter().flatten().collect::<Vec<_>>().join(", ")
    )
}

/// What a pass still lacked at the last share.
fn lacking(gate: &Gate) -> String {
    let silent: Vec<&str> =
        gate.evidence.silent().map(|track| track.metric.name.as_str()).collect();
    if !silent.is_empty() {
        return format!("there is no data of {}, which is no success", silent.join(", "));
    }
    if let Some(track) = gate.evidence.doubtful().next() {
        return doubtful(track);
    }
    if let Some(track) = gate.evidence.strange().next() {
        return format!(
            "none of the {} events of {} has a key that was answered: an event bears the key of the stream's records",
            report::count(track.strangers),
            track.metric.name
        );
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
        _ if !view.upper.is_finite() => {
            format!("too few values of {} came for an interval", track.metric.name)
        }
        _ => format!(
            "the interval of {}, {} to {}, still reaches beyond {}",
            track.metric.name,
            report::number(view.lower),
            report::number(view.upper),
            report::number(track.margin)
        ),
    }
}

/// Someone else wrote the route.
pub(crate) fn taken_over(foreign: &Route) -> Outcome {
    let Route { release, generation, reason, .. } = foreign;
    inconclusive(format!("taken over by release {release} in generation {generation}: {reason}"))
}

/// A scorer cannot load the candidate.
pub(crate) fn refused(scorer: &str, error: &str) -> String {
    format!("scorer {scorer} cannot answer with the candidate: {error}")
}

/// Scorers did not follow.
pub(crate) fn unconfirmed(gate: &Gate) -> Outcome {
    let limit = span(gate.plan.confirm_timeout);
    inconclusive(match gate.missing.as_slice() {
        [] => format!("no scorer of this stream was live within {limit}"),
        missing => format!("not confirmed within {limit} by {}", words::list(missing)),
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
        Judge::Mean(_) if !view.lower.is_finite() || !view.upper.is_finite() => {
            format!("{name}: too few values for an interval")
        }
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
        (Some(log_e), Some(limit)) => format!(" (log evidence {log_e:.2}, {limit:.2} is proof)"),
        _ => String::new(),
    }
}

fn wrong(counts: Counts) -> String {
    let labelled = counts.labelled.max(counts.errors);
    if labelled == 0 {
        return "nothing that has a label".into();
    }
    let rate = report::percent(counts.errors as f64 / labelled as f64);
    format!("{} of {} wrongly ({rate})", report::count(counts.errors), report::count(labelled))
}

/// A time as people say it.
pub(crate) fn span(span: Duration) -> String {
    let seconds = span.as_secs_f64();
    match seconds {
        _ if seconds < 1.0 => format!("{} ms", span.as_millis()),
        _ if seconds < 120.0 => format!("{} s", report::number(seconds)),
        _ if seconds < 7_200.0 => format!("{} min", report::number(seconds / 60.0)),
        _ => format!("{} h", report::number(seconds / 3_600.0)),
    }
}

fn share(gate: &Gate) -> String {
    report::percent(gate.steps.last().map_or(0.0, |step| step.share))
}

fn pass(reason: String) -> Outcome {
    Outcome { verdict: Verdict::Pass, reason }
}

fn fail(reason: String) -> Outcome {
    Outcome { verdict: Verdict::Fail, reason }
}

fn inconclusive(reason: String) -> Outcome {
    Outcome { verdict: Verdict::Inconclusive, reason }
}
