//! A key that fails again and again in a short time is one event.
//!
//! The test takes failures to be independent of each other. A broken sensor or a user in trouble fails many times
//! in a row, and all of it is answered by one model: as many events that would be one assignment.

use std::collections::HashMap;
use std::time::Duration;

/// More keys than this are not remembered; those whose burst is over are forgotten first.
const MAX_KEYS: usize = 200_000;

/// When each failing key was counted last.
#[derive(Debug)]
pub(crate) struct Bursts {
    gap_ms: i64,
    counted: HashMap<u64, i64>,
    /// Failures that were part of a burst already counted.
    pub(crate) repeated: u64,
}

impl Bursts {
    /// Failures of one key less than `gap` apart, by the time of the answers, are one.
    pub(crate) fn new(gap: Duration) -> Self {
        let gap_ms = i64::try_from(gap.as_millis()).unwrap_or(i64::MAX);
        Self { gap_ms, counted: HashMap::new(), repeated: 0 }
    }

    /// Whether a failure of `key` at `at_ms` counts.
    pub(crate) fn counts(&mut self, key: u64, at_ms: i64) -> bool {
        if self.gap_ms == 0 {
            return true;
        }
        let last = self.counted.get(&key).copied();
        if last.is_some_and(|last| last.abs_diff(at_ms) < self.gap_ms.unsigned_abs()) {
            self.repeated += 1;
            return false;
        }
        self.counted.insert(key, last.map_or(at_ms, |last| last.max(at_ms)));
        if self.counted.len() > MAX_KEYS {
            self.forget(at_ms);
        }
        true
    }

    fn forget(&mut self, now_ms: i64) {
        let gap = self.gap_ms.unsigned_abs();
        self.counted.retain(|_, last| last.abs_diff(now_ms) < gap);
        if self.counted.len() > MAX_KEYS {
            // More keys fail within one gap than can be held: begin anew rather than grow.
            self.counted.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_counts_once_and_a_later_failure_again() {
        let mut bursts = Bursts::new(Duration::from_secs(1));
        let counted: Vec<bool> =
            [0, 10, 900, 1_000, 1_500, 2_000].map(|at| bursts.counts(7, at)).into();
        assert_eq!(counted, [true, false, false, true, false, true]);
        assert!(bursts.counts(8, 2_000), "another key");
        assert_eq!(bursts.repeated, 3);
    }

    #[test]
    fn without_a_gap_every_failure_counts() {
        let mut bursts = Bursts::new(Duration::ZERO);
        assert!((0..5).all(|_| bursts.counts(7, 0)));
    }

    #[test]
    fn memory_is_bounded() {
        let mut bursts = Bursts::new(Duration::from_millis(100));
        (0..1_000_000u64).for_each(|key| assert!(bursts.counts(key, key as i64)));
        assert!(bursts.counted.len() <= MAX_KEYS);
    }
}
