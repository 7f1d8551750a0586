//! What the live stream's champion answered to a record.
//!
//! A scorer answers each partition in order and writes to the partition of the same number, so the answers to a
//! stretch of records lie side by side, and are joined with them without keeping either whole in memory.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use kafka::{Kafka, Reader, Record, Start, Window};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stream::{PredictionHeaders, StatedValue, Topics};

/// The live answer to one record.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Live {
    Answered(ModelOutput),
    /// The champion answered, but what it wrote is no prediction.
    Unreadable,
    /// Another model answered: a canary, or a former champion.
    OtherModel,
    /// Not yet, never, or as a dead letter.
    Unanswered,
    /// Nobody asked: what is on the stream is not compared.
    Unasked,
}

/// What a model answered to a record, live or here.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelOutput {
    /// Null of a regressor.
    pub label: Option<i64>,
    pub score: f64,
}

/// The answers to the partitions of the features, each in the order of their offsets.
pub(crate) struct LiveAnswers {
    reader: Reader,
    timeout: Duration,
    stream: String,
    champion: String,
    partitions: BTreeMap<i32, Ahead>,
}

/// Answers of one partition that were read, but not yet asked for.
#[derive(Debug)]
struct Ahead {
    answers: VecDeque<(i64, Live)>,
    /// The first offset that nobody will ask for.
    end: i64,
    ended: bool,
}

/// A search that is this near reads on instead.
const SEARCH_RESOLUTION: i64 = 4_096;
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// How long an answer that is still on its way is waited for: a busy scorer is behind its stream.
pub(crate) const MAX_ANSWER_DELAY: Duration = Duration::from_secs(10);

impl LiveAnswers {
    /// Finds the answers to the records of `window`.
    ///
    /// # Errors
    /// The predictions have not the same partitions, or the broker is away.
    pub(crate) fn to_window(
        kafka: &Kafka,
        stream: &str,
        champion: &str,
        window: &Window,
    ) -> anyhow::Result<Self> {
        let kept = kafka.extent(&Topics::of(stream).predictions)?;
        let mut starts = BTreeMap::new();
        for (partition, (from, to)) in window.0.iter().filter(|(_, (from, to))| from < to) {
            let held = held(&kept, stream, *partition)?;
            let start = search(kafka, stream, *partition, *from, held)?;
            starts.insert(*partition, (start, *to));
        }
        Self::open(kafka, stream, champion, starts)
    }

    /// The answers that are written from now on, to records of these partitions.
    ///
    /// # Errors
    /// As [`LiveAnswers::to_window`].
    pub(crate) fn from_now(
        kafka: &Kafka,
        stream: &str,
        champion: &str,
        partitions: impl Iterator<Item = i32>,
    ) -> anyhow::Result<Self> {
        let kept = kafka.extent(&Topics::of(stream).predictions)?;
        let start = |partition| Ok((partition, (held(&kept, stream, partition)?.1, i64::MAX)));
        let starts = partitions.map(start).collect::<anyhow::Result<_>>()?;
        Self::open(kafka, stream, champion, starts)
    }

    /// Starts at an offset of the predictions, to the end of what will be asked for of the features.
    fn open(
        kafka: &Kafka,
        stream: &str,
        champion: &str,
        starts: BTreeMap<i32, (i64, i64)>,
    ) -> anyhow::Result<Self> {
        let ahead = |end| Ahead { answers: VecDeque::new(), end, ended: false };
        let partitions = starts.iter().map(|(partition, (_, end))| (*partition, ahead(*end)));
        let partitions = partitions.collect();
        let starts = starts.into_iter().map(|(partition, (start, _))| (partition, start));
        let start = Start::At(starts.collect());
        Ok(Self {
            reader: kafka.reader(&Topics::of(stream).predictions, &start)?,
            timeout: kafka.timeout(),
            stream: stream.to_owned(),
            champion: champion.to_owned(),
            partitions,
        })
    }

    /// The answer to a record of the past; each partition must be asked in ascending order. Where the topic ends
    /// before it, the answer is waited for until `give_up`.
    ///
    /// # Errors
    /// The broker went away.
    pub(crate) fn to(
        &mut self,
        partition: i32,
        offset: i64,
        give_up: Instant,
    ) -> anyhow::Result<Live> {
        let mut silent_since = Instant::now();
        loop {
            if let Some(live) = self.known(partition, offset) {
                return Ok(live);
            }
            // Who has given up waiting at the end of the topic only looks whether something came.
            let late = self.reader.at_end() && Instant::now() >= give_up;
            match self.reader.next(if late { Duration::ZERO } else { POLL_INTERVAL })? {
                Some(record) => {
                    self.take(&record);
                    silent_since = Instant::now();
                }
                None if self.reader.at_end() => {
                    if Instant::now() >= give_up {
                        return Ok(Live::Unanswered);
                    }
                    silent_since = Instant::now();
                }
                None if silent_since.elapsed() > self.timeout => {
                    return Err(fault::transient(
                        format!(
                            "the answers to {} could not be read in time",
                            Topics::of(&self.stream).features
                        ),
                        "is the broker reachable? then run the step again",
                    ));
                }
                None => {}
            }
        }
    }

