//! Writes the route, waits for the scorers, looks at the predictions.

use contract::event::OutcomeEvent;
use contract::{Context, EventType, Verdict, by_verdict, results};
use routes::{Confirmation, Route, RouteWriter, Traffic};

use crate::decide::{LEFT_BEHIND, Plan};
use crate::exposure::{first_exposed, has_part, was_routed};
use crate::known_good::Good;
use crate::scan::{Scan, Sought};
use crate::watch::{Read, SKEW_MS, Watching, predictions};
use crate::written::Written;
use crate::{Args, FAILED, ROLLED_BACK, UNDECIDED, UNNEEDED};

/// What was decided, and all that it was decided from.
pub(crate) struct Work<'a> {
    pub(crate) bad: String,
    /// The generation in which the bad model was found.
    pub(crate) at: Option<u64>,
    pub(crate) plan: Plan,
    pub(crate) before: Option<Route>,
    /// Where something is to be written.
    pub(crate) writer: Option<Box<dyn RouteWriter>>,
    /// The stream's routes that the topic still has, with the time of their records.
    pub(crate) history: Vec<(Route, i64)>,
    pub(crate) events: Vec<OutcomeEvent>,
    pub(crate) traffic: &'a dyn Traffic,
}

/// A finished rollback.
pub(crate) struct Finished {
    pub(crate) verdict: Verdict,
    pub(crate) reason: String,
    pub(crate) event: EventType<results::Rollback>,
    pub(crate) bad: String,
    /// Where the good model comes from, when the champion was the bad one.
    pub(crate) good: Option<Good>,
    pub(crate) before: Option<Route>,
    pub(crate) after: Option<Route>,
    /// Whether this run wrote the route.
    pub(crate) wrote: bool,
    /// The record that is no route, where this run wrote over one.
    pub(crate) mended: Option<String>,
    pub(crate) proof: Option<Proof>,
}

/// What shows that the bad model is gone.
pub(crate) struct Proof {
    pub(crate) confirmation: Confirmation,
    pub(crate) scan: Scan,
    /// From when on predictions were read, milliseconds since 1970; `None` from their beginning.
    pub(crate) since: Option<i64>,
    pub(crate) read: Read,
}

/// Carries the rollback out; `event` is the id of its outcome event.
///
/// # Errors
/// The broker is away, or the process was asked to end. What was written stays; the next run goes on from there.
pub(crate) fn run(
    work: Work<'_>,
    args: &Args,
    context: &Context,
    event: &str,
) -> anyhow::Result<Finished> {
    let Work { bad, at, plan, before, mut writer, mut history, events, traffic } = work;
    let release = &context.common.release;
    let mut finished = Finished {
        verdict: Verdict::Pass,
        reason: String::new(),
        event: ROLLED_BACK,
        bad: String::new(),
        good: None,
        after: before.clone(),
        before,
        wrote: false,
        mended: None,
        proof: None,
    };
    let unreadable =
        writer.as_ref().and_then(|writer| writer.unreadable()).map(ToString::to_string);
    let (write, ours, refused) = match plan {
        Plan::Write { route, good } => {
            finished.good = good;
            let at = at.unwrap_or_default();
            let written = Written { bad: bad.clone(), at, event: event.to_owned() };
            (Some((*route, written.reason(), Some(written.decision()))), true, None)
        }
        Plan::Resume => (None, true, None),
        Plan::Nothing => (None, false, None),
        Plan::Refuse(reason) => (None, false, Some(reason)),
    };
    // Where nothing else is to be done, the stream goes on as it was, on a record that everyone can read.
    let mend = || {
        let route = finished.before.clone().filter(|_| unreadable.is_some())?;
        Some((route, "written anew over a record that is no route".to_owned(), None))
    };
    if let Some((route, reason, decision)) = write.or_else(mend)
        && let Some(routes) = &mut writer
    {
        let written = routes.write(route, release, &reason, decision)?;
        let at_ms = contract::event::unix_ms(&written.at).unwrap_or_default();
        history.push((written.clone(), at_ms));
        finished.after = Some(written);
        (finished.wrote, finished.mended) = (true, unreadable);
    }
    if let Some(reason) = refused {
        (finished.bad, finished.event) = (bad, FAILED);
        (finished.verdict, finished.reason) = (Verdict::Fail, reason);
    } else {
        prove(&mut finished, bad, ours, (&history, &events), traffic, args, context)?;
    }
    if let Some(record) = &finished.mended {
        finished.reason.push_str(&format!("; {record}, and was written over"));
    }
    Ok(finished)
}

