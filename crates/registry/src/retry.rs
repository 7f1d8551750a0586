//! When to try again: a bounded budget of time, growing pauses, and the registry's own word where it gives one.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use crate::{Error, Result};

/// How long a transient failure is endured.
#[derive(Debug, Clone)]
pub struct RetryPolicy {
    /// Time since the last progress after which the fault counts as lasting.
    pub budget: Duration,
    /// The first pause; each further one is twice as long.
    pub first_pause: Duration,
    /// The longest pause, unless the registry asks for a longer one.
    pub longest_pause: Duration,
    /// How often one transfer is started at most, progress or not.
    pub most_attempts: u32,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        RetryPolicy {
            budget: Duration::from_secs(60),
            first_pause: Duration::from_millis(250),
            longest_pause: Duration::from_secs(10),
            most_attempts: 12,
        }
    }
}

impl RetryPolicy {
    pub(crate) fn attempts(&self, what: &str) -> Attempts<'_> {
        Attempts { policy: self, what: what.to_owned(), since: Instant::now(), count: 0, row: 0 }
    }

    /// The pause before the next attempt, or none if it would break the budget.
    /// `row` counts the faults since the last progress, `jitter` lies in 0..1.
    fn pause(
        &self,
        row: u32,
        spent: Duration,
        asked: Option<Duration>,
        jitter: f64,
    ) -> Option<Duration> {
        let grown = self.first_pause.saturating_mul(1 << row.min(16)).min(self.longest_pause);
        let pause = asked.unwrap_or_else(|| grown.mul_f64(0.5 + jitter / 2.0));
        (spent + pause <= self.budget).then_some(pause)
    }
}

/// Why one attempt failed.
pub(crate) type Failure = http_client::Failure<Error>;

/// The attempts at one transfer.
pub(crate) struct Attempts<'a> {
    policy: &'a RetryPolicy,
    what: String,
    since: Instant,
    count: u32,
    row: u32,
}

impl Attempts<'_> {
    /// Bytes went through, so the budget starts anew; the number of attempts does not.
    pub(crate) fn progressed(&mut self) {
        self.since = Instant::now();
        self.row = 0;
    }

    /// Waits for the next attempt, or says why there is none.
    pub(crate) async fn pause(&mut self, failure: Failure) -> Result<()> {
        let (why, after) = match failure {
            Failure::Final(error) => return Err(error),
            Failure::Passing { why, after } => (why, after),
        };
        self.count += 1;
        let pause = self.policy.pause(self.row, self.since.elapsed(), after, jitter());
        self.row += 1;
        let Some(pause) = pause.filter(|_| self.count < self.policy.most_attempts) else {
            let why = format!("{why} (attempt {})", self.count);
            return Err(Error::Unavailable { what: self.what.clone(), why });
        };
        tracing::warn!(what = self.what, why, pause = words::duration(pause), "trying again");
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

/// A number in 0..1 that differs between processes, so that many steps do not come back at once.
fn jitter() -> f64 {
    let random = RandomState::new().hash_one(0);
    (random >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn pauses_grow_to_a_bound_and_end_with_the_budget() {
        let policy = RetryPolicy { budget: 60 * SECOND, ..RetryPolicy::default() };
        let pause = |row, spent| policy.pause(row, spent, None, 1.0).map(|it| it.as_millis());
        let grown: Vec<_> = (0..8).filter_map(|row| pause(row, SECOND)).collect();
        assert_eq!(grown, [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
        assert_eq!(pause(0, 60 * SECOND), None);
        assert_eq!(policy.pause(0, SECOND, None, 0.0), Some(Duration::from_millis(125)));
    }

    #[test]
    fn the_registry_is_obeyed_within_the_budget_only() {
        let policy = RetryPolicy { budget: 60 * SECOND, ..RetryPolicy::default() };
        assert_eq!(policy.pause(0, SECOND, Some(30 * SECOND), 0.5), Some(30 * SECOND));
        assert_eq!(policy.pause(0, SECOND, Some(90 * SECOND), 0.5), None);
    }
}
