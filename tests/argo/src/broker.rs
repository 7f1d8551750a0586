//! Apache Kafka beside the tests, at an address that pods reach.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use kafka::{Kafka, KafkaArgs, TopicSpec};

use crate::cluster::{PATIENCE, run};
use crate::world::{PLANTED, World};

/// The broker of all scenarios that harm none.
pub(crate) const MAIN: &str = "main";

/// The ports that the shipped network policy opens for Kafka.
const KAFKA_PORTS: std::ops::RangeInclusive<u16> = 9092..=9098;

impl World {
    /// A copy with a broker of its own, which may be harmed.
    ///
    /// # Errors
    /// It does not start.
    pub fn with_own_broker(&self, name: &str) -> anyhow::Result<Self> {
        // With the certificate of the other, which the pods trust.
        let brokers = start_kafka(name, &self.settings.host_from_pods, None, &instance(MAIN))?;
        let own = Self { brokers, ..self.clone() };
        own.kafka()?.create_topics(&TopicSpec::of_stream("none", 1))?;
        Ok(own)
    }

    /// Kills the broker of [`Self::with_own_broker`] the hard way, and starts it again with its data after `away`.
    ///
    /// # Errors
    /// It does not run, or does not start again.
    pub fn pause_broker(&self, name: &str, away: Duration) -> anyhow::Result<()> {
        let pid = testkit::root().join("target/kafka").join(instance(name)).join("pid");
        let pid =
            std::fs::read_to_string(&pid).with_context(|| format!("read {}", pid.display()))?;
        run(Command::new("kill").args(["-9", pid.trim()]), None)?;
        std::thread::sleep(away);
        let port = self.brokers.rsplit(':').next().unwrap_or_default().parse()?;
        start_kafka(name, &self.settings.host_from_pods, Some(port), &instance(MAIN))?;
        Ok(())
    }
}

/// Starts a broker that pods can reach, until this process ends; its address.
///
/// It speaks encrypted to clients that know the planted secret, which so is one that opens something.
pub(crate) fn start_kafka(
    name: &str,
    host: &str,
    port: Option<u16>,
    secure: &str,
) -> anyhow::Result<String> {
    let port = port
        .or_else(|| free_port(host))
        .context("none of the ports 9092 to 9098 is free; end what listens there")?;
    let mut command = Command::new(testkit::root().join("scripts/kafka"));
    command
        .args(["up", &instance(name)])
        .env("KAFKA_PORT", port.to_string())
        .env("KAFKA_LISTEN", host)
        .env("KAFKA_SECURE", secure)
        .env("KAFKA_SECRET", PLANTED)
        .env("KAFKA_WITH_PID", std::process::id().to_string());
    Ok(run(&mut command, None)?.trim().to_owned())
}

/// A port that nobody listens on and that no other broker of this process was given.
///
/// Scenarios run beside each other, a broker takes seconds until it listens, and one that is away keeps its port.
fn free_port(host: &str) -> Option<u16> {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let is_free = |port: &u16| !given.contains(port) && TcpListener::bind((host, *port)).is_ok();
    let port = KAFKA_PORTS.into_iter().find(is_free)?;
    given.insert(port);
    Some(port)
}

/// A client of the broker at this address.
///
/// # Errors
/// The address is none.
pub fn kafka(brokers: &str) -> anyhow::Result<Kafka> {
    Kafka::new(&KafkaArgs {
        brokers: brokers.to_owned(),
        kafka_config: Some(client_file("client.properties")),
        // Longer than the broker is away in any scenario, and then needs to start on a machine with much else to do.
        kafka_timeout: 2 * PATIENCE,
        events_topic: "headgate.events".into(),
    })
}

/// A file that `scripts/kafka` makes for clients.
pub(crate) fn client_file(name: &str) -> PathBuf {
    testkit::root().join("target/kafka").join(instance(MAIN)).join(name)
}

fn instance(name: &str) -> String {
    format!("argo-{name}-{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_that_start_at_the_same_moment_have_ports_of_their_own() {
        let given: Vec<u16> = std::thread::scope(|scope| {
            let starting: Vec<_> = (0..4).map(|_| scope.spawn(|| free_port("127.0.0.1"))).collect();
            starting.into_iter().filter_map(|one| one.join().ok().flatten()).collect()
        });
        assert_eq!(given.iter().collect::<BTreeSet<_>>().len(), given.len());
        assert!(!given.is_empty(), "no port of {KAFKA_PORTS:?} is free");
    }
}
