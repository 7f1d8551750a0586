//! Consumers that are lent, and lent again.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;

use crate::Kafka;
use crate::act::{Act, READERS};
use crate::client_log::{self, ClientLog};

/// A consumer that goes back to where it was lent from when it is dropped.
pub(super) struct Client {
    consumer: Option<BaseConsumer<ClientLog>>,
    from: Arc<Idle>,
}

/// Consumers that nobody uses at the moment, connected already.
///
/// A step asks a dozen questions, one after the other, and a connection of its own for each would be most of what
/// it does: two handshakes and two proofs of a password, for librdkafka looks for the group's coordinator as well.
#[derive(Default)]
pub(super) struct Idle(Mutex<Vec<BaseConsumer<ClientLog>>>);

/// More than one, as a step may read two topics beside each other; each holds some threads.
const MAX_IDLE: usize = 2;

/// Bytes that a broker sends at once, of all partitions; a batch that is larger still comes, alone.
///
/// A step has little memory, and one that takes a bad model back must not end because the topic was long.
const FETCH: &str = "262144";

impl Kafka {
    /// A consumer that reads nothing yet.
    pub(super) fn client(&self) -> anyhow::Result<Client> {
        self.idle().lend(|| self.consumer("read_committed"))
    }

    /// A consumer that also sees what is not committed yet; it is not lent on.
    pub(super) fn client_of_all(&self) -> anyhow::Result<Client> {
        Arc::<Idle>::default().lend(|| self.consumer("read_uncommitted"))
    }

    fn consumer(&self, isolation: &str) -> anyhow::Result<BaseConsumer<ClientLog>> {
        let mut config = self.config().clone();
        config
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("isolation.level", isolation)
            .set("auto.offset.reset", "error")
            // Whoever reads a topic to its end waits this long for a broker that has nothing more.
            .set("fetch.wait.max.ms", "20")
            // A full queue is looked at again at once: with the default, reading pauses for a second at every
            // hundred thousand records. It is short, as most of a topic is read in windows.
            .set("queued.min.messages", "20000")
            .set("fetch.queue.backoff.ms", "5")
            // However full the queue, a fetch that is under way still comes on top, compressed ten to one maybe.
            .set("message.max.bytes", FETCH)
            .set("fetch.max.bytes", FETCH)
            .set("fetch.message.max.bytes", FETCH)
            // A reader without a group still needs a name for one; it never joins it.
            .set("group.id", READERS);
        let open = Act::Open("a reader");
        config
            .create_with_context(ClientLog::of(self.peer().clone()))
            .map_err(|error| self.peer().fault(open, &error, None))
    }
}

impl Idle {
    /// A consumer that reads nothing and has logged nothing yet; `open` makes one where none is idle.
    pub(super) fn lend(
        self: &Arc<Self>,
        open: impl FnOnce() -> anyhow::Result<BaseConsumer<ClientLog>>,
    ) -> anyhow::Result<Client> {
        let idle = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let consumer = idle.map_or_else(open, Ok)?;
        consumer.context().forget();
        Ok(Client { consumer: Some(consumer), from: Arc::clone(self) })
    }

    fn take_back(&self, consumer: BaseConsumer<ClientLog>) {
        // With the assignment goes what was read ahead.
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE && consumer.unassign().is_ok() {
            return idle.push(consumer);
        }
        drop(idle);
        close(consumer);
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        std::mem::take(self.0.get_mut().unwrap_or_else(PoisonError::into_inner))
            .into_iter()
            .for_each(close);
    }
}

impl Client {
    /// Why `act` could not be done.
    pub(super) fn fault(&self, act: Act<'_>, error: &KafkaError) -> anyhow::Error {
        // Nothing is read any more; what the client has to say comes in polls, a line each.
        (0..client_log::MAX_LINES).for_each(|_| drop(self.poll(Duration::ZERO)));
        self.context().fault(act, error)
    }
}

impl Deref for Client {
    type Target = BaseConsumer<ClientLog>;

    fn deref(&self) -> &BaseConsumer<ClientLog> {
        self.consumer.as_ref().expect("only drop takes it")
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(consumer) = self.consumer.take() {
            self.from.take_back(consumer);
        }
    }
}

/// Closes, and returns when its threads have ended: one that is still closing while the process ends may find the
/// memory of the encryption gone, and aborts it.
///
/// rdkafka does the same when a consumer is dropped, but looks only every 100 ms whether it is closed.
fn close(consumer: BaseConsumer<ClientLog>) {
    if consumer.close_queue().is_ok() {
        while !consumer.closed() {
            drop(consumer.poll(Duration::from_millis(1)));
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use rdkafka::ClientConfig;

    use super::*;

    fn lend(idle: &Arc<Idle>) -> Client {
        let open = || {
            let config = ClientConfig::from_iter([("group.id".to_owned(), "g".to_owned())]);
            Ok(config.create_with_context(ClientLog::default()).unwrap())
        };
        idle.lend(open).unwrap()
    }

    #[test]
    fn a_consumer_is_lent_again_and_has_forgotten_what_it_logged() {
        let idle = Arc::default();
        let first = lend(&idle);
        let which = first.client().native_ptr();
        first.context().record("FAIL", "[thrd:a]: a: SASL authentication error: no");
        drop(first);
        let again = lend(&idle);
        assert_eq!(again.client().native_ptr(), which);
        let error = KafkaError::Canceled;
        assert!(!again.fault(Act::Find("t"), &error).to_string().contains("SASL"));
        assert_ne!(lend(&idle).client().native_ptr(), which);
    }

    #[test]
    fn no_more_than_a_few_stay_idle() {
        let idle = Arc::default();
        let lent: Vec<Client> = (0..MAX_IDLE + 2).map(|_| lend(&idle)).collect();
        drop(lent);
        assert_eq!(idle.0.lock().unwrap().len(), MAX_IDLE);
    }
}
