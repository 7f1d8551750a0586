//! A stream on the in-memory broker or on a real Kafka, and steps run on it as black boxes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context;
use contract::event::OutcomeEvent;
use contract::event_log;
use kafka::memory::MemoryBroker;
use kafka::{Kafka, Outgoing, Start, TopicSpec};
use routes::{Changes as _, Entry, Follower, ModelRef, Route, RouteWriter as _, Routes};
use stream::Topics;
use tempfile::TempDir;

use crate::kafka::unique;
use crate::{Behaviour, FakeScorer, PATIENCE, Ran, Running};

/// The stream on the in-memory broker.
const STREAM: &str = "s";
pub(crate) const PARTITIONS: i32 = 4;

/// A stream with its topics.
pub struct Stage {
    pub kafka: Kafka,
    pub stream: String,
    brokers: String,
    config: Option<PathBuf>,
    folder: TempDir,
    _memory: Option<MemoryBroker>,
}

/// Model number `n`; where a step runs, its image lies in the folder that it names.
pub fn model(n: u8) -> ModelRef {
    let digest = format!("sha256:{}", format!("{n:02x}").repeat(32));
    ModelRef { image: format!("oci:models/m{n}"), digest }
}

/// Steps find images of the models 1 to this.
const MODELS: u8 = 9;

impl Stage {
    /// A stream `s` without a route, on the in-memory broker.
    ///
    /// # Errors
    /// The in-memory broker does not start.
    pub fn empty() -> anyhow::Result<Self> {
        Self::of(STREAM, PARTITIONS)
    }

    /// The same, of this name and with as many partitions.
    ///
    /// # Errors
    /// The in-memory broker does not start.
    pub fn of(stream: &str, partitions: i32) -> anyhow::Result<Self> {
        let memory = MemoryBroker::start(&TopicSpec::of_stream(stream, partitions))?;
        let brokers = memory.brokers();
        Ok(Self { _memory: Some(memory), ..Self::at(&brokers, stream, None)? })
    }

    /// A new stream without a route on a broker that runs.
    ///
    /// # Errors
    /// The broker is away.
    pub fn on(brokers: &str, stream: &str) -> anyhow::Result<Self> {
        Self::on_with(brokers, None, stream)
    }

    /// The same, on a broker that is not open to all: `config` is what `--kafka-config` names.
    ///
    /// # Errors
    /// The broker is away.
    pub fn on_with(brokers: &str, config: Option<PathBuf>, stream: &str) -> anyhow::Result<Self> {
        let stage = Self::at(brokers, stream, config)?;
        stage.kafka.create_topics(&TopicSpec::of_stream(stream, PARTITIONS))?;
        Ok(stage)
    }

    fn at(brokers: &str, stream: &str, config: Option<PathBuf>) -> anyhow::Result<Self> {
        let kafka = crate::kafka::client(brokers, config.clone())?;
        let (brokers, stream) = (brokers.to_owned(), stream.to_owned());
        Ok(Self { kafka, stream, brokers, config, folder: TempDir::new()?, _memory: None })
    }

    /// A stream that `champion` answers.
    ///
    /// # Errors
    /// The in-memory broker does not start.
    pub fn with_champion(champion: u8) -> anyhow::Result<Self> {
        let stage = Self::empty()?;
        stage.bootstrap(champion)?;
        Ok(stage)
    }

    /// Makes `champion` the first to answer.
    ///
    /// # Errors
    /// The broker is away.
    pub fn bootstrap(&self, champion: u8) -> anyhow::Result<Route> {
        self.write(Route::bootstrap(&self.stream, model(champion)), "r-0", "first")
    }

    /// Writes a route as someone else would.
    ///
    /// # Errors
    /// The broker is away.
    pub fn write(&self, route: Route, release: &str, reason: &str) -> anyhow::Result<Route> {
        Routes::open(&self.kafka, &self.stream)?.write(route, release, reason, None)
    }

