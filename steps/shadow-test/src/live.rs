//! What the live stream's champion answered to a record of the window.
//!
//! A scorer answers each partition in order and writes to the partition of the same number, so the answers to a
//! window lie side by side, and a window is joined with them without keeping either in memory.

use std::time::{Duration, Instant};

use contract::kafka::{Kafka, Reader, Record, Start, Window};
use serde::Deserialize;

/// The live answer to one record.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Live {
    Answered(Answer),
    /// The champion answered, but what it wrote is no prediction.
    Unreadable,
    /// Another model answered: a canary, or a former champion.
    OtherModel,
    /// Not yet, never, or as a dead letter.
    Unanswered,
}

/// An answer, live or here.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub(crate) struct Answer {
    /// None of a regressor.
    pub label: Option<i64>,
    pub score: f64,
}

/// The answers to one partition of the features, in the order of their offsets.
pub(crate) struct LiveAnswers {
    reader: Reader,
    timeout: Duration,
    features: String,
    champion: String,
    /// Read, but not yet asked for.
    ahead: Option<(i64, Live)>,
    /// Until then more answers may come where the topic ends.
    wait_until: Instant,
    ended: bool,
}

/// A search that is this near reads on instead.
const NEAR: i64 = 4_096;
const PATIENCE: Duration = Duration::from_millis(500);

/// How long a test waits in all for answers that are still on their way: a busy scorer is behind its stream.
pub(crate) const UNDER_WAY: Duration = Duration::from_secs(10);

impl LiveAnswers {
    /// Finds the answers from feature offset `from` of `partition` on, where `kept` is what the predictions topic
    /// holds.
    ///
    /// # Errors
    /// The topic has no such partition, or the broker is away.
    pub(crate) fn open(
        kafka: &Kafka,
        stream: &str,
        champion: &str,
        kept: &Window,
        partition: i32,
        from: i64,
        wait_until: Instant,
    ) -> anyhow::Result<Self> {
        let (features, topic) = (format!("{stream}.features"), format!("{stream}.predictions"));
        let at = |offset| -> anyhow::Result<Self> {
            let reader = kafka.reader(&topic, &Start::At([(partition, offset)].into()))?;
            let (features, champion) = (features.clone(), champion.to_owned());
            let timeout = kafka.timeout();
            // A probe only looks at what is there.
            let wait_until = Instant::now();
            Ok(Self { reader, timeout, features, champion, ahead: None, wait_until, ended: false })
        };
        let (mut low, mut high) = kept.0.get(&partition).copied().ok_or_else(|| {
            contract::usage(
                format!("{topic} has no partition {partition}, but {features} has"),
                "give both topics the same number of partitions",
            )
        })?;
        while high - low > NEAR {
            let middle = low + (high - low) / 2;
            let mut probe = at(middle)?;
            match probe.pull()? {
                Some((source, _)) if source < from => low = middle + 1,
                _ => high = middle,
            }
        }
        Ok(Self { wait_until, ..at(low)? })
    }

    /// The answer to the record at `offset`; must be asked in ascending order.
    ///
    /// # Errors
    /// The broker went away.
    pub(crate) fn to(&mut self, offset: i64) -> anyhow::Result<Live> {
        loop {
            match self.ahead.take() {
                Some((source, live)) if source == offset => return Ok(live),
                Some((source, live)) if source > offset => {
                    self.ahead = Some((source, live));
                    return Ok(Live::Unanswered);
                }
                // Before the window, or an answer told twice.
                Some(_) | None => match self.pull()? {
                    None => return Ok(Live::Unanswered),
                    read => self.ahead = read,
                },
            }
        }
    }

    /// The next answer with a source among the features; `None` at the end of the topic.
    fn pull(&mut self) -> anyhow::Result<Option<(i64, Live)>> {
        let started = Instant::now();
        while !self.ended {
            match self.reader.next(PATIENCE)? {
                Some(record) => {
                    if let Some(offset) = source(&record, &self.features) {
                        return Ok(Some((offset, read(&record, &self.champion))));
                    }
                }
                None if self.reader.at_end() => self.ended = Instant::now() >= self.wait_until,
                None if started.elapsed() > self.timeout => {
                    return Err(contract::passing(
                        format!("the answers to {} could not be read in time", self.features),
                        "is the broker reachable? then run the step again",
                    ));
                }
                None => {}
            }
        }
        Ok(None)
    }
}

/// The offset that a prediction answers, from its `source` header `topic/partition/offset`.
fn source(record: &Record, features: &str) -> Option<i64> {
    let rest = record.header("source")?.strip_prefix(features)?.strip_prefix('/')?;
    let (partition, offset) = rest.split_once('/')?;
    (partition.parse() == Ok(record.partition)).then(|| offset.parse().ok())?
}

fn read(record: &Record, champion: &str) -> Live {
    if record.header("model") != Some(champion) {
        return Live::OtherModel;
    }
    let value = record.value.as_deref().unwrap_or_default();
    serde_json::from_slice(value).map_or(Live::Unreadable, Live::Answered)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prediction(headers: &[(&str, &str)], value: &str) -> Record {
        Record {
            partition: 3,
            offset: 9,
            timestamp_ms: 0,
            key: None,
            value: Some(value.into()),
            headers: headers.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
        }
    }

    #[test]
    fn an_answer_belongs_to_the_record_that_its_header_names() {
        let of = |header| source(&prediction(&[("source", header)], ""), "s.features");
        assert_eq!(of("s.features/3/17"), Some(17));
        for other in ["s.features/2/17", "s.featuresx/3/17", "t.features/3/17", "s.features/3/x"] {
            assert_eq!(of(other), None, "{other}");
        }
        assert_eq!(source(&prediction(&[], ""), "s.features"), None);
    }

    #[test]
    fn only_the_champions_answers_are_compared() {
        let of = |model, value| read(&prediction(&[("model", model)], value), "sha256:1");
        let answer = Answer { label: Some(1), score: 0.5 };
        assert_eq!(
            of("sha256:1", r#"{"label":1,"score":0.5,"scores":[0.5,0.5]}"#),
            Live::Answered(answer)
        );
        assert_eq!(of("sha256:2", r#"{"label":1,"score":0.5}"#), Live::OtherModel);
        assert_eq!(of("sha256:1", "no prediction"), Live::Unreadable);
    }
}
