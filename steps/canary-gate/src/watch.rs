//! Reads the topics that evidence comes from, live, without a consumer group, and hands a tick's records to the gate in
//! the order that the journal fixes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use contract::Verdict;
use kafka::{Kafka, Reader, Record, Start};
use stream::{PredictionHeaders, Topics};

use crate::answer::{Seen, hash, read};
use crate::gate::Gate;
use crate::journal::{Reads, Source};
use crate::labels::{self, shown};
use crate::metrics::spec::{Metric, Of};
use crate::past::Ids;

/// At most this many records of a topic are taken before the gate is asked again what to do.
const BATCH: usize = 2_000;

/// So many records are handed over at once, whatever the spacing.
const FULL: usize = 10_000;

/// Labels are looked for in between.
const LONGEST_WAIT: Duration = Duration::from_millis(20);

/// How long predictions wait for the feature records that they name, which were committed before them.
const CATCH_UP: Duration = Duration::from_secs(2);

/// The topics, open.
pub(crate) struct Watch {
    topics: Vec<Topic>,
    /// What was answered before the canary, as long as it is open how labels find answers.
    elders: Ids,
}

/// Labels that met answers from before the canary.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Elders {
    pub(crate) met: u64,
    /// How long the slowest of them took.
    pub(crate) after: Duration,
}

struct Topic {
    source: Source,
    reader: Reader,
    /// The offset that follows on the last record read, by partition.
    next: BTreeMap<i32, i64>,
    /// Read, and not yet handed over.
    waiting: Vec<Record>,
}

/// The topics that a plan needs, from their present ends.
///
/// # Errors
/// The broker is away or a topic is missing.
pub(crate) fn sources(
    kafka: &Kafka,
    stream: &str,
    metrics: &[Metric],
) -> anyhow::Result<Vec<Source>> {
    let topics = Topics::of(stream);
    let mut wanted = Vec::new();
    if metrics.iter().any(|metric| !metric.slices.is_empty()) {
        wanted.push((topics.features, Reads::Features));
    }
    wanted.push((topics.predictions, Reads::Predictions));
    wanted.push((topics.labels, Reads::Labels));
    for (place, metric) in metrics.iter().enumerate() {
        if let (Of::Events, Some(topic)) = (metric.of, &metric.topic) {
            wanted.push((topic.clone(), Reads::Events(place)));
        }
    }
    let source = |(topic, what): (String, Reads)| {
        let ends = kafka.extent(&topic)?.0;
        let from = ends.into_iter().map(|(partition, (_, end))| (partition, end)).collect();
        Ok(Source { topic, what, from })
    };
    wanted.into_iter().map(source).collect()
}

impl Watch {
    /// Reads each source from these offsets on: where it begins, or where an earlier run came to. `elders` were answered
    /// before.
    ///
    /// # Errors
    /// The broker is away or a topic is missing.
    pub(crate) fn open(
        kafka: &Kafka,
        sources: &[Source],
        from: Vec<BTreeMap<i32, i64>>,
        elders: Ids,
    ) -> anyhow::Result<Self> {
        let topic = |(source, from): (&Source, BTreeMap<i32, i64>)| {
            let reader = kafka.reader(&source.topic, &Start::At(from.clone()))?;
            Ok(Topic { source: source.clone(), reader, next: from, waiting: Vec::new() })
        };
        let topics = sources.iter().zip(from).map(topic).collect::<anyhow::Result<_>>()?;
        Ok(Self { topics, elders })
    }

    /// Collects what arrives, without handing it over: for `idle` where nothing does, else for `spacing` at least.
    /// Whether anything is there.
    ///
    /// # Errors
    /// The broker is away, or records were deleted before they could be read.
    pub(crate) fn pump(
        &mut self,
        gate: &Gate,
        idle: Duration,
        spacing: Duration,
    ) -> anyhow::Result<bool> {
        let started = Instant::now();
        loop {
            for topic in &mut self.topics {
                topic.read(Duration::ZERO)?;
            }
            let came: usize = self.topics.iter().map(|topic| topic.waiting.len()).sum();
            let span = if came > 0 { spacing } else { idle };
            let left = span.saturating_sub(started.elapsed());
            if came >= FULL || left.is_zero() {
                self.catch_up(gate)?;
                return Ok(came > 0);
            }
            // Only predictions are waited for: what they bring is most of it.
            let predictions =
                self.topics.iter_mut().find(|topic| topic.source.what == Reads::Predictions);
            if let Some(predictions) = predictions {
                predictions.read(left.min(LONGEST_WAIT))?;
            }
        }
    }

