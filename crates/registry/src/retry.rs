//! When to try again: a bounded budget of time, growing pauses, and the registry's own word where it gives one.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::{Error, Result};

/// How long a passing fault is endured.
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
#[derive(Debug)]
pub(crate) enum Failure {
    /// Worth another attempt, not before `after` where the registry said so.
    Passing { why: String, after: Option<Duration> },
    /// Another attempt would end the same.
    Final(Error),
}

impl Failure {
    pub(crate) fn passing(why: impl Into<String>) -> Self {
        Failure::Passing { why: why.into(), after: None }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Final(error)
    }
}

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
        tracing::warn!(what = self.what, why, ?pause, "trying again");
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

/// Whether a status is a fault of the moment.
pub(crate) fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504 | 522)
}

/// The pause that a `Retry-After` header asks for, given in seconds or as a date.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
}

/// A number in 0..1 that differs between processes, so that many steps do not come back at once.
fn jitter() -> f64 {
    let random = RandomState::new().hash_one(0);
    (random >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

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

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "1994-11-06T08:49:00Z".parse().unwrap();
        for (text, expected) in [
            ("7", Some(7 * SECOND)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37 * SECOND)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(Duration::ZERO)),
            ("soon", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            assert_eq!(retry_after(&headers, now), expected, "{text}");
        }
    }
}
