//! A stream on the in-memory broker or on a real Kafka, and steps run on it as black boxes.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use contract::event::OutcomeEvent;
use contract::event_log;
use kafka::memory::MemoryBroker;
use kafka::{Kafka, KafkaArgs, Outgoing, Start, TopicSpec};
use serde_json::Value;
use stream::Topics;
use tempfile::TempDir;

use crate::{Behaviour, FakeScorer};
use routes::{Entry, Follower, ModelRef, Route, Routes};

/// The stream on the in-memory broker.
const STREAM: &str = "s";
const PARTITIONS: i32 = 4;
/// Nothing on a stage takes longer.
const PATIENCE: Duration = Duration::from_secs(240);

/// A stream with its topics.
pub struct Stage {
    pub kafka: Kafka,
    pub stream: String,
    brokers: String,
    folder: TempDir,
    _broker: Option<MemoryBroker>,
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
    /// Most that it had at a time.
    pub memory_kib: u64,
}

/// Model number `n`; where a step runs, its image lies in the folder that it names.
pub fn model(n: u8) -> ModelRef {
    let digest = format!("sha256:{}", format!("{n:02x}").repeat(32));
    ModelRef { image: format!("oci:models/m{n}"), digest }
}

/// Steps find images of the models 1 to this.
const MODELS: u8 = 9;

impl Stage {
    /// A stream without a route.
    ///
    /// # Errors
    /// The in-memory broker does not start.
    pub fn empty() -> anyhow::Result<Self> {
        let broker = MemoryBroker::start(&TopicSpec::of_stream(STREAM, PARTITIONS))?;
        let brokers = broker.brokers();
        Ok(Self { _broker: Some(broker), ..Self::at(&brokers, STREAM)? })
    }

    /// A new stream without a route on a broker that runs.
    ///
    /// # Errors
    /// The broker is away.
    pub fn on(brokers: &str, stream: &str) -> anyhow::Result<Self> {
        let stage = Self::at(brokers, stream)?;
        stage.kafka.create_topics(&TopicSpec::of_stream(stream, PARTITIONS))?;
        Ok(stage)
    }

    fn at(brokers: &str, stream: &str) -> anyhow::Result<Self> {
        let kafka = Kafka::new(&KafkaArgs {
            brokers: brokers.to_owned(),
            kafka_config: None,
            kafka_timeout: Duration::from_secs(60),
            events_topic: "headgate.events".into(),
        })?;
        let (brokers, stream) = (brokers.to_owned(), stream.to_owned());
        Ok(Self { kafka, stream, brokers, folder: TempDir::new()?, _broker: None })
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
        Routes::open(&self.kafka, &self.stream)?.write(route, release, reason)
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

    /// What was told, repetitions dropped.
    ///
    /// # Errors
    /// The broker is away.
    pub fn events(&self) -> anyhow::Result<Vec<OutcomeEvent>> {
        let mut events = event_log::read(&self.kafka)?;
        events.retain(|event| event.custom_data.stream == self.stream);
        Ok(events)
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
        let run = std::fs::read_dir(self.folder.path())?.count();
        let folder = self.folder.path().join(format!("run-{run}"));
        std::fs::create_dir(&folder)?;
        for n in 1..=MODELS {
            crate::write_image(&folder.join(format!("models/m{n}")), &model(n).digest)?;
        }
        let (outputs, log) = (folder.join("outputs"), folder.join("log"));
        let child = Command::new(binary)
            .env_clear()
            .current_dir(&folder)
            .args([format!("--brokers={}", self.brokers), format!("--release={release}")])
            .args([format!("--stream={}", self.stream), format!("--outputs={}", outputs.display())])
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
        let (started, mut memory) = (Instant::now(), 0);
        let status = loop {
            memory = crate::peak_memory_kib(self.child.id()).unwrap_or(memory);
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
            memory_kib: memory,
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
