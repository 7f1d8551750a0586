//! Records on their way to the broker.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{anyhow, ensure};
use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use super::encode::Encoded;

/// Counts what did not arrive; nothing else is reported.
#[derive(Default)]
pub(crate) struct Deliveries {
    pub(crate) failed: AtomicU64,
}

/// Queues a record for a partition; `false` when it is too large to be sent at all.
pub(crate) fn send(
    producer: &BaseProducer<Deliveries>,
    patience: Duration,
    topic: &str,
    partition: i32,
    encoded: Encoded<'_>,
) -> anyhow::Result<bool> {
    let mut record =
        BaseRecord::<[u8], [u8]>::to(topic).partition(partition).headers(encoded.headers);
    (record.key, record.payload) = (encoded.key, encoded.value);
    let mut deadline = None;
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(true),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                let deadline = *deadline.get_or_insert_with(|| Instant::now() + patience);
                ensure!(
                    Instant::now() < deadline,
                    "the queue to {topic} stayed full for {}",
                    words::duration(patience)
                );
                pause(producer);
                record = back;
            }
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge), _)) => {
                return Ok(false);
            }
            Err((error, _)) => return Err(anyhow!(error).context(format!("write to {topic}"))),
        }
    }
}

/// Serves the producer and waits a moment: with a timeout below some milliseconds, rdkafka's `poll` only spins.
fn pause(producer: &BaseProducer<Deliveries>) {
    producer.poll(Duration::ZERO);
    std::thread::sleep(Duration::from_micros(250));
}

/// Sends what is queued without lingering, and says whether all of it has arrived within `wait`.
#[expect(
    unsafe_code,
    reason = "rdkafka's flush asks for 0 ms, in which nothing is sent early, and polls for 100 ms"
)]
pub(crate) fn flush(producer: &BaseProducer<Deliveries>, wait: Duration) -> bool {
    let millis = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the pointer is that of a living producer, which `producer` borrows, and librdkafka's functions may be
    // called from any thread.
    let result =
        unsafe { rdkafka::bindings::rd_kafka_flush(producer.client().native_ptr(), millis) };
    result == rdkafka::types::RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            // One line for each transaction is enough.
            if self.failed.fetch_add(1, Ordering::AcqRel) == 0 {
                tracing::warn!(%error, "a record did not arrive; its transaction is aborted");
            }
        }
    }
}
