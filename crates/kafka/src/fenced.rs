//! A writer that shuts out every earlier writer of the same thing.
//!
//! Kafka keeps one epoch per transactional id: opening a writer raises it, and whoever holds an older epoch can
//! commit nothing any more. So "open, read what is there, write the next" is a compare-and-set: of two that read
//! the same state, only the later opened one succeeds.

use rdkafka::error::KafkaResult;
use rdkafka::producer::{Producer, ProducerContext};

use crate::act::Act;
use crate::{Kafka, Outgoing, Writer};

/// The one live writer of `id`.
pub struct FencedWriter {
    writer: Writer,
    id: String,
    timeout: std::time::Duration,
}

impl Kafka {
    /// Fences every earlier writer of `id` and becomes the one.
    ///
    /// # Errors
    /// The broker is away (exit 75) or refuses the id (exit 2).
    pub fn fenced_writer(&self, id: &str) -> anyhow::Result<FencedWriter> {
        let open = format!("{}", (self.timeout().as_millis() + 10_000).min(600_000));
        let writer =
            self.producer(&[("transactional.id", id), ("transaction.timeout.ms", &open)])?;
        self.init_transactions(&writer.producer)
            .map_err(|error| writer.fault(Act::Own(id), &error))?;
        Ok(FencedWriter { writer, id: id.to_owned(), timeout: self.timeout() })
    }

    /// Fences every earlier producer of the same transactional id, as rdkafka's function of this name does, only sooner.
    ///
    /// librdkafka looks for the coordinator at once, and where no broker is connected, again after half a second. The
    /// first question about a topic is answered by the bootstrap connection, which is given up for one to the broker by
    /// its own name then; the second waits for that one.
    ///
    /// # Errors
    /// The broker is away or refuses the id.
    pub fn init_transactions<C, P>(&self, producer: &P) -> KafkaResult<()>
    where
        C: ProducerContext,
        P: Producer<C>,
    {
        for _ in 0..2 {
            producer.client().fetch_metadata(Some(self.events_topic()), self.timeout())?;
        }
        producer.init_transactions(self.timeout())
    }
}

impl FencedWriter {
    /// Writes one record in a transaction of its own: it is there for everyone, or for no one.
    ///
    /// # Errors
    /// Another writer took over, or the broker is away (both exit 75). This writer is of no use then.
    pub fn write(&mut self, record: &Outgoing) -> anyhow::Result<()> {
        let (writer, own) = (&mut self.writer, Act::Own(&self.id));
        writer.producer.begin_transaction().map_err(|error| writer.fault(own, &error))?;
        writer.send(record)?;
        writer.flush()?;
        let committed = writer.producer.commit_transaction(self.timeout);
        committed.map_err(|error| writer.fault(own, &error))
    }
}
