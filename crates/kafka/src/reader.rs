//! Reading a topic by offsets, without a consumer group.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use rdkafka::metadata::MetadataTopic;
use rdkafka::{Offset, TopicPartitionList};

use crate::act::Act;
use crate::client::Client;
use crate::{Kafka, Record, Window};

/// Where a [`Reader`] starts.
#[derive(Clone, Debug)]
pub enum Start {
    Beginning,
    /// At the offsets of the moment it is opened.
    End,
    /// At these offsets; partitions that are not named are not read.
    At(BTreeMap<i32, i64>),
}

/// Reads committed records of all partitions of one topic.
///
/// It joins no group and commits nothing: nobody else can see it.
pub struct Reader {
    client: Client,
    topic: String,
    timeout: Duration,
    ends: Ends,
    silent_since: Option<Instant>,
}

/// Which partitions have been read up to their end, until a new record shows up.
struct Ends {
    partitions: Vec<i32>,
    ended: HashSet<i32>,
}

impl Kafka {
    /// The partitions of `topic`.
    ///
    /// # Errors
    /// The topic is missing (exit 2) or the broker away (exit 75).
    pub fn partitions(&self, topic: &str) -> anyhow::Result<Vec<i32>> {
        partitions(&self.client()?, topic, self.timeout())
    }

    /// Makes sure that the broker answers; the inner error is why outcome events could not be emitted there.
    ///
    /// # Errors
    /// The broker is away (exit 75), or refuses who asks (exit 2).
    pub fn reach(&self) -> anyhow::Result<Option<anyhow::Error>> {
        let client = self.client()?;
        let topic = self.events_topic();
        client
            .fetch_metadata(Some(topic), self.timeout())
            .map_err(|error| client.fault(Act::Find(topic), &error))?;
        Ok(partitions(&client, topic, self.timeout()).err())
    }

    /// What `topic` holds now: from its first kept offset to the end of its committed records.
    ///
    /// # Errors
    /// As [`Kafka::partitions`].
    pub fn extent(&self, topic: &str) -> anyhow::Result<Window> {
        self.extent_by(&self.client()?, topic)
    }

    /// As [`Kafka::extent`], with all that is written, committed or not.
    ///
    /// A transaction is committed for its writer a moment before readers see it, so whoever heard of a commit and
    /// asks for the extent may find the end before the records of that very transaction.
    ///
    /// # Errors
    /// As [`Kafka::partitions`].
    pub fn written(&self, topic: &str) -> anyhow::Result<Window> {
        self.extent_by(&self.client_of_all()?, topic)
    }

    fn extent_by(&self, client: &Client, topic: &str) -> anyhow::Result<Window> {
        let mut window = Window::default();
        for partition in partitions(client, topic, self.timeout())? {
            let marks = client.fetch_watermarks(topic, partition, self.timeout());
            let marks = marks.map_err(|error| client.fault(Act::Find(topic), &error))?;
            window.0.insert(partition, marks);
        }
        Ok(window)
    }

