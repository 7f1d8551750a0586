//! Asks Prometheus on its schedule, beside the loop: a server that is slow must not hold up the stream's evidence.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use promql::{Client, Error, QueryResult, Question};

/// One metric that is asked for again and again.
#[derive(Debug)]
pub(crate) struct Ask {
    /// Which of the specification's metrics.
    pub(crate) metric: usize,
    pub(crate) client: Client,
    pub(crate) question: Question,
    pub(crate) every: Duration,
}

/// What was answered; `None` is no data, which is never a success.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) metric: usize,
    pub(crate) value: Option<f64>,
    /// Why there is no value.
    pub(crate) why: Option<String>,
}

/// The askers, one thread for each metric; they end when this is dropped.
#[derive(Debug)]
pub(crate) struct Promql {
    samples: Receiver<Sample>,
    // Dropped together with this, which ends the threads.
    _ends: Vec<Sender<()>>,
}

impl Promql {
    /// Asks each of `asks` at once, and then every so often.
    pub(crate) fn start(asks: Vec<Ask>) -> std::io::Result<Self> {
        let (to, samples) = channel();
        let mut ends = Vec::new();
        for ask in asks {
            let Ask { metric, client, question, every } = ask;
            let answer = move || client.ask(&question);
            ends.push(spawn(metric, every, answer, to.clone())?);
        }
        Ok(Self { samples, _ends: ends })
    }

    /// The next sample, if one has come.
    pub(crate) fn next(&self) -> Option<Sample> {
        self.samples.try_recv().ok()
    }
}

/// Starts the thread of one metric; it ends when the returned sender is dropped.
fn spawn(
    metric: usize,
    every: Duration,
    answer: impl FnMut() -> Result<QueryResult, Error> + Send + 'static,
    to: Sender<Sample>,
) -> std::io::Result<Sender<()>> {
    let (end, ended) = channel();
    std::thread::Builder::new()
        .name(format!("promql-{metric}"))
        .spawn(move || ask(metric, every, answer, &to, &ended))?;
    Ok(end)
}

fn ask(
    metric: usize,
    every: Duration,
    mut answer: impl FnMut() -> Result<QueryResult, Error>,
    to: &Sender<Sample>,
    ended: &Receiver<()>,
) {
    let mut next = Instant::now();
    loop {
        if to.send(sample(metric, answer())).is_err() {
            return;
        }
        next = after(next, every, Instant::now());
        let wait = next.saturating_duration_since(Instant::now());
        match ended.recv_timeout(wait) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// When to ask next: on the schedule that began with the first question, the moments missed meanwhile left out.
fn after(last: Instant, every: Duration, now: Instant) -> Instant {
    let every = every.max(Duration::from_millis(1));
    let missed = now.saturating_duration_since(last).as_nanos() / every.as_nanos();
    let steps = u32::try_from(missed).unwrap_or(u32::MAX - 1) + 1;
    last + every.saturating_mul(steps)
}

fn sample(metric: usize, answer: Result<QueryResult, Error>) -> Sample {
    let (value, why) = match answer {
        Ok(QueryResult::Value(value)) => (Some(value), None),
        Ok(QueryResult::NoData(why)) => (None, Some(why.to_string())),
        Err(error) => (None, Some(error.to_string())),
    };
    if let Some(why) = &why {
        tracing::warn!(metric, why, "Prometheus has no data");
    }
    Sample { metric, value, why }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use promql::NoData;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    #[test]
    fn whatever_is_answered_is_handed_over_in_order() {
        let (to, samples) = channel();
        let mut answers = [
            Ok(QueryResult::Value(0.5)),
            Ok(QueryResult::NoData(NoData::Empty)),
            Err(Error::Several { series: 2 }),
        ]
        .into_iter();
        let answer = move || answers.next().unwrap_or(Ok(QueryResult::Value(9.0)));
        let _end = spawn(3, Duration::from_millis(1), answer, to).unwrap();
        let next = || samples.recv_timeout(LIMIT).unwrap();
        assert_eq!(next(), Sample { metric: 3, value: Some(0.5), why: None });
        let why = Some("no series matches".to_owned());
        assert_eq!(next(), Sample { metric: 3, value: None, why });
        let several = next();
        assert!(several.value.is_none() && several.why.unwrap().contains("2 series"));
        assert_eq!(next().value, Some(9.0), "after an error it is asked again");
    }

    #[test]
    fn nobody_is_asked_any_more_once_the_gate_is_over() {
        let (to, samples) = channel();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let answer = move || {
            count.fetch_add(1, Ordering::SeqCst);
            Ok(QueryResult::Value(1.0))
        };
        let end = spawn(0, Duration::from_secs(3600), answer, to).unwrap();
        samples.recv_timeout(LIMIT).unwrap();
        drop(end);
        // The thread has let go of its end of the channel, long before its next question.
        assert_eq!(samples.recv_timeout(LIMIT), Err(RecvTimeoutError::Disconnected));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_slow_server_costs_moments_not_the_schedule() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        for (now, next) in [(0, 1_000), (999, 1_000), (1_000, 2_000), (5_300, 6_000)] {
            let now = start + Duration::from_millis(now);
            assert_eq!(after(start, second, now), start + Duration::from_millis(next));
        }
    }
}
