//! Reads routes and predictions.

use std::time::{Duration, Instant};

use contract::Context;
use kafka::{Reader, Start, Window};
use routes::{Route, Traffic};
use stream::Topics;

use crate::scan::Scan;

/// Clocks of those who write routes and of those who write predictions may differ by this.
pub(crate) const SKEW_MS: i64 = 60_000;

/// The stream's routes that are still known, with the time at which each was written.
///
/// # Errors
/// The broker is away, or the routes topic is missing.
pub(crate) fn history(traffic: &dyn Traffic) -> anyhow::Result<Vec<(Route, i64)>> {
    let entries = traffic.history()?.into_iter();
    Ok(entries
        .filter_map(|entry| Some((entry.at_ms, entry.route()?)))
        .map(|(at, it)| (it, at))
        .collect())
}

/// This part of what a partition holds is left out at a beginning that is being deleted.
const DELETION_ROOM: i64 = 20;

/// What was read of the predictions.
#[derive(Debug, Default)]
pub(crate) struct Read {
    /// Before every live scorer had confirmed.
    pub(crate) before: Window,
    /// Earlier answers are no longer kept, and nothing says whether the bad model gave any.
    pub(crate) incomplete: bool,
    pub(crate) watched_for: Duration,
}

/// How long to watch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watching {
    pub(crate) limit: Duration,
    /// Enough, however short the time.
    pub(crate) records: u64,
}

/// Reads the predictions from `since` (milliseconds since 1970; the beginning where unknown) to their present end,
/// and then watches what comes.
///
/// # Errors
/// The broker is away, or the process was asked to end.
pub(crate) fn predictions(
    context: &Context,
    since: Option<i64>,
    watching: Watching,
    scan: &mut Scan,
) -> anyhow::Result<Read> {
    let (kafka, topic) = (&context.kafka, Topics::of(&context.common.stream).predictions);
    let started = Instant::now();
    let starts = match since {
        Some(at) => kafka.offsets_at(&topic, at - SKEW_MS)?,
        None => None,
    };
    // The scorers have confirmed, but what they committed last may not be seen yet.
    let kept = kafka.settled(&topic)?;
    let from = |partition: i32, low: i64, high: i64| match &starts {
        Some(starts) => starts.get(&partition).copied().unwrap_or(low).max(low),
        None if low == 0 => 0,
        // The broker deletes from here; what would go before it is read, is left out.
        None => low + (high - low) / DELETION_ROOM,
    };
    let window = |(p, (low, high)): (&i32, &(i64, i64))| (*p, (from(*p, *low, *high), *high));
    let before = Window(kept.0.iter().map(window).collect());
    let incomplete = starts.is_none() && kept.0.values().any(|(low, _)| *low > 0);
    let (mut done, total) = (0u64, before.len());
    Reader::read_window(kafka, &topic, &before, |record| {
        context.stop.check()?;
        scan.take(&record, false);
        done += 1;
        if done.is_multiple_of(10_000) {
            context.progress.report(done.min(total.saturating_sub(1)), total, "predictions read");
        }
        Ok(())
    })?;
    tracing::info!(%topic, window = %before, answers = scan.answers, "predictions read");

    let ends = kept.0.into_iter().map(|(partition, (_, high))| (partition, high)).collect();
    let mut reader = kafka.reader(&topic, &Start::At(ends))?;
    while scan.observed < watching.records && started.elapsed() < watching.limit {
        context.stop.check()?;
        if let Some(record) = reader.next(Duration::from_millis(100))? {
            scan.take(&record, true);
        }
        context.progress.report(
            scan.observed.min(watching.records.saturating_sub(1)),
            watching.records,
            "later answers seen",
        );
    }
    Ok(Read { before, incomplete, watched_for: started.elapsed() })
}
