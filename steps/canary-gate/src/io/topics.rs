//! The topics that evidence comes from, without a consumer group: followed live, or read again up to the offsets that a
//! journal names. Either way a tick gets its records by [`Fetch::fetch`].

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use kafka::{Kafka, Reader, Record, Start, Window};
use stream::PredictionHeaders;

use crate::history::journal::Source;
use crate::history::ledger::Fetch;
use crate::policy::entry::{Batch, Moved, Reads};
use crate::policy::metrics::spec::{Metric, Of};
use crate::policy::stream_profile::Ids;
use crate::records::labels;
use crate::records::slices::Place;

/// At most this many records of a topic are taken before the gate is asked again what to do.
const MAX_BATCH: usize = 2_000;

/// So many records are enough for a tick, whatever the spacing.
const FULL_TICK: usize = 10_000;

/// While predictions are waited for, labels are looked for this often.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// How long predictions wait for the feature records that they name, which were committed before them.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(2);

/// How long one range may stay silent in a replay.
const REPLAY_TIMEOUT: Duration = Duration::from_secs(60);

/// The topics, open.
pub(crate) struct Topics {
    kafka: Kafka,
    topics: Vec<Topic>,
    /// What was answered before the canary, as long as it is open how labels find answers.
    earlier: Ids,
}

/// Labels that met answers from before the canary.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Earlier {
    pub(crate) met: u64,
    /// How long the slowest of them took.
    pub(crate) after: Duration,
}

struct Topic {
    source: Source,
    /// All partitions, where the topic is followed.
    live: Option<Reader>,
    /// Each partition for itself, where ranges are read again: none has to be held back for another.
    ranged: BTreeMap<i32, Reader>,
    /// The offset that follows on the last record read, by partition.
    next: BTreeMap<i32, i64>,
    /// Read, and not yet fetched.
    waiting: BTreeMap<i32, VecDeque<Record>>,
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
    let topics = stream::Topics::of(stream);
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

/// Whether the broker still has what a journal read.
///
/// # Errors
/// A range is gone (exit 2, saying which), or the broker is away.
pub(crate) fn still_there(kafka: &Kafka, ranges: &[(String, Window)]) -> anyhow::Result<()> {
    for (topic, window) in ranges {
        let kept = kafka.extent(topic)?;
        for (partition, (from, to)) in window.0.iter().filter(|(_, (from, to))| from < to) {
            let (low, high) = kept.0.get(partition).copied().unwrap_or((0, 0));
            if *from < low || *to > high {
                return Err(fault::usage(
                    format!(
                        "{topic} no longer holds {partition}:{from}-{to}, on which the verdict rests; it has {low}-{high}"
                    ),
                    "a replay needs the topics as they were: keep them longer, or read from a mirror",
                ));
            }
        }
    }
    Ok(())
}

impl Topics {
    /// From where each source begins.
    pub(crate) fn new(kafka: &Kafka, sources: &[Source]) -> Self {
        let topic = |source: &Source| Topic {
            source: source.clone(),
            live: None,
            ranged: BTreeMap::new(),
            next: source.from.clone(),
            waiting: BTreeMap::new(),
        };
        let topics = sources.iter().map(topic).collect();
        Self { kafka: kafka.clone(), topics, earlier: Ids::default() }
    }

    /// Follows the topics from where they stand; `earlier` were answered before.
    ///
    /// # Errors
    /// The broker is away or a topic is missing.
    pub(crate) fn follow(&mut self, earlier: Ids) -> anyhow::Result<()> {
        self.earlier = earlier;
        for topic in &mut self.topics {
            topic.ranged.clear();
            let start = Start::At(topic.next.clone());
            topic.live = Some(self.kafka.reader(&topic.source.topic, &start)?);
        }
        Ok(())
    }

    /// Collects what arrives: for `idle` where nothing does, else for `spacing` at least. Whether anything waits to be
    /// fetched. `is_ahead` says of a place whether its feature record has yet to be read.
    ///
    /// # Errors
    /// The broker is away, or records were deleted before they could be read.
    pub(crate) fn pump(
        &mut self,
        is_ahead: impl Fn(Place) -> bool,
        idle: Duration,
        spacing: Duration,
    ) -> anyhow::Result<bool> {
        let started = Instant::now();
        loop {
            for topic in &mut self.topics {
                topic.read(Duration::ZERO)?;
            }
            let came: usize = self.topics.iter().map(Topic::waiting).sum();
            let span = if came > 0 { spacing } else { idle };
            let left = span.saturating_sub(started.elapsed());
            if came >= FULL_TICK || left.is_zero() {
                self.catch_up(is_ahead)?;
                return Ok(came > 0);
            }
            // Only predictions are waited for: what they bring is most of it.
            let predictions =
                self.topics.iter_mut().find(|topic| topic.source.what == Reads::Predictions);
            if let Some(predictions) = predictions {
                predictions.read(left.min(POLL_INTERVAL))?;
            }
        }
    }

