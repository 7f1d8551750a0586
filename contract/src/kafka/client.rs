//! A consumer whose closing holds nobody up.

use std::ops::Deref;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;

use super::heard::{self, Heard};

/// Closes in the background: librdkafka takes 100 ms for it, and a step opens a reader for every topic.
pub(super) struct Client(Option<BaseConsumer<Heard>>);

impl Client {
    pub(super) fn new(consumer: BaseConsumer<Heard>) -> Self {
        Self(Some(consumer))
    }

    /// Why `what` could not be done.
    pub(super) fn fault(&self, what: impl std::fmt::Display, error: &KafkaError) -> anyhow::Error {
        // Nothing is read any more; what the client has to say comes in polls, a line each.
        (0..heard::LINES).for_each(|_| drop(self.poll(Duration::ZERO)));
        self.context().fault(what, error)
    }
}

impl Deref for Client {
    type Target = BaseConsumer<Heard>;

    fn deref(&self) -> &BaseConsumer<Heard> {
        self.0.as_ref().expect("only drop takes it")
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let consumer = self.0.take();
        // Where no thread can be had, the consumer is closed here when the closure is dropped.
        let _closing =
            std::thread::Builder::new().name("close".into()).spawn(move || drop(consumer));
    }
}