    /// What `topic` holds now, all that is written: waits until readers see what is being committed at this moment.
    ///
    /// # Errors
    /// As [`Kafka::partitions`]; a transaction stays open for longer than the timeout (exit 75).
    pub fn settled(&self, topic: &str) -> anyhow::Result<Window> {
        let written = self.written(topic)?;
        let deadline = Instant::now() + self.timeout();
        loop {
            let seen = self.extent(topic)?;
            let end = |partition: &i32| seen.0.get(partition).map_or(0, |(_, end)| *end);
            if written.0.iter().all(|(partition, (_, last))| end(partition) >= *last) {
                return Ok(written);
            }
            if Instant::now() > deadline {
                return Err(fault::transient(
                    format!("a transaction on {topic} stays open, and hides what follows"),
                    "has a writer of this topic ended without a word? then run the step again",
                ));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Opens a reader of `topic`.
    ///
    /// # Errors
    /// As [`Kafka::partitions`].
    pub fn reader(&self, topic: &str, start: &Start) -> anyhow::Result<Reader> {
        let client = self.client()?;
        let known = || partitions(&client, topic, self.timeout());
        let from: BTreeMap<i32, Offset> = match start {
            Start::Beginning => known()?.into_iter().map(|p| (p, Offset::Beginning)).collect(),
            Start::End => {
                let extent = self.extent_by(&client, topic)?;
                extent.0.into_iter().map(|(p, (_, end))| (p, Offset::Offset(end))).collect()
            }
            Start::At(offsets) => {
                let known = known()?;
                if let Some(unknown) = offsets.keys().find(|partition| !known.contains(partition)) {
                    return Err(fault::usage(
                        format!("topic {topic} has no partition {unknown}"),
                        format!("it has {}; correct the window", known.len()),
                    ));
                }
                offsets.iter().map(|(p, offset)| (*p, Offset::Offset(*offset))).collect()
            }
        };
        let mut list = TopicPartitionList::new();
        for (partition, offset) in &from {
            list.add_partition_offset(topic, *partition, *offset)?;
        }
        client.assign(&list).map_err(|error| client.fault(Act::Read(topic), &error))?;
        Ok(Reader {
            client,
            topic: topic.to_owned(),
            timeout: self.timeout(),
            ends: Ends { partitions: from.into_keys().collect(), ended: HashSet::new() },
            silent_since: None,
        })
    }
}

impl Reader {
    /// The next record, or `None` when `wait` passed without one.
    ///
    /// # Errors
    /// The broker was away for longer than `--kafka-timeout`, or an offset is no longer kept.
    pub fn next(&mut self, wait: Duration) -> anyhow::Result<Option<Record>> {
        let deadline = Instant::now() + wait;
        loop {
            let Self { client, ends, silent_since, .. } = self;
            let poll = |left| {
                let polled = client.poll(left)?;
                if matches!(polled, Ok(_) | Err(KafkaError::PartitionEOF(_))) {
                    *silent_since = None;
                }
                Some(polled.map(|message| Record::of(&message)))
            };
            match ends.next(deadline, poll) {
                Some(Err(error)) => self.bear(&error)?,
                Some(Ok(record)) => return Ok(Some(record)),
                None => return Ok(None),
            }
        }
    }

    /// Whether every partition has been read up to its end.
    pub fn at_end(&self) -> bool {
        self.ends.all()
    }

    /// Whether the broker was away when it was last asked, so that silence says nothing about the topic.
    pub fn is_cut_off(&self) -> bool {
        self.silent_since.is_some()
    }

    /// Calls `each` with every record up to the end of the topic.
    ///
    /// # Errors
    /// As [`Reader::next`]; also when the end is not reached because the broker stays silent.
    pub fn read_to_end(&mut self, mut each: impl FnMut(Record)) -> anyhow::Result<()> {
        let mut last = Instant::now();
        while !self.at_end() {
            if let Some(record) = self.next(Duration::from_millis(500))? {
                last = Instant::now();
                each(record);
            } else if !self.at_end() && last.elapsed() > self.timeout {
                return Err(fault::transient(
                    format!(
                        "topic {} could not be read to its end in {}",
                        self.topic,
                        words::duration(self.timeout)
                    ),
                    "is the broker reachable? a transaction left open also holds readers back",
                ));
            }
        }
        Ok(())
    }

    /// Calls `each` with every record of `window`, partition order kept.
    ///
    /// # Errors
    /// As [`Reader::next`], or when part of the window is no longer (or not yet) on the broker.
    pub fn read_window(
        kafka: &Kafka,
        topic: &str,
        window: &Window,
        mut each: impl FnMut(Record) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let ranges: BTreeMap<i32, (i64, i64)> = window
            .0
            .iter()
            .filter(|(_, (from, to))| from < to)
            .map(|(p, range)| (*p, *range))
            .collect();
        if ranges.is_empty() {
            return Ok(());
        }
        let kept = kafka.extent(topic)?;
        for (partition, (from, to)) in &ranges {
            let (low, high) = kept.0.get(partition).copied().unwrap_or((0, 0));
            if *from < low || *to > high {
                return Err(fault::usage(
                    format!(
                        "window {partition}:{from}-{to} of {topic} is not on the broker, which has {low}-{high}"
                    ),
                    "choose a window inside what the topic keeps",
                ));
            }
        }
        let starts = ranges.iter().map(|(p, (from, _))| (*p, *from)).collect();
        let mut reader = kafka.reader(topic, &Start::At(starts))?;
        let mut open: HashSet<i32> = ranges.keys().copied().collect();
        let mut last = Instant::now();
        while !open.is_empty() {
            if let Some(record) = reader.next(Duration::from_millis(500))? {
                last = Instant::now();
                let (_, to) = ranges[&record.partition];
                if record.offset < to && open.contains(&record.partition) {
                    let (partition, done) = (record.partition, record.offset + 1 >= to);
                    each(record)?;
                    if done {
                        open.remove(&partition);
                    }
                } else {
                    open.remove(&record.partition);
                }
            }
            // The tail of a window may be control records only, which nobody gets to see.
            open.retain(|partition| !reader.ends.ended.contains(partition));
            if last.elapsed() > reader.timeout {
                return Err(fault::transient(
                    format!(
                        "the window of {topic} could not be read in {}",
                        words::duration(reader.timeout)
                    ),
                    "is the broker reachable? then run the step again",
                ));
            }
        }
        Ok(())
    }

    /// Bears what librdkafka mends by itself, up to the timeout.
    fn bear(&mut self, error: &KafkaError) -> anyhow::Result<()> {
        use rdkafka::error::RDKafkaErrorCode as Code;
        let mendable = matches!(
            error.rdkafka_error_code(),
            Some(
                Code::AllBrokersDown
                    | Code::BrokerTransportFailure
                    | Code::Resolve
                    | Code::OperationTimedOut
                    | Code::NotLeaderForPartition
                    | Code::LeaderNotAvailable
            )
        );
        let since = *self.silent_since.get_or_insert_with(Instant::now);
        if mendable && since.elapsed() < self.timeout {
            tracing::debug!(%error, topic = self.topic, "waiting for the broker");
            return Ok(());
        }
        Err(self.client.fault(Act::Read(&self.topic), error))
    }
}

impl Ends {
    /// The next record or error that `poll` gives before the deadline, ends of partitions noted.
    ///
    /// Whoever waits for the end of the topic hears of it at once, but what lies behind this end comes first: a live stream
    /// reaches its end again and again, with records of other partitions queued already, and whoever does not wait
    /// would get one a call.
    fn next(
        &mut self,
        mut deadline: Instant,
        mut poll: impl FnMut(Duration) -> Option<Result<Record, KafkaError>>,
    ) -> Option<Result<Record, KafkaError>> {
        loop {
            match poll(deadline.saturating_duration_since(Instant::now()))? {
                Err(KafkaError::PartitionEOF(partition)) => {
                    self.ended.insert(partition);
                    if self.all() {
                        deadline = Instant::now();
                    }
                }
                Ok(record) => {
                    self.ended.remove(&record.partition);
                    return Some(Ok(record));
                }
                error => return Some(error),
            }
        }
    }

    fn all(&self) -> bool {
        self.partitions.iter().all(|partition| self.ended.contains(partition))
    }
}

fn partitions(client: &Client, topic: &str, timeout: Duration) -> anyhow::Result<Vec<i32>> {
    let metadata = client
        .fetch_metadata(Some(topic), timeout)
        .map_err(|error| client.fault(Act::Find(topic), &error))?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let partitions: Vec<i32> =
        found.map(|found| found.partitions().iter().map(|p| p.id()).collect()).unwrap_or_default();
    match found.and_then(MetadataTopic::error) {
        _ if !partitions.is_empty() => Ok(partitions),
        Some(code) => Err(client.fault(Act::Find(topic), &KafkaError::MetadataFetch(code.into()))),
        None => Err(client.context().peer().is_missing(Act::Find(topic))),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    type Polled = Result<Record, KafkaError>;

    fn end(partition: i32) -> Polled {
        Err(KafkaError::PartitionEOF(partition))
    }

    fn record(partition: i32, offset: i64) -> Polled {
        let (key, value, headers) = (None, None, Vec::new());
        Ok(Record { partition, offset, timestamp_ms: 0, key, value, headers })
    }

    /// Offsets of the records that calls which do not wait give, until one gives none.
    fn read(ends: &mut Ends, queued: impl IntoIterator<Item = Polled>) -> Vec<i64> {
        let mut queued: VecDeque<Polled> = queued.into_iter().collect();
        let mut next = || ends.next(Instant::now(), |_| queued.pop_front());
        std::iter::from_fn(|| next()?.ok().map(|record| record.offset)).collect()
    }

    fn ends() -> Ends {
        Ends { partitions: vec![0, 1], ended: HashSet::new() }
    }

    #[test]
    fn an_end_does_not_hold_up_the_records_behind_it() {
        let mut ends = ends();
        let queued = [end(0), end(1), record(0, 1), end(0), record(1, 2), end(1), record(0, 3)];
        assert_eq!(read(&mut ends, queued), [1, 2, 3]);
        assert!(!ends.all());
    }

    #[test]
    fn whoever_waits_is_told_of_the_end_at_once_and_waits_for_more_the_next_time() {
        let mut ends = ends();
        let mut waits = Vec::new();
        let mut queued = VecDeque::from([end(0), end(1)]);
        let mut next = |ends: &mut Ends| {
            ends.next(Instant::now() + Duration::from_secs(60), |left| {
                waits.push(left > Duration::from_secs(30));
                queued.pop_front()
            })
        };
        assert!(next(&mut ends).is_none());
        assert!(ends.all());
        assert!(next(&mut ends).is_none());
        assert_eq!(waits, [true, true, false, true]);
    }
}
