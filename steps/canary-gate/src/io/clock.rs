//! Time since a canary began, over all runs that carried it out.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Counts on from where an earlier run was; within a run it never goes back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    before: Duration,
    started: Instant,
}

/// Between two looks at the evidence there lies a part of the time gone by: a canary of a day is looked at every four
/// seconds in the end, and its journal stays small.
const TICKS: u32 = 20_000;
const MIN_SPACING: Duration = Duration::from_millis(25);
const MAX_SPACING: Duration = Duration::from_secs(5);

impl Clock {
    /// For a canary that began at `began_ms` (since 1970) and whose last entry is of `last`.
    pub(crate) fn since(began_ms: i64, last: Duration) -> Self {
        let gone = u64::try_from(now_ms() - began_ms).unwrap_or(0);
        Self { before: Duration::from_millis(gone).max(last), started: Instant::now() }
    }

    /// Whole milliseconds, as journals write them.
    pub(crate) fn now(&self) -> Duration {
        let gone = self.before + self.started.elapsed();
        Duration::from_millis(u64::try_from(gone.as_millis()).unwrap_or(u64::MAX))
    }

    /// The least time between two looks.
    pub(crate) fn spacing(&self) -> Duration {
        (self.now() / TICKS).clamp(MIN_SPACING, MAX_SPACING)
    }
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_counts_on_from_the_one_before() {
        let clock = Clock::since(now_ms() - 60_000, Duration::from_secs(5));
        assert!((60..70).contains(&clock.now().as_secs()), "{clock:?}");
        // A clock that was set back does not take time away.
        let ahead = Clock::since(now_ms() + 60_000, Duration::from_secs(90));
        assert!((90..100).contains(&ahead.now().as_secs()), "{ahead:?}");
        let day = Clock::since(now_ms(), Duration::from_secs(86_400));
        assert_eq!(day.spacing().as_secs(), 4);
        assert_eq!(Clock::since(now_ms(), Duration::ZERO).spacing(), MIN_SPACING);
    }
}
