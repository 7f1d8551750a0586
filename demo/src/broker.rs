//! The broker of the demo: in memory, or a real Apache Kafka.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::screen::Screen;
use anyhow::Context;
use contract::stop::Stop;
use kafka::TopicSpec;
use kafka::memory::MemoryBroker;
use testkit::programs::Places;

use crate::story;

/// Which broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    Memory,
    Apache,
}

/// A running broker, ended with this value.
pub(crate) enum Broker {
    Memory(MemoryBroker),
    Apache { brokers: String, script: std::path::PathBuf },
}

/// Of this process alone, so that two demos at once do not take each other's broker.
fn instance() -> String {
    format!("demo-{}", std::process::id())
}

/// Starts a broker with nothing on it.
pub(crate) fn start(
    kind: Kind,
    places: &Places,
    screen: &Screen,
    stop: &Stop,
) -> anyhow::Result<Broker> {
    let topics = TopicSpec::of_stream(story::STREAM, story::PARTITIONS);
    if kind == Kind::Memory {
        screen.say("the broker starts: librdkafka's, in memory");
        return Ok(Broker::Memory(MemoryBroker::start(&topics)?));
    }
    screen.say("the broker starts: Apache Kafka; the first time Maven fetches it, 120 MB");
    let script = places.root.join("scripts/kafka");
    let mut starting = Command::new(&script)
        .args(["up", &instance()])
        .env("KAFKA_PORT", "0")
        .env("KAFKA_WITH_PID", std::process::id().to_string())
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(places.file("broker.log")?)?)
        .spawn()
        .context("run scripts/kafka")?;
    while starting.try_wait()?.is_none() {
        if let Err(stopped) = stop.check() {
            starting.kill()?;
            starting.wait()?;
            return Err(stopped.into());
        }
        screen.progress("waiting for the broker to answer", 0, 1);
        std::thread::sleep(Duration::from_millis(100));
    }
    let answer = starting.wait_with_output()?;
    if !answer.status.success() {
        anyhow::bail!("{}", std::fs::read_to_string(places.file("broker.log")?)?.trim_end());
    }
    let text = String::from_utf8(answer.stdout)?;
    let brokers =
        text.split_whitespace().last().context("scripts/kafka names no address")?.to_owned();
    let broker = Broker::Apache { brokers, script };
    story::kafka(&broker.brokers())?.create_topics(&topics)?;
    Ok(broker)
}

impl Broker {
    /// For `--brokers`.
    pub(crate) fn brokers(&self) -> String {
        match self {
            Self::Memory(memory) => memory.brokers(),
            Self::Apache { brokers, .. } => brokers.clone(),
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Self::Apache { script, .. } = self {
            stop(script);
        }
    }
}

fn stop(script: &std::path::Path) {
    // It may not run at all; and `KAFKA_WITH_PID` ends it in any case.
    let _stopped = Command::new(script).args(["down", &instance()]).env("KAFKA_WIPE", "1").output();
}
