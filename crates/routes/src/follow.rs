//! Reading the routes topic: one stream's changes as they come, all that it had, or what stands for every stream.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka::{Kafka, Reader, Record, Start};

use crate::change::{Change, Standing, Taken};
use crate::{Changes, ROUTES_TOPIC, Route};

/// One change of a stream's route, and where it stands on the topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub change: Change,
    pub partition: i32,
    pub offset: i64,
    /// Of the record, milliseconds since 1970.
    pub at_ms: i64,
}

/// Follows the changes of one stream's route.
pub struct Follower {
    reader: Reader,
    stream: String,
    /// By partition, what comes after all that was read of the topic.
    next: BTreeMap<i32, i64>,
}

impl Entry {
    /// What `record` says about `stream`; `None` where it is about another one.
    pub fn of(stream: &str, record: &Record) -> Option<Self> {
        let change = Change::of(stream, record)?;
        let Record { partition, offset, timestamp_ms, .. } = *record;
        Some(Self { change, partition, offset, at_ms: timestamp_ms })
    }

    /// The route, where it is one.
    pub fn route(self) -> Option<Route> {
        match self.change {
            Change::Route(route) => Some(*route),
            Change::Retired | Change::Unreadable(_) => None,
        }
    }
}

impl Follower {
    /// Reads from `start` on.
    ///
    /// # Errors
    /// The broker is away, or the routes topic is missing.
    pub fn open(kafka: &Kafka, stream: &str, start: &Start) -> anyhow::Result<Self> {
        let reader = kafka.reader(ROUTES_TOPIC, start)?;
        Ok(Self { reader, stream: stream.to_owned(), next: BTreeMap::new() })
    }

    /// All changes up to the present end of the topic.
    ///
    /// # Errors
    /// The broker is away.
    pub fn read_to_end(&mut self) -> anyhow::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let Self { reader, stream, next } = self;
        reader.read_to_end(|record| {
            next.insert(record.partition, record.offset + 1);
            entries.extend(Entry::of(stream, &record));
        })?;
        Ok(entries)
    }

    /// Whether the topic ends before what was read of it: it was lost and made anew.
    ///
    /// # Errors
    /// The broker is away, or the topic is missing.
    pub fn was_made_anew(&self, kafka: &Kafka) -> anyhow::Result<bool> {
        let extent = kafka.extent(ROUTES_TOPIC)?;
        let end = |partition| extent.0.get(partition).map_or(0, |(_, end)| *end);
        Ok(self.next.iter().any(|(partition, next)| end(partition) < *next))
    }
}

impl Changes for Follower {
    fn next(&mut self, wait: Duration) -> anyhow::Result<Option<Entry>> {
        while let Some(record) = self.reader.next(wait)? {
            self.next.insert(record.partition, record.offset + 1);
            if let Some(entry) = Entry::of(&self.stream, &record) {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }
}

/// Every change of `stream`'s route that the topic still has, in its order.
///
/// # Errors
/// The broker is away, or the routes topic is missing.
pub fn history(kafka: &Kafka, stream: &str) -> anyhow::Result<Vec<Entry>> {
    Follower::open(kafka, stream, &Start::Beginning)?.read_to_end()
}

/// What the routes topic says about `stream`, also where its newest record is no route.
///
/// # Errors
/// The broker is away, or the routes topic is missing.
pub fn standing(kafka: &Kafka, stream: &str) -> anyhow::Result<Standing> {
    let mut standing = Standing::default();
    for entry in history(kafka, stream)? {
        if standing.apply(stream, &entry) == Taken::Stale {
            let (partition, offset) = (entry.partition, entry.offset);
            tracing::warn!(partition, offset, "skipped a route that is older than the newest");
        }
    }
    Ok(standing)
}

/// The same for every stream on the topic.
///
/// # Errors
/// The broker is away, or the routes topic is missing.
pub fn all(kafka: &Kafka) -> anyhow::Result<BTreeMap<String, Standing>> {
    let mut all: BTreeMap<String, Standing> = BTreeMap::new();
    kafka.reader(ROUTES_TOPIC, &Start::Beginning)?.read_to_end(|record| {
        let stream = record.key.as_deref().and_then(|key| std::str::from_utf8(key).ok());
        if let Some((stream, entry)) = stream.and_then(|it| Some((it, Entry::of(it, &record)?))) {
            all.entry(stream.to_owned()).or_default().apply(stream, &entry);
        }
    })?;
    Ok(all)
}

/// The route of `stream`, without becoming its writer.
///
/// # Errors
/// The broker is away, the routes topic is missing, or the stream's newest record is no route.
pub fn read(kafka: &Kafka, stream: &str) -> anyhow::Result<Option<Route>> {
    standing(kafka, stream)?.certain()
}
