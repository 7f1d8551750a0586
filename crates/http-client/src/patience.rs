//! One question, asked again within bounds while the server is away or busy.

use std::ops::RangeInclusive;
use std::time::Duration;

use reqwest::StatusCode;

use crate::Error;

/// Why one attempt failed.
#[derive(Debug)]
pub enum Failure<E> {
    /// The next attempt may end better, not before the pause that the server asks for.
    Passing { why: String, after: Option<Duration> },
    /// Another attempt would end the same.
    Final(E),
}

/// Whether a status is a fault of the moment: what is asked again may be answered.
pub fn is_transient(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504 | 522)
}

/// Asks by `once` until that succeeds or fails for good, at most `attempts` times and at least once.
///
/// The first of the `pauses` comes before the second attempt, and each further one is twice as long; none is longer
/// than the last, whatever the server asks for. `server` is its name in messages.
///
/// # Errors
/// What `once` ends with, and [`Error::Away`].
pub async fn ask<T, E: From<Error>>(
    server: &str,
    attempts: u32,
    pauses: RangeInclusive<Duration>,
    once: impl AsyncFn() -> Result<T, Failure<E>>,
) -> Result<T, E> {
    let mut asked = 0;
    loop {
        asked += 1;
        let (why, after) = match once().await {
            Ok(answer) => return Ok(answer),
            Err(Failure::Final(error)) => return Err(error),
            Err(Failure::Passing { why, after }) => (why, after),
        };
        if asked >= attempts {
            return Err(Error::Away { server: server.to_owned(), attempts: asked, why }.into());
        }
        let pause = pause(asked, &pauses, after);
        tracing::warn!(server, why, pause = words::duration(pause), "asking again");
        tokio::time::sleep(pause).await;
    }
}

/// What the server asks for, else twice as long as before.
fn pause(asked: u32, pauses: &RangeInclusive<Duration>, after: Option<Duration>) -> Duration {
    let grown = pauses.start().saturating_mul(1 << (asked - 1).min(16));
    after.unwrap_or(grown).min(*pauses.end())
}

impl<E> Failure<E> {
    /// A fault that may pass at any time.
    pub fn transient(why: impl Into<String>) -> Self {
        Self::Passing { why: why.into(), after: None }
    }
}

impl<E> From<E> for Failure<E> {
    fn from(error: E) -> Self {
        Self::Final(error)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound_that_binds_the_server_too() {
        let pauses = Duration::from_millis(100)..=Duration::from_secs(5);
        let grown = [1, 2, 3, 6, 7, u32::MAX].map(|asked| pause(asked, &pauses, None).as_millis());
        assert_eq!(grown, [100, 200, 400, 3_200, 5_000, 5_000]);
        let found = [0, 3, 3_600].map(|it| pause(1, &pauses, Some(Duration::from_secs(it))));
        assert_eq!(found, [0, 3, 5].map(Duration::from_secs));
    }

    #[tokio::test]
    async fn what_passes_is_asked_again_and_what_is_final_is_not() {
        for (attempts, busy, is_final, expected) in [
            (3, 0, false, "answer 1"),
            (3, 2, false, "answer 3"),
            (3, 3, false, "s did not answer, asked 3 times: busy"),
            (0, 1, false, "s did not answer, asked 1 times: busy"),
            (3, 1, true, "refusal 2"),
        ] {
            let asked = Cell::new(0);
            let once = async || match asked.replace(asked.get() + 1) {
                before if before < busy => Err(Failure::transient("busy")),
                _ if is_final => Err(Error::Tls(format!("refusal {}", asked.get())).into()),
                _ => Ok(format!("answer {}", asked.get())),
            };
            let found = ask("s", attempts, Duration::ZERO..=Duration::ZERO, once).await;
            assert_eq!(found.unwrap_or_else(|error: Error| error.to_string()), expected);
        }
    }
}
