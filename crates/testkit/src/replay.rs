//! Replays the telemetry as a live stream with delayed labels.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use contract::stop::Stop;
use kafka::{Kafka, Outgoing, Writer};

use crate::telemetry::Reading;

/// How the stream runs.
#[derive(Clone, Debug)]
pub struct Pace {
    pub stream: String,
    pub partitions: i32,
    /// Records a second.
    pub rate: u32,
    /// How long after its record a label becomes known.
    pub label_delay: Duration,
}

/// Every so many records one is broken on purpose, as sensors do: the stream must go on.
const BROKEN_EVERY: u64 = 9_973;
const BROKEN: [&str; 4] = [r#"{"f1":50,"f2":21"#, r#"{"f1":50}"#, r#"{"f1":NaN}"#, "null"];

/// Records that are written together, to one partition: the in-memory broker gives a reader no more of a partition at
/// a time than was written together.
const TOGETHER: u64 = 12;
const MIN_TICK: Duration = Duration::from_millis(5);
/// Labels become known in bursts, for the same reason.
const BURST: Duration = Duration::from_millis(200);
/// The stream waits while so many records, two seconds of the demo's, have no answer yet: a busy machine gets a slower
/// stream, not a longer and longer queue.
const MAX_AHEAD: u64 = 6_000;

/// A running replay.
pub struct Replay {
    written: Arc<AtomicU64>,
    stop: Stop,
    thread: JoinHandle<anyhow::Result<()>>,
}

impl Replay {
    /// Starts to write; the readings come round again when they are used up, under new ids.
    ///
    /// # Errors
    /// The broker refuses a writer.
    pub fn start(kafka: &Kafka, pace: Pace, readings: Vec<Reading>) -> anyhow::Result<Self> {
        Self::start_from(kafka, pace, readings, 0, || u64::MAX)
    }

    /// Starts with the record of number `first`, and writes no faster than records are `answered` (how many so far).
    ///
    /// # Errors
    /// The broker refuses a writer.
    pub fn start_from(
        kafka: &Kafka,
        pace: Pace,
        readings: Vec<Reading>,
        first: u64,
        answered: impl Fn() -> u64 + Send + 'static,
    ) -> anyhow::Result<Self> {
        let (stop, written) = (Stop::default(), Arc::new(AtomicU64::new(first)));
        let (writer, asked, count) = (kafka.writer()?, stop.clone(), written.clone());
        let thread = std::thread::Builder::new()
            .name("replay".into())
            .spawn(move || write_all(writer, &pace, &readings, &answered, &asked, &count))?;
        Ok(Self { written, stop, thread })
    }

    /// Records written so far, those before the first one included.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Ends the stream; all that was written has arrived, labels included.
    ///
    /// # Errors
    /// Something written did not arrive.
    pub fn finish(self) -> anyhow::Result<u64> {
        self.stop.set();
        self.thread.join().map_err(|_| anyhow::anyhow!("the replay panicked"))??;
        Ok(self.written.load(Ordering::Relaxed))
    }
}

fn write_all(
    mut writer: Writer,
    pace: &Pace,
    readings: &[Reading],
    answered: &dyn Fn() -> u64,
    stop: &Stop,
    written: &AtomicU64,
) -> anyhow::Result<()> {
    let stream::Topics { features, labels, .. } = stream::Topics::of(&pace.stream);
    // Some records at a time: a scorer that answers each by itself makes a transaction of each.
    let tick = Duration::from_secs_f64(TOGETHER as f64 / f64::from(pace.rate)).max(MIN_TICK);
    let mut pending: VecDeque<(Instant, u64, u8)> = VecDeque::new();
    let mut next = written.load(Ordering::Relaxed);
    let (mut due, mut looked, mut burst) = (next as f64, Instant::now(), Instant::now());
    while !stop.is_set() {
        if next < answered().saturating_add(MAX_AHEAD) {
            due += looked.elapsed().as_secs_f64() * f64::from(pace.rate);
        }
        looked = Instant::now();
        while next < due as u64 {
            let reading = &readings[(next % readings.len() as u64) as usize];
            let broken = next % BROKEN_EVERY == BROKEN_EVERY - 1;
            let value = match broken {
                true => BROKEN[(next / BROKEN_EVERY) as usize % BROKEN.len()],
                false => &reading.json,
            };
            writer.send(&record(&features, pace, next, value.as_bytes()))?;
            if !broken {
                pending.push_back((Instant::now() + pace.label_delay, next, reading.label));
            }
            next += 1;
        }
        if burst.elapsed() >= BURST {
            burst = Instant::now();
            while pending.front().is_some_and(|(known, ..)| *known <= burst) {
                let Some((_, n, label)) = pending.pop_front() else { break };
                writer.send(&record(&labels, pace, n, &label_of(label)))?;
            }
        }
        written.store(next, Ordering::Relaxed);
        std::thread::sleep(tick);
    }
    for (_, n, label) in pending {
        writer.send(&record(&labels, pace, n, &label_of(label)))?;
    }
    writer.flush()
}

/// The value of a label record.
fn label_of(label: u8) -> Vec<u8> {
    stream::LabelRecord { id: b"", label: label.into() }.value()
}

/// Record number `n`: its key and id are the number, which the label carries too.
fn record(topic: &str, pace: &Pace, n: u64, value: &[u8]) -> Outgoing {
    let id = format!("r{n}").into_bytes();
    Outgoing {
        topic: topic.to_owned(),
        partition: Some((n / TOGETHER % pace.partitions as u64) as i32),
        key: Some(id.clone()),
        value: Some(value.to_vec()),
        headers: stream::headers::owned([(stream::feature::ID, &*id)]),
    }
}
