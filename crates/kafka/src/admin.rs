//! Making topics, where nobody else does: the demo, tests and benches.

use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;

use crate::Kafka;
use crate::act::Act;

/// A topic to make.
#[derive(Clone, Debug)]
pub struct TopicSpec {
    pub name: String,
    pub partitions: i32,
    /// Keep only the last record of a key.
    pub compacted: bool,
}

impl TopicSpec {
    pub fn new(name: impl Into<String>, partitions: i32) -> Self {
        Self { name: name.into(), partitions, compacted: false }
    }

    #[must_use]
    pub fn compacted(mut self) -> Self {
        self.compacted = true;
        self
    }

    /// The topics of a stream with `partitions` partitions, and Headgate's own.
    pub fn of_stream(stream: &str, partitions: i32) -> Vec<Self> {
        let of_stream = stream::Topics::of(stream).all().map(|topic| Self::new(topic, partitions));
        let own = [
            Self::new("headgate.events", 4),
            Self::new("headgate.checkpoints", 1),
            Self::new("headgate.commands", 1),
            Self::new("headgate.routes", 1).compacted(),
            Self::new("headgate.scorers", 1).compacted(),
        ];
        of_stream.into_iter().chain(own).collect()
    }
}

impl Kafka {
    /// Makes the topics that are missing, one replica each, and returns when they can be used.
    ///
    /// # Errors
    /// The broker is away or refuses; one of them cannot be used within the timeout.
    pub fn create_topics(&self, specs: &[TopicSpec]) -> anyhow::Result<()> {
        let admin: AdminClient<DefaultClientContext> = self
            .config()
            .create()
            .map_err(|error| self.peer().fault(Act::Open("an admin client"), &error, None))?;
        let topics: Vec<NewTopic<'_>> = specs
            .iter()
            .map(|spec| {
                let topic = NewTopic::new(&spec.name, spec.partitions, TopicReplication::Fixed(1));
                if spec.compacted { topic.set("cleanup.policy", "compact") } else { topic }
            })
            .collect();
        let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(20)));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let results = runtime
            .block_on(admin.create_topics(&topics, &options))
            .map_err(|error| self.peer().fault(Act::Make, &error, None))?;
        for result in results {
            match result {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((_, code @ RDKafkaErrorCode::ClusterAuthorizationFailed)) => {
                    let error = KafkaError::Global(code);
                    return Err(self.peer().fault(Act::Make, &error, None));
                }
                Err((topic, code)) => anyhow::bail!(fault::usage(
                    format!("topic {topic} cannot be made: {code}"),
                    "make it by hand, or give this client the right to",
                )),
            }
        }
        specs.iter().try_for_each(|spec| self.await_leaders(&spec.name))
    }

    /// A topic that was made has no leaders for a moment, and then leaders that do not know it yet.
    fn await_leaders(&self, topic: &str) -> anyhow::Result<()> {
        const ASK_AGAIN: Duration = Duration::from_millis(10);
        let deadline = Instant::now() + self.timeout();
        loop {
            match self.extent(topic) {
                Err(_) if Instant::now() < deadline => std::thread::sleep(ASK_AGAIN),
                answered => return answered.map(drop),
            }
        }
    }
}
