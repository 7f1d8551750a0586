//! A consumer whose closing holds nobody up.

use std::ops::Deref;

use rdkafka::consumer::BaseConsumer;

/// Closes in the background: librdkafka takes 100 ms for it, and a step opens a reader for every topic.
pub(super) struct Client(Option<BaseConsumer>);

impl Client {
    pub(super) fn new(consumer: BaseConsumer) -> Self {
        Self(Some(consumer))
    }
}

impl Deref for Client {
    type Target = BaseConsumer;

    fn deref(&self) -> &BaseConsumer {
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
