//! Where the broker is and how to speak to it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::client::Idle;

/// The flags that name a Kafka cluster.
#[derive(Clone, Debug, clap::Args)]
pub struct KafkaArgs {
    /// Kafka bootstrap servers, host:port separated by commas
    #[arg(long, env = "HEADGATE_BROKERS", value_name = "HOSTS")]
    pub brokers: String,

    /// File of librdkafka properties (key=value lines) for TLS, credentials and tuning; mount it from a Secret
    #[arg(long, env = "HEADGATE_KAFKA_CONFIG", value_name = "FILE")]
    pub kafka_config: Option<PathBuf>,

    /// How long to try before a broker that is away becomes a passing fault
    #[arg(long, env = "HEADGATE_KAFKA_TIMEOUT", default_value = "30s", value_parser = crate::args::duration)]
    pub kafka_timeout: Duration,

    /// Topic that outcome events are told on
    #[arg(long, env = "HEADGATE_EVENTS_TOPIC", default_value = "headgate.events", value_parser = crate::args::name)]
    pub events_topic: String,
}

/// A Kafka cluster to work with; cheap to clone, connects when first used.
#[derive(Clone)]
pub struct Kafka {
    config: ClientConfig,
    timeout: Duration,
    events_topic: String,
    idle: Arc<Idle>,
}

/// Properties that would break what steps rely on.
const OURS: [&str; 6] = [
    "bootstrap.servers",
    "group.id",
    "enable.auto.commit",
    "enable.idempotence",
    "acks",
    "isolation.level",
];

impl Kafka {
    /// Reads the properties file; does not connect yet.
    ///
    /// # Errors
    /// The file is missing, has a line without `=`, or sets what steps set themselves (exit 2).
    pub fn new(args: &KafkaArgs) -> anyhow::Result<Self> {
        let mut config = ClientConfig::new();
        if cfg!(feature = "tls") {
            // The OpenSSL within is none of the system's and would not find the system's authorities by itself.
            config.set("ssl.ca.location", "probe");
        }
        if let Some(path) = &args.kafka_config {
            let text = std::fs::read_to_string(path).map_err(|error| {
                crate::usage(
                    format!("cannot read --kafka-config {}: {error}", path.display()),
                    "mount the file, or leave the flag out for a broker without encryption",
                )
            })?;
            for (key, value) in properties(&text)? {
                ensure_built_in(key, value)?;
                config.set(key, value);
            }
        }
        config.set("bootstrap.servers", &args.brokers);
        config.set("allow.auto.create.topics", "false");
        config.set("client.id", concat!("headgate/", env!("CARGO_PKG_VERSION")));
        // Why a broker ended a connection is told at this level.
        config.set_log_level(RDKafkaLogLevel::Info);
        Ok(Self {
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

/// `key=value` lines; `#` starts a comment line.
fn properties(text: &str) -> anyhow::Result<Vec<(&str, &str)>> {
    let lines =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            // The line itself may hold a secret and is not shown.
            let (key, value) = line.split_once('=').ok_or_else(|| {
                crate::usage(
                    "--kafka-config has a line without `=`",
                    "write one key=value per line",
                )
            })?;
            let key = key.trim();
            if OURS.contains(&key) {
                return Err(crate::usage(
                    format!("--kafka-config sets {key}, which steps set themselves"),
                    "remove that line; the broker is named by --brokers",
                ));
            }
            Ok((key, value.trim()))
        })
        .collect()
}

/// Fails where a property asks for what this program was built without.
fn ensure_built_in(key: &str, value: &str) -> anyhow::Result<()> {
    let value = value.to_ascii_uppercase();
    let is_encrypted = key == "security.protocol" && value.ends_with("SSL");
    let is_scram = key.starts_with("sasl.mechanism") && value.starts_with("SCRAM");
    if cfg!(feature = "tls") || !(is_encrypted || is_scram) {
        return Ok(());
    }
    Err(crate::usage(
        format!("--kafka-config asks for {key}={value}, which this program was built without"),
        "build it with --features contract/tls, or its image with make images TLS=1",
    ))
}

/// Turns a Kafka error into a fault: passing where a later try may succeed, else wrong configuration.
pub(super) fn fault(what: impl std::fmt::Display, error: &KafkaError) -> anyhow::Error {
    use RDKafkaErrorCode as Code;
    let text = format!("{what}: {error}");
    match error.rdkafka_error_code() {
        Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition) => {
            crate::usage(text, "create the topic, or correct --stream or --events-topic")
        }
        Some(
            Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed,
        ) => {
            crate::usage(text, "check the credentials in --kafka-config and the ACLs of this step")
        }
        _ if matches!(error, KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_)) => {
            crate::usage(text, "correct --brokers or the properties in --kafka-config")
        }
        _ => crate::passing(
            text,
            "is the broker of --brokers up and reachable, and is security.protocol in --kafka-config what it speaks? then run the step again",
        ),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn properties_are_read_and_guarded() {
        let text = "# TLS\nsecurity.protocol = SASL_SSL\n\nsasl.password=a=b\n";
        let read = properties(text).unwrap();
        assert_eq!(read, [("security.protocol", "SASL_SSL"), ("sasl.password", "a=b")]);
        assert!(properties("secret").unwrap_err().to_string().contains("without `=`"));
        assert!(!properties("hunter2").unwrap_err().to_string().contains("hunter2"));
        assert!(properties("acks=0").unwrap_err().to_string().contains("acks"));
    }

    #[test]
    fn what_is_not_built_in_is_told_before_anything_is_tried() {
        for (key, value) in [("security.protocol", "sasl_ssl"), ("sasl.mechanism", "SCRAM-SHA-512")]
        {
            assert_eq!(ensure_built_in(key, value).is_ok(), cfg!(feature = "tls"), "{key}");
        }
        assert!(ensure_built_in("security.protocol", "sasl_plaintext").is_ok());
        assert!(ensure_built_in("sasl.mechanism", "PLAIN").is_ok());
    }
}
