//! Goes the way of a journal again: the same ranges, in the same order, to the same state of the gate.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use contract::Context;
use kafka::{Kafka, Reader, Record, Start};

use crate::gate::{Gate, Move};
use crate::journal::{Entry, Journal, Source};
use crate::watch::feed;

/// What going again came to.
pub(crate) struct Went {
    pub(crate) gate: Gate,
    /// Where the topics stand, by source.
    pub(crate) at: Vec<BTreeMap<i32, i64>>,
    pub(crate) digest: u64,
    /// How the gate ended, if it did.
    pub(crate) ended: Option<(crate::gate::Ending, Duration)>,
    pub(crate) records: u64,
}

/// Takes `gate`, which has seen nothing, through all that stands in `journal`.
///
/// # Errors
/// A range is no longer on the broker (exit 2, saying which), or the broker is away.
pub(crate) fn go(mut gate: Gate, journal: &Journal, context: &Context) -> anyhow::Result<Went> {
    for (topic, window) in journal.read() {
        still_there(&context.kafka, &topic, &window)?;
    }
    let mut topics: Vec<Ranges<'_>> =
        journal.began.topics.iter().map(|source| Ranges::new(source, &context.kafka)).collect();
    let (mut digest, mut records, mut ended) = (0, 0, None);
    let mut now = Duration::ZERO;
    for entry in &journal.entries {
        context.stop.check()?;
        match entry {
            Entry::Tick(at, moved) => {
                now = Duration::from_millis(*at);
                for (place, partition, end) in moved {
                    let what = journal.began.topics[*place].what;
                    topics[*place].up_to(*partition, *end, |record| {
                        records += 1;
                        feed(&mut gate, what, &record, &mut digest, now);
                    })?;
                }
                gate.tick(now);
                if let Move::End(ending) = gate.next(now) {
                    ended = Some((ending, now));
                }
            }
            Entry::Sampled { metric, value, .. } => {
                gate.sampled(*metric, value.as_ref().and_then(|value| value.parse().ok()));
            }
            Entry::Raised(at, route) => gate.raised((**route).clone(), Duration::from_millis(*at)),
            Entry::Confirmed { at, by, from } => {
                gate.confirmed(by.clone(), from.clone(), Duration::from_millis(*at));
            }
            Entry::Elders { met, after } => gate.elders(*met, Duration::from_millis(*after)),
            Entry::Missing(who) => gate.missing.clone_from(who),
            Entry::Spoilt(verdict, reason) => gate.spoilt(*verdict, reason.clone()),
            Entry::Said(at, command) => gate.told(command.clone(), Duration::from_millis(*at)),
            Entry::Resumed { lost, .. } => gate.resumed(*lost),
        }
    }
    let at = topics.into_iter().map(|ranges| ranges.next).collect();
    tracing::info!(records, now = words::duration(now), "went the way again");
    Ok(Went { gate, at, digest, ended, records })
}

fn still_there(kafka: &Kafka, topic: &str, window: &kafka::Window) -> anyhow::Result<()> {
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
    Ok(())
}

/// The partitions of a topic, each read for itself, so that none has to be held back for another.
struct Ranges<'a> {
    source: &'a Source,
    kafka: &'a Kafka,
    readers: BTreeMap<i32, Reader>,
    next: BTreeMap<i32, i64>,
    /// Read beyond the end that was asked for.
    ahead: BTreeMap<i32, Record>,
}

impl<'a> Ranges<'a> {
    fn new(source: &'a Source, kafka: &'a Kafka) -> Self {
        let (readers, ahead) = (BTreeMap::new(), BTreeMap::new());
        Self { source, kafka, readers, next: source.from.clone(), ahead }
    }

    /// Hands over the records of a partition before offset `end`.
    fn up_to(
        &mut self,
        partition: i32,
        end: i64,
        mut each: impl FnMut(Record),
    ) -> anyhow::Result<()> {
        let next = self.next.entry(partition).or_insert(0);
        if let Some(record) = self.ahead.remove(&partition) {
            if record.offset >= end {
                self.ahead.insert(partition, record);
                return Ok(());
            }
            *next = record.offset + 1;
            each(record);
        }
        if !self.readers.contains_key(&partition) {
            let start = Start::At(BTreeMap::from([(partition, *next)]));
            self.readers.insert(partition, self.kafka.reader(&self.source.topic, &start)?);
        }
        let reader = self.readers.get_mut(&partition).expect("it was put there just now");
        let started = Instant::now();
        // The last record before `end` stands at `end - 1`, for a tick names what was read.
        while *next < end {
            let Some(record) = reader.next(Duration::from_millis(500))? else {
                if reader.at_end() || started.elapsed() > PATIENCE {
                    return Err(fault::transient(
                        format!("{}/{partition} ends at {next}, before {end}", self.source.topic),
                        "is the broker reachable? then run it again",
                    ));
                }
                continue;
            };
            if record.offset >= end {
                self.ahead.insert(partition, record);
                break;
            }
            *next = record.offset + 1;
            each(record);
        }
        Ok(())
    }
}

/// How long one range may stay silent.
const PATIENCE: Duration = Duration::from_secs(60);