    /// Hands over what was read; where the topics stand now (topic, partition, next offset), those that moved, and the
    /// labels that met answers from before.
    pub(crate) fn hand_over(
        &mut self,
        gate: &mut Gate,
        digest: &mut u64,
        now: Duration,
    ) -> (Vec<(usize, i32, i64)>, Elders) {
        let (mut moved, mut elders) = (Vec::new(), Elders::default());
        for (place, topic) in self.topics.iter_mut().enumerate() {
            let mut records = std::mem::take(&mut topic.waiting);
            records.sort_by_key(|record| (record.partition, record.offset));
            let mut ends: BTreeMap<i32, i64> = BTreeMap::new();
            for record in &records {
                let alone = feed(gate, topic.source.what, record, digest, now);
                if let Some(at_ms) = alone.and_then(|id| self.elders.get(&id)) {
                    let after = u64::try_from(record.timestamp_ms - at_ms).unwrap_or(0);
                    elders.met += 1;
                    elders.after = elders.after.max(Duration::from_millis(after));
                }
                ends.insert(record.partition, record.offset + 1);
            }
            moved.extend(ends.into_iter().map(|(partition, next)| (place, partition, next)));
        }
        if elders.met > 0 || !gate.meeting.is_open() {
            // It is known now that labels and answers belong together.
            self.elders = Ids::default();
        }
        (moved, elders)
    }

    /// Predictions name feature records that may not have been read yet.
    fn catch_up(&mut self, gate: &Gate) -> anyhow::Result<()> {
        let Some(slices) = &gate.evidence.slices else { return Ok(()) };
        let [features, others @ ..] = self.topics.as_mut_slice() else { return Ok(()) };
        let named = others
            .iter()
            .filter(|topic| topic.source.what == Reads::Predictions)
            .flat_map(|topic| &topic.waiting)
            .filter_map(|record| PredictionHeaders::of(&record.headers).source().ok())
            .filter(|source| source.topic == features.source.topic)
            .map(|source| (source.partition, source.offset))
            .filter(|place| slices.is_ahead(*place));
        let mut wanted: BTreeMap<i32, i64> = BTreeMap::new();
        for (partition, offset) in named {
            let last = wanted.entry(partition).or_insert(offset);
            *last = (*last).max(offset);
        }
        let started = Instant::now();
        let is_behind = |features: &Topic| {
            wanted.iter().any(|(partition, last)| {
                features.next.get(partition).is_some_and(|next| next <= last)
            })
        };
        while is_behind(features) && started.elapsed() < CATCH_UP {
            features.read(Duration::from_millis(50))?;
        }
        Ok(())
    }
}

impl Topic {
    fn read(&mut self, mut wait: Duration) -> anyhow::Result<()> {
        let mut read = 0;
        while read < BATCH
            && let Some(record) = self.reader.next(wait)?
        {
            (read, wait) = (read + 1, Duration::ZERO);
            self.next.insert(record.partition, record.offset + 1);
            self.waiting.push(record);
        }
        Ok(())
    }
}

/// Hands one record to the gate; `digest` goes on over it. The id of a label that met nothing.
pub(crate) fn feed(
    gate: &mut Gate,
    what: Reads,
    record: &Record,
    digest: &mut u64,
    now: Duration,
) -> Option<u64> {
    let value = hash(record.value.as_deref().unwrap_or_default());
    let place = ((record.partition as u64) << 48) ^ record.offset as u64;
    *digest = hash(&[*digest, place, value].map(u64::to_le_bytes).concat());
    match what {
        Reads::Features => gate.feature(record),
        Reads::Predictions => prediction(gate, record, now),
        Reads::Labels => return label(gate, record, now),
        Reads::Events(metric) => gate.business(metric, record, now),
    }
    None
}

fn label(gate: &mut Gate, record: &Record, now: Duration) -> Option<u64> {
    match labels::read(record) {
        Ok((id, label)) if gate.label(id, label, now) => None,
        Ok((id, _)) => {
            if gate.meeting.label_id.is_empty() {
                gate.meeting.label_id = shown(record.key.as_deref().unwrap_or_default());
            }
            Some(id)
        }
        Err(trouble) => {
            gate.unlabelled(trouble, record);
            None
        }
    }
}

fn prediction(gate: &mut Gate, record: &Record, now: Duration) {
    match read(record, |generation| gate.route(generation)) {
        Seen::Answer(answer) => {
            let counts = gate.answered(answer, (record.partition, record.offset), now);
            if counts && gate.meeting.answer_id.is_empty() {
                gate.meeting.answer_id = shown(
                    PredictionHeaders::of(&record.headers).id().unwrap_or_default().as_bytes(),
                );
            }
        }
        Seen::Foreign => {
            let id = PredictionHeaders::of(&record.headers).id();
            gate.foreign(id.ok().map(|id| hash(id.as_bytes())));
        }
        Seen::Unreadable => gate.passed_over.unreadable += 1,
        Seen::RoutingMismatch(lie) => gate.spoilt(
            Verdict::Inconclusive,
            format!("the stream is not split as the route says, so nothing can be learnt: {lie}"),
        ),
    }
}