/// Waits for the scorers and looks at the predictions; sets verdict, reason and event.
fn prove(
    finished: &mut Finished,
    bad: String,
    ours: bool,
    (history, events): (&[(Route, i64)], &[OutcomeEvent]),
    traffic: &dyn Traffic,
    args: &Args,
    context: &Context,
) -> anyhow::Result<()> {
    let stream = &context.common.stream;
    let events: Vec<_> =
        events.iter().filter(|event| event.custom_data.stream == *stream).cloned().collect();
    let Some(after) = finished.after.clone() else {
        finished.unneeded("nothing to do: this stream has no route");
        return Ok(());
    };
    if bad.is_empty() {
        finished.unneeded(match args.bad.as_str() {
            LEFT_BEHIND => "nothing to do: this release left no candidate on the stream",
            "candidate" => "nothing to do: no candidate is on the stream",
            _ => {
                "nothing to do: this release tries no candidate on the stream, and its champion is not by this release"
            }
        });
        return Ok(());
    }
    if !ours && !was_routed(history, &events, &bad) {
        finished.unneeded(&format!("nothing to do: {bad} never had a part in this stream"));
        return Ok(());
    }
    let confirmation =
        traffic.confirmations()?.confirm(&after, args.confirm_timeout, &context.stop)?;
    let confirmed = matches!(confirmation, Confirmation::Confirmed { .. });
    tracing::info!(scorers = %confirmation, generation = after.generation, "asked the scorers");

    let (generation, written_ms) = ended(history, &after, &bad);
    let sought = Sought {
        bad: bad.clone(),
        good: std::iter::once(&after.champion)
            .chain(after.candidate.as_ref().map(|candidate| &candidate.model))
            .map(|model| model.digest.clone())
            .collect(),
        generation,
        // Generations of a topic that was lost may be as high.
        from_ms: written_ms.map_or(i64::MIN, |at| at - SKEW_MS),
    };
    let watching = Watching {
        // Unconfirmed, later answers prove nothing: only the ranges are of use.
        limit: if confirmed { args.observe } else { std::time::Duration::ZERO },
        records: args.observe_records,
    };
    let mut scan = Scan::new(sought);
    let since = first_exposed(history, &events, &bad);
    let read = predictions(context, since, watching, &mut scan)?;
    let proof = Proof { confirmation, scan, since, read };
    (finished.verdict, finished.reason) = crate::outcome::judge(&proof, &bad, &after, ours, args);
    let unneeded = !ours && proof.scan.answers == 0;
    let passed = if unneeded { UNNEEDED } else { ROLLED_BACK };
    finished.event = by_verdict(finished.verdict, [passed, FAILED, UNDECIDED]);
    (finished.bad, finished.proof) = (bad, Some(proof));
    Ok(())
}

/// The generation with which the bad model's part ended, and when it was written, as far as the routes topic still says.
fn ended(history: &[(Route, i64)], now: &Route, bad: &str) -> (u64, Option<i64>) {
    let last = history.iter().rposition(|(route, _)| has_part(route, bad));
    let next = last.and_then(|last| history.get(last + 1));
    next.map_or((now.generation, None), |(route, at)| (route.generation, Some(*at)))
}

impl Finished {
    fn unneeded(&mut self, reason: &str) {
        self.event = UNNEEDED;
        self.reason = reason.to_owned();
    }
}
