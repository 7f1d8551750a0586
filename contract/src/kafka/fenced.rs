//! A writer that shuts out every earlier writer of the same thing.
//!
//! Kafka keeps one epoch per transactional id: opening a writer raises it, and whoever holds an older epoch can
//! commit nothing any more. So "open, read what is there, write the next" is a compare-and-set: of two that read
//! the same state, only the later opened one succeeds.

use rdkafka::producer::Producer;

use super::{Kafka, Outgoing, Writer};

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
        writer
            .producer
            .init_transactions(self.timeout())
            .map_err(|error| writer.fault(format!("become the writer of {id}"), &error))?;
        Ok(FencedWriter { writer, id: id.to_owned(), timeout: self.timeout() })
    }
}

impl FencedWriter {
    /// Writes one record in a transaction of its own: it is there for everyone, or for no one.
    ///
    /// # Errors
    /// Another writer took over, or the broker is away (both exit 75). This writer is of no use then.
    pub fn write(&mut self, record: &Outgoing) -> anyhow::Result<()> {
        let what = format!("write as {} (has another writer taken over?)", self.id);
        let writer = &mut self.writer;
        writer.producer.begin_transaction().map_err(|error| writer.fault(&what, &error))?;
        writer.send(record)?;
        writer.flush()?;
        let committed = writer.producer.commit_transaction(self.timeout);
        committed.map_err(|error| writer.fault(&what, &error))
    }
}
