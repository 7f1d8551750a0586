//! Writes the route, waits for the scorers, looks at the predictions.

use contract::{Context, EventType, Verdict, by_verdict, event_log, results};
use routes::{Confirmation, Route, Routes, Scorers};

use crate::decide::{LEFT_BEHIND, Plan, note, plan};
use crate::known_good::Good;
use crate::scan::{Scan, Sought};
use crate::since::{names, since, was_routed};
use crate::watch::{Read, Watching, history, predictions};
use crate::{Args, FAILED, ROLLED_BACK, UNDECIDED, UNNEEDED};

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
pub(crate) fn run(args: &Args, context: &Context, event: &str) -> anyhow::Result<Finished> {
    let (kafka, stream) = (&context.kafka, &context.common.stream);
    let release = &context.common.release;
    let events = event_log::read(kafka)?;
    let decide = |now: Option<&Route>| plan(now, &args.bad, release, event, &events);
    let now = routes::read(kafka, stream)?;
    let mut decided = decide(now.as_ref());
    let mut finished = Finished {
        verdict: Verdict::Pass,
        reason: String::new(),
        event: ROLLED_BACK,
        bad: String::new(),
        good: None,
        before: now.clone(),
        after: now,
        wrote: false,
        proof: None,
    };
    // Only who is going to write becomes the writer: that fences a canary under way.
    if matches!(decided, Plan::Write { .. }) {
        let mut routes = Routes::open(kafka, stream)?;
        finished.before = routes.current().cloned();
        finished.after = finished.before.clone();
        decided = decide(routes.current());
        if let Plan::Write { bad, route, good } = decided {
            let written = routes.write(*route, release, &note(&bad, event))?;
            finished.after = Some(written);
            (finished.wrote, finished.good) = (true, good);
            decided = Plan::Resume { bad };
        }
    }
    let (bad, ours) = match decided {
        Plan::Refuse { bad, reason } => {
            (finished.bad, finished.event) = (bad, FAILED);
            (finished.verdict, finished.reason) = (Verdict::Fail, reason);
            return Ok(finished);
        }
        Plan::Nothing { bad } => (bad, false),
        Plan::Resume { bad } => (bad, true),
        Plan::Write { .. } => anyhow::bail!("a route that was to be written was not"),
    };
    prove(&mut finished, bad, ours, &events, args, context)?;
    Ok(finished)
}

/// Waits for the scorers and looks at the predictions; sets verdict, reason and event.
fn prove(
    finished: &mut Finished,
    bad: String,
    ours: bool,
    events: &[contract::event::OutcomeEvent],
    args: &Args,
    context: &Context,
) -> anyhow::Result<()> {
    let (kafka, stream) = (&context.kafka, &context.common.stream);
    let history = history(kafka, stream)?;
    let events: Vec<_> =
        events.iter().filter(|event| event.custom_data.stream == *stream).cloned().collect();
    let Some(after) = finished.after.clone() else {
        finished.unneeded("nothing to do: this stream has no route");
        return Ok(());
    };
    if bad.is_empty() {
        finished.unneeded(match args.bad.as_str() {
            LEFT_BEHIND => "nothing to do: this release left no candidate on the stream",
            _ => "nothing to do: no candidate is on the stream, and this release promoted no model",
        });
        return Ok(());
    }
    if !ours && !was_routed(&history, &events, &bad) {
        finished.unneeded(&format!("nothing to do: {bad} never had a part in this stream"));
        return Ok(());
    }
    let mut scorers = Scorers::open(kafka, stream)?;
    let confirmation = scorers.confirm(after.generation, args.confirm_timeout, &context.stop)?;
    let confirmed = matches!(confirmation, Confirmation::Confirmed { .. });
    tracing::info!(confirmed, generation = after.generation, "asked the scorers");

    let sought = Sought {
        bad: bad.clone(),
        good: std::iter::once(&after.champion)
            .chain(after.candidate.as_ref().map(|candidate| &candidate.model))
            .map(|model| model.digest.clone())
            .collect(),
        generation: ended(&history, &after, &bad),
    };
    let watching = Watching {
        // Unconfirmed, later answers prove nothing: only the ranges are of use.
        limit: if confirmed { args.observe } else { std::time::Duration::ZERO },
        records: args.observe_records,
    };
    let mut scan = Scan::new(sought);
    let since = since(&history, &events, &bad);
    let read = predictions(context, since, watching, &mut scan)?;
    let proof = Proof { confirmation, scan, since, read };
    (finished.verdict, finished.reason) = crate::record::judge(&proof, &bad, &after, ours, args);
    let unneeded = !ours && proof.scan.answers == 0;
    let passed = if unneeded { UNNEEDED } else { ROLLED_BACK };
    finished.event = by_verdict(finished.verdict, [passed, FAILED, UNDECIDED]);
    (finished.bad, finished.proof) = (bad, Some(proof));
    Ok(())
}

/// The generation with which the bad model's part ended, as far as the routes topic still tells.
fn ended(history: &[(Route, i64)], now: &Route, bad: &str) -> u64 {
    let last = history
        .iter()
        .filter(|(route, _)| names(route, bad))
        .map(|(route, _)| route.generation)
        .max();
    let next = last.and_then(|last| {
        history.iter().map(|(route, _)| route.generation).filter(|next| *next > last).min()
    });
    next.unwrap_or(now.generation)
}

impl Finished {
    fn unneeded(&mut self, reason: &str) {
        self.event = UNNEEDED;
        self.reason = reason.to_owned();
    }
}
