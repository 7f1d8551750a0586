//! Writing records and being sure that they are there.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use crate::act::Act;
use crate::client_log::{self, ClientLog};
use crate::{Kafka, Outgoing};
use words::text;

/// Writes with `acks=all` and idempotence; [`Writer::flush`] says whether all arrived.
pub struct Writer {
    pub(super) producer: BaseProducer<Deliveries>,
    timeout: Duration,
    /// Where the last record goes, for saying what did not arrive.
    topic: String,
}

/// Counts the records that did not arrive, and keeps why the first did not and why there is no connection.
#[derive(Default)]
pub(super) struct Deliveries {
    lost: AtomicU64,
    first: Mutex<Option<(String, KafkaError)>>,
    log: ClientLog,
}

impl Kafka {
    /// Opens a writer.
    ///
    /// # Errors
    /// The settings are refused (exit 2).
    pub fn writer(&self) -> anyhow::Result<Writer> {
        self.producer(&[("enable.idempotence", "true")])
    }

    pub(super) fn producer(&self, settings: &[(&str, &str)]) -> anyhow::Result<Writer> {
        let mut config = self.config().clone();
        let patience = self.timeout().as_millis().max(1).to_string();
        config.set("acks", "all").set("linger.ms", "1").set("delivery.timeout.ms", patience);
        for (key, value) in settings {
            config.set(*key, *value);
        }
        let deliveries =
            Deliveries { log: ClientLog::of(self.peer().clone()), ..Deliveries::default() };
        let producer = config
            .create_with_context(deliveries)
            .map_err(|error| self.peer().fault(Act::Open("a writer"), &error, None))?;
        Ok(Writer { producer, timeout: self.timeout(), topic: String::new() })
    }
}

impl Writer {
    /// Queues a record; waits while the queue is full.
    ///
    /// # Errors
    /// The record is too large (exit 2), or the queue stays full past the timeout (exit 75).
    pub fn send(&mut self, record: &Outgoing) -> anyhow::Result<()> {
        let deadline = Instant::now() + self.timeout;
        self.topic.clone_from(&record.topic);
        loop {
            let mut out = BaseRecord::<[u8], [u8]>::to(&record.topic);
            out.key = record.key.as_deref();
            out.payload = record.value.as_deref();
            out.partition = record.partition;
            if !record.headers.is_empty() {
                out = out.headers(record.kafka_headers());
            }
            match self.producer.send(out) {
                Ok(()) => {
                    // Takes in what has arrived, so that reports do not pile up until the flush.
                    self.producer.poll(Duration::ZERO);
                    return Ok(());
                }
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _))
                    if Instant::now() < deadline =>
                {
                    self.producer.poll(Duration::from_millis(1));
                }
                Err((error, _)) => {
                    return Err(self.fault(Act::Write(&record.topic), &error));
                }
            }
        }
    }

    /// Why `act` could not be done.
    pub(super) fn fault(&self, act: Act<'_>, error: &KafkaError) -> anyhow::Error {
        (0..client_log::MAX_LINES).for_each(|_| {
            self.producer.poll(Duration::ZERO);
        });
        // After a fatal error every call fails with that; what it was is kept apart.
        let fatal = self.producer.client().fatal_error().map(|(code, _)| KafkaError::Global(code));
        self.producer.context().log.fault(act, fatal.as_ref().unwrap_or(error))
    }

    /// Waits until every record arrived.
    ///
    /// # Errors
    /// Some did not, and it is unknown which: the broker is away (exit 75), or refuses them (exit 2).
    pub fn flush(&mut self) -> anyhow::Result<()> {
        // Not `Producer::flush`, which waits in steps of 100 ms; and not `poll` with a short wait, which spins
        // through the last part of a millisecond.
        let deadline = Instant::now() + self.timeout + Duration::from_secs(1);
        loop {
            let before = self.producer.in_flight_count();
            if before == 0 || Instant::now() >= deadline {
                break;
            }
            self.producer.poll(Duration::ZERO);
            if self.producer.in_flight_count() == before {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        let deliveries = self.producer.context();
        let lost = deliveries.lost.swap(0, Ordering::Relaxed);
        let first = deliveries.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let waiting = self.producer.in_flight_count().max(0) as u64;
        if lost + waiting == 0 {
            return Ok(());
        }
        let (topic, error) = first.unwrap_or_else(|| {
            let timed_out = KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut);
            (self.topic.clone(), timed_out)
        });
        let records = text::count(lost + waiting, "record", "records");
        tracing::warn!(records, topic, %error, "not all that was written has arrived");
        let error = self.missing(&topic).unwrap_or(error);
        Err(self.fault(Act::Write(&topic), &error))
    }
}

impl Writer {
    /// Why nothing can be written to a topic that has no partitions: of this librdkafka says only that it took too long.
    fn missing(&self, topic: &str) -> Option<KafkaError> {
        const MAX_WAIT: Duration = Duration::from_secs(2);
        let client = self.producer.client();
        let metadata = client.fetch_metadata(Some(topic), self.timeout.min(MAX_WAIT)).ok()?;
        let found = metadata.topics().iter().find(|found| found.name() == topic)?;
        let code = found.error()?;
        found.partitions().is_empty().then(|| KafkaError::MetadataFetch(code.into()))
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, kind: &str, line: &str) {
        self.log.log(level, kind, line);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, message)) = result {
            tracing::debug!(%error, "a record did not arrive");
            let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert_with(|| (message.topic().to_owned(), error.clone()));
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}