    /// Up to where the partitions were read that have records to fetch.
    pub(crate) fn moved(&self) -> Vec<Moved> {
        let mut moved = Vec::new();
        for (place, topic) in self.topics.iter().enumerate() {
            for (partition, records) in &topic.waiting {
                moved.extend(records.back().map(|last| (place, *partition, last.offset + 1)));
            }
        }
        moved
    }

    /// The labels among those that wait to be fetched which met answers from before the canary.
    pub(crate) fn earlier_labels(&self) -> Earlier {
        let mut earlier = Earlier::default();
        if self.earlier.is_empty() {
            return earlier;
        }
        let labels = self.topics.iter().filter(|topic| topic.source.what == Reads::Labels);
        for record in labels.flat_map(|topic| topic.waiting.values().flatten()) {
            let met = labels::read(record).ok().and_then(|(id, _)| self.earlier.get(&id));
            if let Some(at_ms) = met {
                let after = u64::try_from(record.timestamp_ms - at_ms).unwrap_or(0);
                earlier.met += 1;
                earlier.after = earlier.after.max(Duration::from_millis(after));
            }
        }
        earlier
    }

    /// It is known by now how labels find answers.
    pub(crate) fn forget_earlier(&mut self) {
        self.earlier = Ids::default();
    }

    /// Predictions name feature records that may not have been read yet.
    fn catch_up(&mut self, is_ahead: impl Fn(Place) -> bool) -> anyhow::Result<()> {
        let [features, others @ ..] = self.topics.as_mut_slice() else { return Ok(()) };
        if features.source.what != Reads::Features {
            return Ok(());
        }
        let named = others
            .iter()
            .filter(|topic| topic.source.what == Reads::Predictions)
            .flat_map(|topic| topic.waiting.values().flatten())
            .filter_map(|record| PredictionHeaders::of(&record.headers).source().ok())
            .filter(|source| source.topic == features.source.topic)
            .map(|source| (source.partition, source.offset))
            .filter(|place| is_ahead(*place));
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
        while is_behind(features) && started.elapsed() < CATCH_UP_TIMEOUT {
            features.read(Duration::from_millis(50))?;
        }
        Ok(())
    }
}

impl Fetch for Topics {
    fn fetch(&mut self, moved: &[Moved]) -> anyhow::Result<Batch> {
        let mut batch = Batch::new();
        for (place, partition, end) in moved {
            let topic = self.topics.get_mut(*place).ok_or_else(|| {
                fault::usage(
                    format!("the journal names a topic {place} that it does not list"),
                    "give the report.json as canary-gate wrote it",
                )
            })?;
            topic.read_up_to(&self.kafka, *partition, *end)?;
            let waiting = topic.waiting.entry(*partition).or_default();
            let named = waiting.partition_point(|record| record.offset < *end);
            batch.extend(waiting.drain(..named).map(|record| (topic.source.what, record)));
        }
        Ok(batch)
    }
}

impl Topic {
    fn waiting(&self) -> usize {
        self.waiting.values().map(VecDeque::len).sum()
    }

    /// Reads on where it is followed, for `wait` at most.
    fn read(&mut self, mut wait: Duration) -> anyhow::Result<()> {
        let Some(reader) = &mut self.live else { return Ok(()) };
        let mut read = 0;
        while read < MAX_BATCH
            && let Some(record) = reader.next(wait)?
        {
            (read, wait) = (read + 1, Duration::ZERO);
            self.next.insert(record.partition, record.offset + 1);
            self.waiting.entry(record.partition).or_default().push_back(record);
        }
        Ok(())
    }

    /// Reads a partition again, unless it was read as far as `end`.
    fn read_up_to(&mut self, kafka: &Kafka, partition: i32, end: i64) -> anyhow::Result<()> {
        let next = self.next.entry(partition).or_insert(0);
        if *next >= end {
            return Ok(());
        }
        let topic = &self.source.topic;
        let reader = match self.ranged.entry(partition) {
            Entry::Occupied(reader) => reader.into_mut(),
            Entry::Vacant(place) => {
                let start = Start::At(BTreeMap::from([(partition, *next)]));
                place.insert(kafka.reader(topic, &start)?)
            }
        };
        let waiting = self.waiting.entry(partition).or_default();
        let started = Instant::now();
        // The last record before `end` stands at `end - 1`, for a tick names what was read.
        while *next < end {
            let Some(record) = reader.next(Duration::from_millis(500))? else {
                if reader.at_end() || started.elapsed() > REPLAY_TIMEOUT {
                    return Err(fault::transient(
                        format!("{topic}/{partition} ends at {next}, before {end}"),
                        "is the broker reachable? then run it again",
                    ));
                }
                continue;
            };
            *next = record.offset + 1;
            waiting.push_back(record);
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "topics_tests.rs"]
mod tests;
