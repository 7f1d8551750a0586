//! What all scenarios share: Kafka, the artifact store, the namespace with the shipped YAML in it.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, ensure};
use kafka::{Kafka, TopicSpec};
use testkit::telemetry::{Reading, live_part};

use crate::broker::{MAIN, kafka, start_kafka};
use crate::cluster::Cluster;
use crate::files::push;
use crate::settings::Settings;

/// In every credential that pods are given, so that it can be looked for in all that they leave behind.
pub const PLANTED: &str = "planted-5f3a9c";

/// The shared part. A scenario that needs something of its own takes a copy with that replaced.
#[derive(Clone)]
pub struct World {
    pub cluster: Cluster,
    pub settings: Settings,
    pub readings: Arc<Vec<Reading>>,
    pub brokers: String,
    /// How pods prove to Kafka who they are.
    pub(crate) mechanism: &'static str,
    pub(crate) folder: PathBuf,
    /// The labelled rows that no model has seen, in the registry.
    pub(crate) holdout: String,
}

impl World {
    /// Starts Kafka and the artifact store, fills the registry and installs the shipped YAML in a namespace of its own.
    ///
    /// # Errors
    /// Something of that refuses.
    pub fn new(settings: Settings) -> anyhow::Result<Self> {
        let root = testkit::root();
        let namespace = format!("headgate-test-{}", std::process::id());
        let folder = root.join("target/argo").join(&namespace);
        std::fs::create_dir_all(&folder)?;
        let brokers = start_kafka(MAIN, &settings.host_from_pods, None, "1")?;
        let readings = Arc::new(live_part(&root.join("demo/shuttle/shuttle.csv.gz"))?);
        let holdout = push(&settings, "holdout", &["demo/shuttle/holdout.csv"])?;
        let cluster = Cluster { namespace };
        let world = Self {
            cluster,
            settings,
            readings,
            brokers,
            mechanism: "SCRAM-SHA-512",
            folder,
            holdout,
        };
        world.kafka()?.create_topics(&[
            TopicSpec::new("headgate.events", 4),
            TopicSpec::new("headgate.routes", 1).compacted(),
            TopicSpec::new("headgate.scorers", 1).compacted(),
            TopicSpec::new("headgate.checkpoints", 1),
            TopicSpec::new("headgate.commands", 1),
        ])?;
        world.start_artifact_store()?;
        world.install("shuttle")?;
        Ok(world)
    }

    /// A client of the broker that pods use too.
    ///
    /// # Errors
    /// The address is none.
    pub fn kafka(&self) -> anyhow::Result<Kafka> {
        kafka(&self.brokers)
    }

    /// Ends what this run started, but keeps the namespace where `keep` says so.
    pub fn end(self, keep: bool) {
        if !keep {
            self.remove_namespace();
        }
        let store = self.folder.join("store");
        let _ended = Command::new(testkit::root().join("tests/argo/artifact-store"))
            .args(["down"])
            .arg(store)
            .status();
    }

    pub(crate) fn store_port(&self) -> u16 {
        // One store a run; a port that follows from the process keeps two runs apart.
        (20_000 + std::process::id() % 10_000) as u16
    }

    fn start_artifact_store(&self) -> anyhow::Result<()> {
        let address = format!("{}:{}", self.settings.host_from_pods, self.store_port());
        let mut command = Command::new(testkit::root().join("tests/argo/artifact-store"));
        command.arg("up").arg(self.folder.join("store")).args([&address, PLANTED]);
        // Its streams must not be pipes that the server behind it would hold open.
        let status = command.status().context("start tests/argo/artifact-store")?;
        ensure!(status.success(), "the artifact store did not start");
        Ok(())
    }
}

/// Says something about the run itself, beside its results.
#[expect(clippy::print_stderr, reason = "stdout is for the results")]
pub fn say(text: &str) {
    eprintln!("test-argo: {text}");
}
