//! What is done with a broker, and what it means when that fails.

use std::fmt;

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

/// What was to be done, with the resource that it needs a right to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act<'a> {
    /// Find a topic and its offsets.
    Find(&'a str),
    Read(&'a str),
    Write(&'a str),
    /// Become the one writer of this transactional id, and write as it.
    Own(&'a str),
    /// Make topics.
    Make,
    /// Open a client, as in `a reader`.
    Open(&'static str),
}

/// The broker as the flags name it, and who it sees.
#[derive(Clone, Debug, Default)]
pub(super) struct Peer {
    brokers: String,
    user: String,
}

/// The name that readers give their group, which they never join.
pub(super) const READERS: &str = "headgate-reader";

impl Peer {
    pub(super) fn of(config: &ClientConfig) -> Self {
        // The name itself stands in the file, and nothing in that is shown.
        let user = if config.get("sasl.username").is_some() {
            "the user of sasl.username in --kafka-config"
        } else if config.get("ssl.certificate.location").is_some()
            || config.get("ssl.keystore.location").is_some()
        {
            "the holder of the client certificate in --kafka-config"
        } else {
            "this client, which names no user (User:ANONYMOUS),"
        };
        let brokers = config.get("bootstrap.servers").unwrap_or_default().to_owned();
        Self { brokers, user: user.to_owned() }
    }

    /// Why `act` could not be done; `logged` is what the client last logged of the connection.
    pub(super) fn fault(
        &self,
        act: Act<'_>,
        error: &KafkaError,
        logged: Option<&str>,
    ) -> anyhow::Error {
        let Self { brokers, .. } = self;
        let code = error.rdkafka_error_code();
        if let Some(right) = code.and_then(|code| act.right(code)) {
            return self.lacks(act, &right);
        }
        match code {
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition) => {
                self.is_missing(act)
            }
            Some(Code::Authentication | Code::SaslAuthenticationFailed) => fault::usage(
                format!("cannot {act} at {brokers}: {}", logged.unwrap_or("it refuses who asks")),
                "check the credentials and security.protocol in --kafka-config",
            ),
            Some(Code::MessageSizeTooLarge) => fault::usage(
                format!("cannot {act} at {brokers}: the record is larger than the broker takes"),
                "raise message.max.bytes in --kafka-config and max.message.bytes of the topic",
            ),
            Some(Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch) => {
                fault::transient(
                    format!("cannot {act} at {brokers}: another writer has taken over"),
                    "run the step again; it then sees what the other has written",
                )
            }
            _ if matches!(error, KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_)) => {
                fault::usage(
                    format!("cannot {act}: {error}"),
                    "correct --brokers or the properties in --kafka-config",
                )
            }
            _ => {
                let why = logged.map_or_else(|| error.to_string(), str::to_owned);
                fault::transient(format!("cannot {act} at {brokers}: {why}"), AWAY)
            }
        }
    }

    /// The broker has refused who asks, or has been refused, for good: `reason` is in its words.
    pub(super) fn refused(&self, act: Act<'_>, reason: &str) -> anyhow::Error {
        fault::usage(
            format!("cannot {act} at {}: {reason}", self.brokers),
            "check the authority, the credentials and security.protocol in --kafka-config",
        )
    }

    /// A topic that the broker does not show. Some brokers hide those that one may not see.
    pub(super) fn is_missing(&self, act: Act<'_>) -> anyhow::Error {
        let (topic, brokers) = (act.topic().unwrap_or("the topic"), &self.brokers);
        let user = self.user.trim_end_matches(',');
        fault::usage(
            format!("topic {topic} does not exist at {brokers}, or {user} may not see it"),
            format!(
                "create it, or correct --stream or --events-topic; where the broker has ACLs, grant DESCRIBE on \
                 Topic:{topic}"
            ),
        )
    }

    fn lacks(&self, act: Act<'_>, right: &str) -> anyhow::Error {
        fault::usage(
            format!("cannot {act} at {}: {} has no right to", self.brokers, self.user),
            format!("grant that user {right}"),
        )
    }
}

/// What to do about a broker that does not answer.
const AWAY: &str = "is the broker of --brokers up and reachable, and is security.protocol in --kafka-config what it \
                    speaks? then run the step again";

impl<'a> Act<'a> {
    fn topic(self) -> Option<&'a str> {
        match self {
            Self::Find(topic) | Self::Read(topic) | Self::Write(topic) => Some(topic),
            Self::Own(_) | Self::Make | Self::Open(_) => None,
        }
    }

    /// The right that lacks where the broker answers `code`, as its ACLs name it.
    fn right(self, code: Code) -> Option<String> {
        let topic = self.topic().unwrap_or("the topic");
        Some(match code {
            Code::TopicAuthorizationFailed => match self {
                Self::Find(_) => format!(
                    "DESCRIBE on Topic:{topic}, which READ and WRITE include; without it the broker does not say whether the topic is there"
                ),
                Self::Read(_) => format!("READ on Topic:{topic}"),
                _ => format!("WRITE on Topic:{topic}"),
            },
            Code::GroupAuthorizationFailed => {
                format!("DESCRIBE on Group:{READERS}, a name that readers give and never join")
            }
            Code::TransactionalIdAuthorizationFailed => match self {
                Self::Own(id) => format!("DESCRIBE and WRITE on TransactionalId:{id}"),
                _ => "DESCRIBE and WRITE on the TransactionalId".to_owned(),
            },
            // Before Kafka 2.8 a right of its own; since then whoever may write to any topic has it.
            Code::ClusterAuthorizationFailed => match self {
                Self::Make => "CREATE on the Cluster, or make the topics by hand".to_owned(),
                Self::Own(_) => "WRITE on the topic, or IDEMPOTENT_WRITE on the Cluster".to_owned(),
                _ => format!("WRITE on Topic:{topic}, or IDEMPOTENT_WRITE on the Cluster"),
            },
            _ => return None,
        })
    }
}

impl fmt::Display for Act<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Find(topic) => write!(f, "ask for topic {topic}"),
            Self::Read(topic) => write!(f, "read {topic}"),
            Self::Write(topic) => write!(f, "write to {topic}"),
            Self::Own(id) => write!(f, "write as {id}"),
            Self::Make => f.write_str("make topics"),
            Self::Open(what) => write!(f, "open {what} for Kafka"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fault::exit::{TRANSIENT, USAGE};

    fn peer(more: &[(&str, &str)]) -> Peer {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", "k.test:9092");
        for (key, value) in more {
            config.set(*key, *value);
        }
        Peer::of(&config)
    }

    #[test]
    fn a_missing_right_names_operation_resource_and_who_lacks_it() {
        use Code::{
            ClusterAuthorizationFailed, GroupAuthorizationFailed, TopicAuthorizationFailed,
            TransactionalIdAuthorizationFailed,
        };
        for (act, code, what, right) in [
            (Act::Find("t"), TopicAuthorizationFailed, "ask for topic t", "DESCRIBE on Topic:t"),
            (Act::Read("t"), TopicAuthorizationFailed, "read t", "READ on Topic:t"),
            (Act::Write("t"), TopicAuthorizationFailed, "write to t", "WRITE on Topic:t"),
            (
                Act::Read("t"),
                GroupAuthorizationFailed,
                "read t",
                "DESCRIBE on Group:headgate-reader",
            ),
            (
                Act::Own("headgate-routes-s"),
                TransactionalIdAuthorizationFailed,
                "write as headgate-routes-s",
                "DESCRIBE and WRITE on TransactionalId:headgate-routes-s",
            ),
            (
                Act::Write("t"),
                ClusterAuthorizationFailed,
                "write to t",
                "IDEMPOTENT_WRITE on the Cluster",
            ),
            (Act::Make, ClusterAuthorizationFailed, "make topics", "CREATE on the Cluster"),
        ] {
            let error =
                peer(&[("sasl.username", "robot")]).fault(act, &KafkaError::Global(code), None);
            let said = fault::render(&error);
            assert_eq!(fault::exit_code(&error), USAGE, "{said}");
            assert!(
                said.starts_with(&format!(
                    "error: cannot {what} at k.test:9092: the user of sasl.username"
                )),
                "{said}"
            );
            assert!(
                said.contains("hint: grant that user ")
                    && said.contains(right)
                    && !said.contains("robot"),
                "{said}"
            );
        }
    }

    #[test]
    fn what_is_not_shown_may_be_missing_or_hidden() {
        let error = peer(&[]).fault(
            Act::Read("t"),
            &KafkaError::Global(Code::UnknownTopicOrPartition),
            None,
        );
        let said = fault::render(&error);
        assert_eq!(fault::exit_code(&error), USAGE);
        assert!(said.contains("topic t does not exist at k.test:9092, or this client, which names no user (User:ANONYMOUS) may not see it"), "{said}");
    }

    #[test]
    fn a_broker_that_is_away_is_named_with_what_was_heard_of_it() {
        let away = KafkaError::MetadataFetch(Code::BrokerTransportFailure);
        let logged = "Connect to ipv4#10.0.0.1:9092 failed: Connection refused";
        let error = peer(&[]).fault(Act::Write("t"), &away, Some(logged));
        assert_eq!(fault::exit_code(&error), TRANSIENT);
        assert_eq!(error.to_string(), format!("cannot write to t at k.test:9092: {logged}"));
    }
}
