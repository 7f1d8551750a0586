//! Waiting until every live scorer has confirmed a generation.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use contract::kafka::{Kafka, Reader, Record, Start};
use contract::stop::Stop;

use crate::status::LIVE_FOR;
use crate::{SCORERS_TOPIC, ScorerState, ScorerStatus};

/// Follows the scorers of one stream.
pub struct Scorers {
    reader: Reader,
    stream: String,
    seen: BTreeMap<String, (ScorerStatus, Instant)>,
}

/// How waiting for a generation ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Confirmation {
    /// Every live scorer has it in force.
    Confirmed { scorers: Vec<String>, after: Duration },
    /// A scorer said that it cannot: who, and why.
    Refused { scorer: String, error: String },
    /// Time ran out: who is missing, or nobody is live at all.
    TimedOut { missing: Vec<String> },
}

impl Scorers {
    /// Starts to follow the scorers of `stream`.
    ///
    /// # Errors
    /// The broker is away, or the scorers topic is missing.
    pub fn open(kafka: &Kafka, stream: &str) -> anyhow::Result<Self> {
        let mut reader = kafka.reader(SCORERS_TOPIC, &Start::Beginning)?;
        let mut seen = BTreeMap::new();
        let now = (SystemTime::now(), Instant::now());
        reader.read_to_end(|record| {
            take(stream, &mut seen, &record, age(now.0, record.timestamp_ms), now.1)
        })?;
        Ok(Self { reader, stream: stream.to_owned(), seen })
    }

    /// The last word of every scorer that is live now, after taking in what has arrived.
    ///
    /// # Errors
    /// The broker is away.
    pub fn live(&mut self) -> anyhow::Result<Vec<ScorerStatus>> {
        while let Some(record) = self.reader.next(Duration::ZERO)? {
            take(&self.stream, &mut self.seen, &record, Duration::ZERO, Instant::now());
        }
        self.seen.retain(|_, (_, at)| at.elapsed() < LIVE_FOR);
        Ok(self.seen.values().map(|(status, _)| status.clone()).collect())
    }

    /// Waits until every live scorer, and at least one, has `generation` or a later one in force.
    ///
    /// # Errors
    /// The broker is away, or the process was asked to end.
    pub fn confirm(
        &mut self,
        generation: u64,
        limit: Duration,
        stop: &Stop,
    ) -> anyhow::Result<Confirmation> {
        let started = Instant::now();
        loop {
            stop.check()?;
            if let Some(answer) = judge(&self.live()?, generation, started.elapsed()) {
                return Ok(answer);
            }
            if started.elapsed() >= limit {
                let late = |status: &ScorerStatus| status.generation < generation;
                let missing =
                    self.live()?.into_iter().filter(late).map(|status| status.scorer).collect();
                return Ok(Confirmation::TimedOut { missing });
            }
            if let Some(record) = self.reader.next(Duration::from_millis(50))? {
                take(&self.stream, &mut self.seen, &record, Duration::ZERO, Instant::now());
            }
        }
    }
}

/// The answer that the live scorers give now; `None` while some are still under way.
fn judge(live: &[ScorerStatus], generation: u64, after: Duration) -> Option<Confirmation> {
    let failed =
        |status: &&ScorerStatus| status.seen >= generation && status.state == ScorerState::Failed;
    if let Some(status) = live.iter().find(failed) {
        let error = status.error.clone().unwrap_or_else(|| "it did not say why".into());
        return Some(Confirmation::Refused { scorer: status.scorer.clone(), error });
    }
    let all = !live.is_empty() && live.iter().all(|status| status.generation >= generation);
    let scorers = || live.iter().map(|status| status.scorer.clone()).collect();
    all.then(|| Confirmation::Confirmed { scorers: scorers(), after })
}

fn take(
    stream: &str,
    seen: &mut BTreeMap<String, (ScorerStatus, Instant)>,
    record: &Record,
    age: Duration,
    now: Instant,
) {
    let key = String::from_utf8_lossy(record.key.as_deref().unwrap_or_default()).into_owned();
    if key.rsplit_once('/').is_none_or(|(of, _)| of != stream) {
        return;
    }
    match record.value.as_deref().map(serde_json::from_slice::<ScorerStatus>) {
        Some(Ok(status)) => match now.checked_sub(age) {
            Some(at) => drop(seen.insert(key, (status, at))),
            // Older than this machine is up: surely not live.
            None => drop(seen.remove(&key)),
        },
        None => drop(seen.remove(&key)),
        Some(Err(error)) => {
            tracing::warn!(%error, key, "passed over a record that is no scorer status")
        }
    }
}

fn age(now: SystemTime, timestamp_ms: i64) -> Duration {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(timestamp_ms.max(0) as u64);
    now.duration_since(at).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(scorer: &str, generation: u64, seen: u64, state: ScorerState) -> ScorerStatus {
        let error = (state == ScorerState::Failed).then(|| "no such image".to_owned());
        let (stream, scorer) = ("s".to_owned(), scorer.to_owned());
        ScorerStatus { stream, scorer, generation, state, seen, error, fallbacks: 0 }
    }

    #[test]
    fn a_generation_counts_only_when_every_live_scorer_has_it() {
        use ScorerState::{Failed, Loading, Ready};
        let judged = |live: &[ScorerStatus]| judge(live, 7, Duration::ZERO);
        assert_eq!(judged(&[]), None);
        assert_eq!(judged(&[status("a", 7, 7, Ready), status("b", 6, 7, Loading)]), None);
        assert_eq!(judged(&[status("a", 7, 7, Ready), status("b", 6, 6, Ready)]), None);
        let both = judged(&[status("a", 7, 7, Ready), status("b", 8, 8, Ready)]);
        assert!(
            matches!(both, Some(Confirmation::Confirmed { scorers, .. }) if scorers == ["a", "b"])
        );
        let refused = judged(&[status("a", 7, 7, Ready), status("b", 6, 7, Failed)]);
        let (scorer, error) = ("b".into(), "no such image".into());
        assert_eq!(refused, Some(Confirmation::Refused { scorer, error }));
    }
}
