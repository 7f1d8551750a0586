//! Pauses that people asked for.

use std::time::Duration;

/// Time that does not count.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pauses {
    pub(super) since: Option<Duration>,
    pub(super) over: Duration,
}

impl Pauses {
    /// All time that does not count, up to now.
    pub(super) fn until(self, now: Duration) -> Duration {
        self.over + self.since.map_or(Duration::ZERO, |since| now.saturating_sub(since))
    }
}
