//! Where the broker is and how to speak to it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use crate::act::Peer;
use crate::client::Idle;
use crate::properties;

/// The flags that name a Kafka cluster.
#[derive(Clone, Debug, clap::Args)]
pub struct KafkaArgs {
    /// Kafka bootstrap servers, host:port separated by commas
    #[arg(long, env = "HEADGATE_BROKERS", value_name = "HOSTS")]
    pub brokers: String,

    /// File of librdkafka properties (key=value lines) for TLS, credentials and tuning; mount it from a Secret
    #[arg(long, env = "HEADGATE_KAFKA_CONFIG", value_name = "FILE")]
    pub kafka_config: Option<PathBuf>,

    /// How long to try before a broker that is away becomes a transient failure
    #[arg(long, env = "HEADGATE_KAFKA_TIMEOUT", default_value = "30s", value_parser = flags::duration)]
    pub kafka_timeout: Duration,

    /// Topic that outcome events are written to
    #[arg(long, env = "HEADGATE_EVENTS_TOPIC", default_value = "headgate.events", value_parser = flags::name)]
    pub events_topic: String,
}

/// A Kafka cluster to work with; cheap to clone, connects when first used.
#[derive(Clone)]
pub struct Kafka {
    config: ClientConfig,
    peer: Peer,
    timeout: Duration,
    events_topic: String,
    idle: Arc<Idle>,
}

impl Kafka {
    /// Reads the properties file; does not connect yet. What it holds is kept out of everything this process says.
    ///
    /// # Errors
    /// The file is missing, has a line that librdkafka does not take, or sets what steps set themselves (exit 2).
    pub fn new(args: &KafkaArgs) -> anyhow::Result<Self> {
        let mut config = ClientConfig::new();
        if cfg!(feature = "tls") {
            // The OpenSSL within is none of the system's and would not find the system's authorities by itself.
            config.set("ssl.ca.location", "probe");
        }
        if let Some(path) = &args.kafka_config {
            for (key, value) in properties::read(path)? {
                config.set(key, value);
            }
        }
        config.set("bootstrap.servers", &args.brokers);
        config.set("allow.auto.create.topics", "false");
        config.set("client.id", concat!("headgate/", env!("CARGO_PKG_VERSION")));
        // Why a broker ended a connection is logged at this level.
        config.set_log_level(RDKafkaLogLevel::Info);
        Ok(Self {
            peer: Peer::of(&config),
            config,
            timeout: args.kafka_timeout,
            events_topic: args.events_topic.clone(),
            idle: Arc::default(),
        })
    }

    /// The librdkafka settings of this cluster, for the scorer's own clients.
    pub fn config(&self) -> &ClientConfig {
        &self.config
    }

    pub(super) fn peer(&self) -> &Peer {
        &self.peer
    }

    pub(super) fn idle(&self) -> &Arc<Idle> {
        &self.idle
    }

    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    pub fn events_topic(&self) -> &str {
        &self.events_topic
    }
}
