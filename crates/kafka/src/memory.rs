//! librdkafka's in-memory broker: for trying things out and for tests, never for production.
//!
//! It speaks the real protocol over loopback. It keeps about 5 MB or 100,000 records a partition, compacts
//! nothing, fences no writer, and lets aborted records be seen; what depends on these is tested on a real Kafka.

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

use crate::TopicSpec;

/// A running in-memory broker; it ends with this value.
pub struct MemoryBroker(MockCluster<'static, DefaultProducerContext>);

impl MemoryBroker {
    /// Starts a broker on a free loopback port.
    ///
    /// # Errors
    /// librdkafka cannot start it.
    pub fn start(topics: &[TopicSpec]) -> anyhow::Result<Self> {
        let cluster = MockCluster::new(1)?;
        for topic in topics {
            cluster.create_topic(&topic.name, topic.partitions, 1)?;
        }
        Ok(Self(cluster))
    }

    /// For `--brokers`.
    pub fn brokers(&self) -> String {
        self.0.bootstrap_servers()
    }
}
