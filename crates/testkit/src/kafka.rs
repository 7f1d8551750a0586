//! A real Apache Kafka for tests, through `scripts/kafka`.
//!
//! One broker serves a whole test run: all test binaries that one `cargo test` starts share it, and it ends with that `cargo`.
//! Tests keep apart by the names of their streams, see [`unique`].

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use kafka::{Kafka, KafkaArgs};

/// The address of the broker that this test run shares; starts it on the first call.
///
/// `TEST_KAFKA` names a broker that runs already, which saves seconds while writing a test.
///
/// # Panics
/// When no broker can be started; the message is that of the script and says what is missing.
pub fn bootstrap() -> &'static str {
    static SHARED: OnceLock<String> = OnceLock::new();
    SHARED.get_or_init(|| {
        if let Ok(running) = std::env::var("TEST_KAFKA") {
            return running;
        }
        let run = std::os::unix::process::parent_id();
        Broker { instance: format!("tests-{run}"), watched: run }.up(&[])
    })
}

/// A name that no other test of this run has: `unique("shuttle")` gives `shuttle-4711-0`.
#[must_use]
pub fn unique(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{name}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A client of a broker; `config` is what `--kafka-config` names, for one that is not open to all.
///
/// # Errors
/// The settings cannot be read.
pub fn client(brokers: &str, config: Option<PathBuf>) -> anyhow::Result<Kafka> {
    Kafka::new(&KafkaArgs {
        brokers: brokers.to_owned(),
        kafka_config: config,
        // A record that is under way has to outlive the time in which a broker starts again.
        kafka_timeout: Duration::from_secs(120),
        events_topic: "headgate.events".into(),
    })
}

/// A broker of its own, for tests that harm it. It goes away, with its data, when dropped.
#[derive(Debug)]
pub struct OwnBroker {
    broker: Broker,
    pub bootstrap: String,
}

#[derive(Debug)]
struct Broker {
    instance: String,
    /// The broker ends at the latest with this process.
    watched: u32,
}

// === impl OwnBroker ===

impl OwnBroker {
    /// Starts a broker and waits until it answers.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "starting a broker is no default")]
    pub fn new() -> Self {
        Self::started(&[])
    }

    /// One that speaks encrypted, with users who name themselves; see [`Self::client_properties`].
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn secured() -> Self {
        Self::started(&[("KAFKA_SECURE", "1")])
    }

    /// As [`Self::secured`], where the user `headgate` has every right and `stranger`, with the same password, has those
    /// that [`Self::grant_stranger`] gives.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn with_rights() -> Self {
        Self::started(&[("KAFKA_SECURE", "1"), ("KAFKA_ACLS", "1")])
    }

    /// Grants rights to the user `stranger`, as in `["--operation", "Describe", "--topic", "t"]`.
    ///
    /// # Panics
    /// When Kafka's own tool cannot.
    pub fn grant_stranger(&self, right: &[&str]) {
        let own = std::fs::read_to_string(self.broker.folder().join("own-port"));
        let own = format!("127.0.0.1:{}", own.expect("a broker that runs has one").trim());
        let output = Command::new("java")
            .args(["-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp"])
            .arg(crate::root().join("target/kafka/lib/*"))
            .args(["org.apache.kafka.tools.AclCommand", "--bootstrap-server", &own, "--add"])
            .args(["--allow-principal", "User:stranger"])
            .args(right)
            .output()
            .expect("a broker that runs has java");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }

    /// What clients of a [secured](Self::secured) one need, as `--kafka-config` takes it.
    #[must_use]
    pub fn client_properties(&self) -> PathBuf {
        self.broker.folder().join("client.properties")
    }

    fn started(settings: &[(&str, &str)]) -> Self {
        let broker = Broker { instance: unique("own"), watched: std::process::id() };
        let bootstrap = broker.up(settings);
        Self { broker, bootstrap }
    }

    /// Its process number.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn process(&self) -> u32 {
        let number = std::fs::read_to_string(self.broker.folder().join("pid")).ok();
        number
            .and_then(|number| number.trim().parse().ok())
            .expect("a broker that runs has left its process number")
    }

    /// Kills the broker the hard way; its data stays.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&self) {
        let process = self.process().to_string();
        let status = Command::new("kill").args(["-9", &process]).status();
        assert!(status.is_ok_and(|status| status.success()), "kill the broker {process}");
    }

    /// Starts it again after [`Self::kill`], at the same address and with its data.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_again(&self) {
        let port = self.bootstrap.rsplit(':').next().unwrap_or_default();
        self.broker.script("up", &[("KAFKA_PORT", port)]);
    }
}

impl Drop for OwnBroker {
    fn drop(&mut self) {
        self.broker.script("down", &[("KAFKA_WIPE", "1")]);
    }
}

// === impl Broker ===

impl Broker {
    fn up(&self, settings: &[(&str, &str)]) -> String {
        let watched = self.watched.to_string();
        let all = [&[("KAFKA_PORT", "0"), ("KAFKA_WITH_PID", &watched)], settings].concat();
        self.script("up", &all)
    }

    fn folder(&self) -> PathBuf {
        crate::root().join("target/kafka").join(&self.instance)
    }

    fn script(&self, action: &str, settings: &[(&str, &str)]) -> String {
        let output = Command::new(crate::root().join("scripts/kafka"))
            .args([action, &self.instance])
            .env_remove("KAFKA_HOME_DIR")
            .envs(settings.iter().copied())
            .output()
            .expect("scripts/kafka is part of this repository and executable");
        assert!(
            output.status.success(),
            "scripts/kafka {action} {}: {}",
            self.instance,
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}