    /// For `--brokers`.
    pub fn brokers(&self) -> &str {
        &self.brokers
    }

    /// The route that stands now.
    ///
    /// # Errors
    /// There is none.
    pub fn route(&self) -> anyhow::Result<Route> {
        routes::read(&self.kafka, &self.stream)?.context("the stream has no route")
    }

    /// All routes so far, in their order.
    ///
    /// # Errors
    /// The broker is away.
    pub fn routes(&self) -> anyhow::Result<Vec<Route>> {
        let history = routes::history(&self.kafka, &self.stream)?;
        Ok(history.into_iter().filter_map(Entry::route).collect())
    }

    /// Waits for a route that `wanted` describes.
    ///
    /// # Errors
    /// It does not come.
    pub fn await_route(&self, wanted: impl Fn(&Route) -> bool) -> anyhow::Result<Route> {
        self.await_route_for(wanted, PATIENCE)
    }

    /// The same, for this long.
    ///
    /// # Errors
    /// It does not come.
    pub fn await_route_for(
        &self,
        wanted: impl Fn(&Route) -> bool,
        patience: Duration,
    ) -> anyhow::Result<Route> {
        let mut routes = Follower::open(&self.kafka, &self.stream, &Start::Beginning)?;
        let started = Instant::now();
        while started.elapsed() < patience {
            let route = routes.next(Duration::from_millis(200))?.and_then(Entry::route);
            if let Some(route) = route.filter(&wanted) {
                return Ok(route);
            }
        }
        anyhow::bail!("the route did not come; there are {:#?}", self.routes()?)
    }

    /// Waits until so many more predictions are there.
    ///
    /// # Errors
    /// They do not come.
    pub fn await_predictions(&self, count: usize) -> anyhow::Result<()> {
        let topic = Topics::of(&self.stream).predictions;
        let mut reader = self.kafka.reader(&topic, &Start::End)?;
        let (started, mut seen) = (Instant::now(), 0);
        while seen < count {
            seen += usize::from(reader.next(Duration::from_millis(200))?.is_some());
            anyhow::ensure!(started.elapsed() < PATIENCE, "{seen} of {count} predictions came");
        }
        Ok(())
    }

    /// What was emitted, repetitions dropped.
    ///
    /// # Errors
    /// The broker is away.
    pub fn events(&self) -> anyhow::Result<Vec<OutcomeEvent>> {
        let mut events = event_log::read(&self.kafka)?;
        events.retain(|event| event.custom_data.stream == self.stream);
        Ok(events)
    }

    /// Emits an event as an earlier step would have.
    ///
    /// # Errors
    /// The broker is away.
    pub fn emit(&self, event: &OutcomeEvent) -> anyhow::Result<()> {
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
        FakeScorer::start(&self.kafka, &self.stream, behaviour)
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
        let folder = self.folder.path().join(unique("images"));
        for n in 1..=MODELS {
            crate::write_image(&folder.join(format!("models/m{n}")), &model(n).digest)?;
        }
        let mut command = Command::new(binary);
        command.env_clear().current_dir(&folder).arg("--kafka-timeout=10s").args(flags);
        self.spawn(command, release)
    }

    /// Starts a step by a command that lacks only what says where it works.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn spawn(&self, mut command: Command, release: &str) -> anyhow::Result<Running> {
        command.args(self.place()).arg(format!("--release={release}"));
        Running::start(&mut command, &self.folder.path().join(unique("run")))
    }

    /// The flags that name broker and stream.
    pub fn place(&self) -> Vec<String> {
        let flags = [("brokers", &self.brokers), ("stream", &self.stream)];
        let mut flags = flags.map(|(name, value)| format!("--{name}={value}")).to_vec();
        let config = self.config.iter();
        flags.extend(config.map(|file| format!("--kafka-config={}", file.display())));
        flags
    }

    /// For what a test writes; it goes with the stage.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}
