//! No commit while this scorer's status does not reach the others.
//!
//! Whoever waits for a generation does not wait for a scorer that was silent for [`LIVE_FOR`]. So a scorer that
//! was paused, or cut off from the scorers topic, must not commit answers of an old generation when it comes
//! back: before each commit it asks whether its last status is young enough to be waited for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use routes::status::LIVE_FOR;

/// How much earlier than [`LIVE_FOR`] a scorer takes itself for silent: longer than a commit takes.
const MARGIN: Duration = Duration::from_millis(1000);

/// When a status of this scorer last reached the broker.
pub(crate) struct Lease {
    start: Instant,
    /// Milliseconds after `start`, plus one; 0 before the first time.
    renewed: AtomicU64,
}

impl Lease {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), renewed: AtomicU64::new(0) }
    }

    /// A status that was sent at `sent` has reached the broker.
    pub(crate) fn renew(&self, sent: Instant) {
        let after = sent.saturating_duration_since(self.start).as_millis() as u64;
        self.renewed.store(after + 1, Ordering::Release);
    }

    /// Whether everyone who waits for a generation waits for this scorer too.
    pub(crate) fn held(&self) -> bool {
        self.held_at(Instant::now())
    }

    fn held_at(&self, now: Instant) -> bool {
        let Some(renewed) = self.renewed.load(Ordering::Acquire).checked_sub(1) else {
            return false;
        };
        let renewed = self.start + Duration::from_millis(renewed);
        now.saturating_duration_since(renewed) + MARGIN < LIVE_FOR
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_held_from_the_first_status_on_and_for_less_than_others_wait() {
        let lease = Lease::new();
        let start = lease.start;
        assert!(!lease.held_at(start));
        lease.renew(start + Duration::from_secs(10));
        let after = |millis| start + Duration::from_secs(10) + Duration::from_millis(millis);
        assert!(lease.held_at(after(0)) && lease.held_at(after(3900)));
        assert!(!lease.held_at(after(4000)));
    }
}
