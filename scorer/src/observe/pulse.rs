//! Whether the thread that polls goes on: the probes ask, for a scorer that hangs must not pass for a sound one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What the polling thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    /// It waits for a route or opens a session; the broker may be away for as long as it likes.
    Opening,
    Polling,
    AskingChampion,
    AskingCandidate,
    /// It hands answers over, and waits for the commit of those before.
    HandingOver,
}

/// The last sign of life of the polling thread.
#[derive(Debug)]
pub(crate) struct Pulse {
    start: Instant,
    /// Milliseconds after `start`, and what was begun then.
    beat: AtomicU64,
    bounds: Bounds,
}

/// How long each kind of work may take before the scorer counts as stalled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    broker: Duration,
    champion: Duration,
    candidate: Duration,
}

const KINDS: [Doing; 5] = [
    Doing::Opening,
    Doing::Polling,
    Doing::AskingChampion,
    Doing::AskingCandidate,
    Doing::HandingOver,
];

impl Pulse {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { start: Instant::now(), beat: AtomicU64::new(0), bounds }
    }

    /// The thread lives, and begins with this.
    pub(crate) fn beat(&self, doing: Doing) {
        let millis = self.start.elapsed().as_millis() as u64;
        self.beat.store(millis << 3 | doing as u64, Ordering::Release);
    }

    /// # Errors
    /// The thread is stalled, in words.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.check_at(Instant::now())
    }

    fn check_at(&self, now: Instant) -> Result<(), String> {
        let beat = self.beat.load(Ordering::Acquire);
        let doing = KINDS[(beat & 7) as usize % KINDS.len()];
        let since = self.start + Duration::from_millis(beat >> 3);
        let since = now.saturating_duration_since(since);
        let (most, what) = match doing {
            Doing::Opening => return Ok(()),
            Doing::Polling => (self.bounds.broker, "it polls"),
            Doing::AskingChampion => {
                (self.bounds.champion, "the champion is being asked and does not answer")
            }
            Doing::AskingCandidate => {
                (self.bounds.candidate, "the candidate is being asked and does not answer")
            }
            Doing::HandingOver => (self.bounds.broker, "it waits for a commit"),
        };
        if since <= most {
            return Ok(());
        }
        Err(format!("no record was answered for {} s: {what}", since.as_secs()))
    }
}

impl Bounds {
    /// By the time-outs of the group's session and of the two models.
    pub(crate) fn new(session: Duration, champion: Duration, candidate: Duration) -> Self {
        Self {
            // More than the session's, which bounds all exchanges with the broker.
            broker: session + Duration::from_secs(30),
            // Before the deadline, so that somebody sees it while it happens.
            champion: champion / 2,
            // After it: a candidate that was ended in time has stalled nothing.
            candidate: candidate + Duration::from_secs(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_work_has_its_time() {
        let [session, champion, candidate] = [6, 10, 2].map(Duration::from_secs);
        let pulse = Pulse::new(Bounds::new(session, champion, candidate));
        for (doing, well, stalled) in [
            (Doing::Opening, 100_000, None),
            (Doing::Polling, 35, Some(37)),
            (Doing::HandingOver, 35, Some(37)),
            (Doing::AskingChampion, 4, Some(6)),
            (Doing::AskingCandidate, 3, Some(5)),
        ] {
            pulse.beat(doing);
            let after = |seconds| pulse.check_at(Instant::now() + Duration::from_secs(seconds));
            assert_eq!(after(well), Ok(()), "{doing:?}");
            let why = stalled.map(|seconds| after(seconds).is_err());
            assert!(why.unwrap_or(true), "{doing:?}");
        }
    }
}