    /// The answer to a record of these days, if it has come; asked in ascending order as well.
    ///
    /// # Errors
    /// The broker went away.
    pub(crate) fn come(&mut self, partition: i32, offset: i64) -> anyhow::Result<Option<Live>> {
        loop {
            if let Some(live) = self.known(partition, offset) {
                return Ok(Some(live));
            }
            match self.reader.next(Duration::ZERO)? {
                Some(record) => self.take(&record),
                None => return Ok(None),
            }
        }
    }

    fn known(&mut self, partition: i32, offset: i64) -> Option<Live> {
        self.partitions.get_mut(&partition).map_or(Some(Live::Unanswered), |it| it.known(offset))
    }

    fn take(&mut self, record: &Record) {
        let Some(ahead) = self.partitions.get_mut(&record.partition) else { return };
        if let Some(offset) = source(record, &self.stream) {
            ahead.take(offset, read(record, &self.champion));
        }
    }
}

impl Ahead {
    /// What is known of the answer to `offset`; nothing as long as it may still come.
    fn known(&mut self, offset: i64) -> Option<Live> {
        // Before the window, or an answer that is there twice.
        while self.answers.front().is_some_and(|(source, _)| *source < offset) {
            self.answers.pop_front();
        }
        match self.answers.front() {
            Some((source, _)) if *source == offset => {
                self.answers.pop_front().map(|(_, live)| live)
            }
            Some(_) => Some(Live::Unanswered),
            None => self.ended.then_some(Live::Unanswered),
        }
    }

    fn take(&mut self, offset: i64, live: Live) {
        if offset < self.end {
            self.answers.push_back((offset, live));
        } else {
            self.ended = true;
        }
    }
}

/// What the predictions hold of one partition.
fn held(kept: &Window, stream: &str, partition: i32) -> anyhow::Result<(i64, i64)> {
    kept.0.get(&partition).copied().ok_or_else(|| {
        let Topics { features, predictions, .. } = Topics::of(stream);
        fault::usage(
            format!("{predictions} has no partition {partition}, but {features} has"),
            "give both topics the same number of partitions",
        )
    })
}

/// Where among the predictions the answers from feature offset `from` on begin, or a little before.
fn search(
    kafka: &Kafka,
    stream: &str,
    partition: i32,
    from: i64,
    (mut low, mut high): (i64, i64),
) -> anyhow::Result<i64> {
    let topic = Topics::of(stream).predictions;
    let first_source = |offset| -> anyhow::Result<Option<i64>> {
        let mut probe = kafka.reader(&topic, &Start::At([(partition, offset)].into()))?;
        let started = Instant::now();
        while !probe.at_end() && started.elapsed() < kafka.timeout() {
            let record = probe.next(POLL_INTERVAL)?;
            if let Some(offset) = record.and_then(|record| source(&record, stream)) {
                return Ok(Some(offset));
            }
        }
        Ok(None)
    };
    while high - low > SEARCH_RESOLUTION {
        let middle = low + (high - low) / 2;
        match first_source(middle)? {
            Some(source) if source < from => low = middle + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}

/// The offset that a prediction answers, if it is one of the same partition.
fn source(record: &Record, stream: &str) -> Option<i64> {
    let source = PredictionHeaders::of(&record.headers).source().ok()?;
    let (partition, offset) = source.of_stream(stream)?;
    (partition == record.partition).then_some(offset)
}

fn read(record: &Record, champion: &str) -> Live {
    if PredictionHeaders::of(&record.headers).stated_model() != Some(champion) {
        return Live::OtherModel;
    }
    let output = || {
        let value = StatedValue::read(record.value.as_deref()?)?;
        Some(ModelOutput { label: value.class().ok()?, score: value.score()? })
    };
    output().map_or(Live::Unreadable, Live::Answered)
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
        let of = |header| source(&prediction(&[("source", header)], ""), "s");
        assert_eq!(of("s.features/3/17"), Some(17));
        for other in ["s.features/2/17", "s.featuresx/3/17", "t.features/3/17", "s.features/3/x"] {
            assert_eq!(of(other), None, "{other}");
        }
        assert_eq!(source(&prediction(&[], ""), "s"), None);
    }

    #[test]
    fn only_the_champions_answers_are_compared() {
        let of = |model, value| read(&prediction(&[("model", model)], value), "sha256:1");
        let answer = ModelOutput { label: Some(1), score: 0.5 };
        assert_eq!(
            of("sha256:1", r#"{"label":1,"score":0.5,"scores":[0.5,0.5]}"#),
            Live::Answered(answer)
        );
        assert_eq!(of("sha256:2", r#"{"label":1,"score":0.5}"#), Live::OtherModel);
        assert_eq!(of("sha256:1", "no prediction"), Live::Unreadable);
    }

    #[test]
    fn after_a_later_answer_an_earlier_one_will_not_come() {
        let mut ahead = Ahead { answers: VecDeque::new(), end: 20, ended: false };
        assert_eq!(ahead.known(5), None);
        for offset in [3, 5, 5, 8] {
            ahead.take(offset, Live::OtherModel);
        }
        assert_eq!(ahead.known(5), Some(Live::OtherModel));
        assert_eq!(ahead.known(7), Some(Live::Unanswered));
        assert_eq!(ahead.known(8), Some(Live::OtherModel));
        assert_eq!(ahead.known(9), None);
        ahead.take(20, Live::OtherModel);
        assert_eq!(ahead.known(9), Some(Live::Unanswered));
    }
}
