//! Where the runs take place: an in-memory broker with the stream's topics, a broker that is away, and one that
//! never answers.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use kafka::memory::MemoryBroker;
use kafka::{Kafka, KafkaArgs, Reader, Record, TopicSpec, Window};

use crate::Case;
use crate::process::Running;

const EVENTS: &str = "headgate.events";
const PARTITIONS: i32 = 4;

/// A broker with the case's topics and records.
pub(crate) struct Stage {
    broker: MemoryBroker,
    kafka: Kafka,
}

/// A broker that takes connections and never answers.
pub(crate) struct Silence(TcpListener);

impl Stage {
    pub(crate) fn open(case: &Case) -> anyhow::Result<Self> {
        let broker = MemoryBroker::start(&TopicSpec::of_stream(case.stream(), PARTITIONS))?;
        let kafka = Kafka::new(&KafkaArgs {
            brokers: broker.brokers(),
            kafka_config: None,
            kafka_timeout: Duration::from_secs(20),
            events_topic: EVENTS.into(),
        })?;
        let mut writer = kafka.writer()?;
        for record in &case.records {
            writer.send(record)?;
        }
        writer.flush()?;
        Ok(Self { broker, kafka })
    }

    pub(crate) fn brokers(&self) -> String {
        self.broker.brokers()
    }

    /// Where the events topic ends now.
    pub(crate) fn mark(&self) -> anyhow::Result<Window> {
        self.kafka.extent(EVENTS)
    }

    /// The events emitted since `mark`.
    pub(crate) fn since(&self, mark: &Window) -> anyhow::Result<Vec<Record>> {
        let mut window = self.kafka.extent(EVENTS)?;
        for (partition, range) in &mut window.0 {
            range.0 = mark.0.get(partition).map_or(range.0, |(_, end)| *end);
        }
        let mut events = Vec::new();
        Reader::read_window(&self.kafka, EVENTS, &window, |record| {
            events.push(record);
            Ok(())
        })?;
        Ok(events)
    }
}

impl Silence {
    pub(crate) fn open() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        Ok(Self(listener))
    }

    pub(crate) fn brokers(&self) -> anyhow::Result<String> {
        Ok(self.0.local_addr()?.to_string())
    }

    /// Waits until the step speaks to the broker: then it is in the middle of its run. `false` when it ended, or
    /// never did within `limit`.
    pub(crate) fn meet(&self, step: &mut Running, limit: Duration) -> anyhow::Result<bool> {
        let started = Instant::now();
        while started.elapsed() < limit {
            if self.0.accept().is_ok() {
                return step.is_running();
            }
            if !step.is_running()? {
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(false)
    }
}

/// An address where nobody listens.
pub(crate) fn nobody() -> anyhow::Result<String> {
    let free = TcpListener::bind("127.0.0.1:0")?;
    Ok(free.local_addr()?.to_string())
}
