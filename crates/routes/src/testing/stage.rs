//! A stream on the in-memory broker, and steps run on it as black boxes.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use contract::event::OutcomeEvent;
use contract::event_log;
use contract::kafka::memory::MemoryBroker;
use contract::kafka::{Kafka, KafkaArgs, Outgoing, Start, TopicSpec};
use serde_json::Value;
use tempfile::TempDir;

use super::{Behaviour, FakeScorer};
use crate::{ModelRef, ROUTES_TOPIC, Route, Routes};

/// The name of every stage's stream.
const STREAM: &str = "s";
/// Nothing on a stage takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A stream with its topics.
pub struct Stage {
    pub kafka: Kafka,
    brokers: String,
    folder: TempDir,
    _broker: MemoryBroker,
}

/// A step that runs.
pub struct Running {
    child: Child,
    outputs: PathBuf,
    log: PathBuf,
}

/// A step that ended.
#[derive(Debug)]
pub struct Ran {
    /// `None` when a signal ended it.
    pub code: Option<i32>,
    /// The outputs; empty where the step wrote none.
    pub verdict: String,
    pub reason: String,
    pub event: String,
    /// report.json.
    pub record: Value,
    pub outputs: PathBuf,
    pub log: String,
}

/// Model number `n`.
pub fn model(n: u8) -> ModelRef {
    let digest = format!("sha256:{}", format!("{n:02x}").repeat(32));
    ModelRef { image: format!("oci:models/m{n}@{digest}"), digest }
}

impl Stage {
    /// A stream without a route.
    ///
    /// # Errors
    /// The in-memory broker does not start.
    pub fn empty() -> anyhow::Result<Self> {
        let broker = MemoryBroker::start(&TopicSpec::of_stream(STREAM, 4))?;
        let brokers = broker.brokers();
        let kafka = Kafka::new(&KafkaArgs {
            brokers: brokers.clone(),
            kafka_config: None,
            kafka_timeout: Duration::from_secs(10),
            events_topic: "headgate.events".into(),
        })?;
        Ok(Self { kafka, brokers, folder: TempDir::new()?, _broker: broker })
    }

    /// A stream that `champion` answers.
    ///
    /// # Errors
    /// The in-memory broker does not start.
    pub fn with_champion(champion: u8) -> anyhow::Result<Self> {
        let stage = Self::empty()?;
        stage.write(Route::bootstrap(STREAM, model(champion)), "r-0", "first")?;
        Ok(stage)
    }

    /// Writes a route as someone else would.
    ///
    /// # Errors
    /// The broker is away.
    pub fn write(&self, route: Route, release: &str, reason: &str) -> anyhow::Result<Route> {
        Routes::open(&self.kafka, STREAM)?.write(route, release, reason)
    }

    /// The route that stands now.
    ///
    /// # Errors
    /// There is none.
    pub fn route(&self) -> anyhow::Result<Route> {
        crate::read(&self.kafka, STREAM)?.context("the stream has no route")
    }

    /// All routes so far, in their order.
    ///
    /// # Errors
    /// The broker is away.
    pub fn routes(&self) -> anyhow::Result<Vec<Route>> {
        let mut routes = Vec::new();
        self.kafka.reader(ROUTES_TOPIC, &Start::Beginning)?.read_to_end(|record| {
            routes.extend(record.value.and_then(|value| serde_json::from_slice(&value).ok()));
        })?;
        Ok(routes)
    }

    /// Waits for a route that `wanted` describes.
    ///
    /// # Errors
    /// It does not come.
    pub fn await_route(&self, wanted: impl Fn(&Route) -> bool) -> anyhow::Result<Route> {
        let mut reader = self.kafka.reader(ROUTES_TOPIC, &Start::Beginning)?;
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            let record = reader.next(Duration::from_millis(200))?;
            let value = record.and_then(|record| record.value);
            let route = value.and_then(|value| serde_json::from_slice::<Route>(&value).ok());
            if let Some(route) = route.filter(&wanted) {
                return Ok(route);
            }
        }
        anyhow::bail!("the route did not come; there are {:#?}", self.routes()?)
    }

    /// What was told, repetitions dropped.
    ///
    /// # Errors
    /// The broker is away.
    pub fn events(&self) -> anyhow::Result<Vec<OutcomeEvent>> {
        event_log::read(&self.kafka)
    }

    /// Tells an event as an earlier step would have.
    ///
    /// # Errors
    /// The broker is away.
    pub fn tell(&self, event: &OutcomeEvent) -> anyhow::Result<()> {
        self.send(&event.to_record(self.kafka.events_topic())?)
    }

    /// Writes one record.
    ///
    /// # Errors
    /// The broker is away.
    pub fn send(&self, record: &Outgoing) -> anyhow::Result<()> {
        let mut writer = self.kafka.writer()?;
        writer.send(record)?;
        writer.flush()
    }

    /// Starts a scorer.
    ///
    /// # Errors
    /// The broker is away.
    pub fn scorer(&self, behaviour: Behaviour) -> anyhow::Result<FakeScorer> {
        FakeScorer::start(&self.kafka, STREAM, behaviour)
    }

    /// Runs a step to its end.
    ///
    /// # Errors
    /// It cannot be started, or does not end.
    pub fn run(&self, binary: &str, release: &str, flags: &[&str]) -> anyhow::Result<Ran> {
        self.start(binary, release, flags)?.end()
    }

    /// Starts a step, with an outputs folder of its own.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(&self, binary: &str, release: &str, flags: &[&str]) -> anyhow::Result<Running> {
        let run = std::fs::read_dir(self.folder.path())?.count();
        let folder = self.folder.path().join(format!("run-{run}"));
        std::fs::create_dir(&folder)?;
        let (outputs, log) = (folder.join("outputs"), folder.join("log"));
        let child = Command::new(binary)
            .env_clear()
            .current_dir(&folder)
            .args([format!("--brokers={}", self.brokers), format!("--release={release}")])
            .args([format!("--stream={STREAM}"), format!("--outputs={}", outputs.display())])
            .arg("--kafka-timeout=10s")
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log)?)
            .spawn()?;
        Ok(Running { child, outputs, log })
    }
}

impl Running {
    /// Waits until it ends.
    ///
    /// # Errors
    /// It does not.
    pub fn end(mut self) -> anyhow::Result<Ran> {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if started.elapsed() > PATIENCE {
                self.child.kill()?;
                anyhow::bail!("it does not end; its log:\n{}", std::fs::read_to_string(&self.log)?);
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
        let output = |name: &str| read(&self.outputs.join(name));
        Ok(Ran {
            code: status.code(),
            verdict: output("verdict"),
            reason: output("reason"),
            event: output("event-id"),
            record: serde_json::from_str(&output("report.json")).unwrap_or_default(),
            log: read(&self.log),
            outputs: self.outputs,
        })
    }

    /// Asks it to end.
    ///
    /// # Errors
    /// There is no `kill` on this machine.
    pub fn terminate(&self) -> anyhow::Result<()> {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        Ok(())
    }

    /// Ends it without asking.
    ///
    /// # Errors
    /// It has ended already.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}
