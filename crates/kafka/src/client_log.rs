//! Why there is no connection: calls of librdkafka say only that there is none, its log says why.

use std::sync::{Mutex, PoisonError};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;

use crate::act::{Act, Peer};

/// The newest failure of a connection that a client logged, and of which connection.
#[derive(Default)]
pub(super) struct ClientLog {
    peer: Peer,
    newest: Mutex<Option<String>>,
}

/// More lines than a client has to say when a call fails.
pub(super) const MAX_LINES: usize = 100;

impl ClientLog {
    pub(super) fn of(peer: Peer) -> Self {
        Self { peer, newest: Mutex::default() }
    }

    /// As [`Peer::fault`], with the reason that was logged.
    pub(super) fn fault(&self, act: Act<'_>, error: &KafkaError) -> anyhow::Error {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        match newest.as_deref() {
            Some(reason) if is_final(reason) => self.peer.refused(act, reason),
            reason => self.peer.fault(act, error, reason),
        }
    }

    pub(super) fn peer(&self) -> &Peer {
        &self.peer
    }

    pub(super) fn record(&self, kind: &str, line: &str) {
        // Connections that the broker closes because they are idle are reported as failures too.
        if kind == "FAIL" {
            let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
            *newest = Some(reason(line).to_owned());
        }
    }

    pub(super) fn forget(&self) {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl ClientContext for ClientLog {
    fn log(&self, level: RDKafkaLogLevel, kind: &str, line: &str) {
        self.record(kind, line);
        tracing::debug!(?level, kind, line, "librdkafka");
    }
}

impl ConsumerContext for ClientLog {}

/// A line without the thread and the broker that it begins with, and without how long it took.
fn reason(line: &str) -> &str {
    let said = line.rsplit_once("]: ").map_or(line, |(_, said)| said);
    let said = said.split_once("/bootstrap: ").map_or(said, |(_, said)| said);
    said.split_once(" (after ").map_or(said, |(said, _)| said)
}

/// Whether no later try mends it: the two sides have spoken, and one of them has refused the other.
///
/// A connection that breaks in the middle of a handshake is reported in nearly the same words, and is no refusal.
fn is_final(reason: &str) -> bool {
    let refused = |start: &str| reason.split_once(start).map(|(_, why)| why);
    let credentials = refused("SASL authentication error: ")
        // The request or its answer was lost on the way.
        .is_some_and(|why| !why.starts_with("SaslAuthenticateRe"));
    let mechanism =
        refused(" mechanism handshake failed: ").is_some_and(|why| why.starts_with("Broker: "));
    let encryption = refused("SSL handshake failed: ").is_some_and(|why| {
        why.contains("certificate verify failed") || why.contains("wrong version number")
    });
    credentials || mechanism || encryption
}

#[cfg(test)]
mod tests {
    use rdkafka::types::RDKafkaErrorCode;

    use super::*;

    fn line(said: &str) -> String {
        format!("[thrd:sasl_ssl://k:9093/bootstrap]: sasl_ssl://k:9093/bootstrap: {said}")
    }

    fn exit_code(said: &str) -> u8 {
        let log = ClientLog::default();
        log.record("FAIL", &line(said));
        let error = KafkaError::MetadataFetch(RDKafkaErrorCode::BrokerTransportFailure);
        fault::exit_code(&log.fault(Act::Find("t"), &error))
    }

    #[test]
    fn a_reason_is_what_the_broker_said() {
        let said = "SASL authentication error: Authentication failed";
        assert_eq!(reason(&line(&format!("{said} (after 5ms in state AUTH_REQ)"))), said);
    }

    #[test]
    fn a_refusal_is_wrong_configuration_and_a_broken_connection_passes() {
        use fault::exit::{TRANSIENT, USAGE};
        let cases = [
            ("SASL authentication error: Authentication failed during authentication", USAGE),
            (
                "SASL SCRAM-SHA-512 mechanism handshake failed: Broker: Unsupported SASL mechanism: broker's supported mechanisms: PLAIN",
                USAGE,
            ),
            (
                "SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: broker certificate could not be verified",
                USAGE,
            ),
            ("SSL handshake failed: error:0A00010B:SSL routines::wrong version number", USAGE),
            // The broker went away in the middle of it.
            (
                "SASL authentication error: SaslAuthenticateRequest failed: Local: Broker transport failure",
                TRANSIENT,
            ),
            (
                "SASL SCRAM-SHA-512 mechanism handshake failed: Local: Broker transport failure: broker's supported mechanisms: (n/a)",
                TRANSIENT,
            ),
            (
                "SSL handshake failed: Disconnected: connecting to a PLAINTEXT broker listener?",
                TRANSIENT,
            ),
            ("Connect to 1.2.3.4:9093 failed: Connection refused", TRANSIENT),
        ];
        for (said, code) in cases {
            assert_eq!(exit_code(said), code, "{said}");
        }
    }

    #[test]
    fn only_the_newest_reason_counts() {
        let log = ClientLog::default();
        log.record("FAIL", &line("SASL authentication error: Authentication failed"));
        log.record("FAIL", &line("Connect to 1.2.3.4:9093 failed: Connection refused"));
        let error = KafkaError::MetadataFetch(RDKafkaErrorCode::BrokerTransportFailure);
        assert_eq!(fault::exit_code(&log.fault(Act::Find("t"), &error)), fault::exit::TRANSIENT);
        log.forget();
        assert!(!log.fault(Act::Find("t"), &error).to_string().contains("refused"));
    }
}
