//! How many failures are too many.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// As many failures as put a candidate out.
pub(crate) const FAILURES: usize = 3;
/// Within this time.
pub(crate) const WITHIN: Duration = Duration::from_secs(300);

/// Counts the failures of one candidate.
#[derive(Debug, Default)]
pub(crate) struct Breaker(VecDeque<Instant>);

impl Breaker {
    /// Takes note of a failure at `now`; `true` once the candidate is out.
    pub(crate) fn fail(&mut self, now: Instant) -> bool {
        self.0.push_back(now);
        while self.0.front().is_some_and(|at| now.saturating_duration_since(*at) > WITHIN) {
            self.0.pop_front();
        }
        self.0.len() >= FAILURES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_failures_close_to_each_other_put_a_candidate_out() {
        let start = Instant::now();
        for (seconds, out) in [
            (&[0][..], false),
            (&[0, 1], false),
            (&[0, 1, 2], true),
            (&[0, 1, 302], false),
            (&[0, 200, 400, 600], false),
            (&[0, 200, 290], true),
            (&[0, 299, 301, 302], true),
        ] {
            let mut breaker = Breaker::default();
            let fail = |s: &u64| breaker.fail(start + Duration::from_secs(*s));
            assert_eq!(seconds.iter().map(fail).last(), Some(out), "{seconds:?}");
        }
    }
}
