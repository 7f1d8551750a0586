//! Writing records and being sure that they are there.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use super::heard::{self, Heard};
use super::settings::fault;
use super::{Kafka, Outgoing};

/// Writes with `acks=all` and idempotence; [`Writer::flush`] tells whether all arrived.
pub struct Writer {
    pub(super) producer: BaseProducer<Deliveries>,
    timeout: Duration,
}

/// Counts the records that did not arrive, and keeps why there is no connection.
#[derive(Default)]
pub(super) struct Deliveries {
    lost: AtomicU64,
    heard: Heard,
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
        let producer = config
            .create_with_context(Deliveries::default())
            .map_err(|error| fault("open a Kafka writer", &error))?;
        Ok(Writer { producer, timeout: self.timeout() })
    }
}

impl Writer {
    /// Queues a record; waits while the queue is full.
    ///
    /// # Errors
    /// The record is too large (exit 2), or the queue stays full past the timeout (exit 75).
    pub fn send(&mut self, record: &Outgoing) -> anyhow::Result<()> {
        let deadline = Instant::now() + self.timeout;
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
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge), _)) => {
                    return Err(crate::usage(
                        format!("a record of {} is larger than the broker takes", record.topic),
                        "raise message.max.bytes in --kafka-config and max.message.bytes of the topic",
                    ));
                }
                Err((error, _)) => {
                    return Err(self.fault(format!("write to {}", record.topic), &error));
                }
            }
        }
    }

    /// Why `what` could not be done.
    pub(super) fn fault(&self, what: impl std::fmt::Display, error: &KafkaError) -> anyhow::Error {
        (0..heard::LINES).for_each(|_| {
            self.producer.poll(Duration::ZERO);
        });
        self.producer.context().heard.fault(what, error)
    }

    /// Waits until every record arrived.
    ///
    /// # Errors
    /// Some did not (exit 75); then it is unknown which.
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
        let lost = self.producer.context().lost.swap(0, Ordering::Relaxed);
        let waiting = self.producer.in_flight_count();
        if lost > 0 || waiting > 0 {
            return Err(crate::passing(
                format!("{} records did not reach the broker", lost + waiting.max(0) as u64),
                "is the broker of --brokers up, and do the topics exist? then run the step again",
            ));
        }
        Ok(())
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, kind: &str, line: &str) {
        self.heard.log(level, kind, line);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            tracing::warn!(%error, "a record did not arrive");
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}
