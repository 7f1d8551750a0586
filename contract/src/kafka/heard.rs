//! Why there is no connection: calls of librdkafka say only that there is none, its log says why.

use std::sync::{Mutex, PoisonError};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;

use super::settings;

/// The newest failure of a connection that a client logged.
#[derive(Default)]
pub(super) struct Heard(Mutex<Option<String>>);

/// More lines than a client has to say when a call fails.
pub(super) const LINES: usize = 100;

/// Parts of failures that no later try mends.
const FINAL: [&str; 3] = ["certificate", "SASL", "SSL handshake failed"];

impl Heard {
    /// As [`settings::fault`], with the reason that was heard.
    pub(super) fn fault(&self, what: impl std::fmt::Display, error: &KafkaError) -> anyhow::Error {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(reason) = heard.as_deref() else { return settings::fault(what, error) };
        if FINAL.iter().any(|part| reason.contains(part)) {
            return crate::usage(
                format!("{what}: {reason}"),
                "check the authority, the credentials and security.protocol in --kafka-config",
            );
        }
        settings::fault(format!("{what}: {reason}"), error)
    }

    pub(super) fn hear(&self, kind: &str, line: &str) {
        // Connections that the broker closes because they are idle are told as failures too.
        if kind == "FAIL" {
            let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *heard = Some(reason(line).to_owned());
        }
    }
}

impl ClientContext for Heard {
    fn log(&self, level: RDKafkaLogLevel, kind: &str, line: &str) {
        self.hear(kind, line);
        tracing::debug!(?level, kind, line, "librdkafka");
    }
}

impl ConsumerContext for Heard {}

/// A line without the thread and the broker that it begins with, and without how long it took.
fn reason(line: &str) -> &str {
    let said = line.rsplit_once("]: ").map_or(line, |(_, said)| said);
    let said = said.split_once("/bootstrap: ").map_or(said, |(_, said)| said);
    said.split_once(" (after ").map_or(said, |(said, _)| said)
}

#[cfg(test)]
mod tests {
    use rdkafka::types::RDKafkaErrorCode;

    use super::*;

    fn exit_code(line: &str) -> u8 {
        let heard = Heard::default();
        heard.hear("FAIL", line);
        let error = KafkaError::MetadataFetch(RDKafkaErrorCode::BrokerTransportFailure);
        crate::fault::exit_code(&heard.fault("ask", &error))
    }

    #[test]
    fn what_no_later_try_mends_is_wrong_configuration() {
        let of = |said: &str| {
            format!("[thrd:sasl_ssl://k:9093/bootstrap]: sasl_ssl://k:9093/bootstrap: {said}")
        };
        let refused =
            of("SASL authentication error: Authentication failed (after 5ms in state AUTH_REQ)");
        assert_eq!(reason(&refused), "SASL authentication error: Authentication failed");
        assert_eq!(exit_code(&refused), crate::exit::USAGE);
        assert_eq!(
            exit_code(&of("Connect to 1.2.3.4:9093 failed: Connection refused")),
            crate::exit::PASSING
        );
    }
}
