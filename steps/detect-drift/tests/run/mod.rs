//! Runs the step's binary on a stream of the demo's telemetry.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use contract::event_log;
use kafka::memory::MemoryBroker;
use kafka::{Kafka, KafkaArgs, Outgoing, TopicSpec};
use serde_json::Value;

const RECORDS: i64 = 2600;

/// A stream `shuttle` with two partitions, on its own broker.
pub(crate) struct Stream {
    broker: MemoryBroker,
    kafka: Kafka,
}

/// A run that reached a verdict.
pub(crate) struct Run {
    outputs: tempfile::TempDir,
    kafka: Kafka,
}

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

impl Stream {
    /// Writes the telemetry to both partitions in turn; `change` may alter a record's fields or drop some.
    pub(crate) fn start(change: impl Fn(i32, i64, &mut Vec<f32>)) -> Self {
        let broker = MemoryBroker::start(&TopicSpec::of_stream("shuttle", 2)).unwrap();
        let kafka = Kafka::new(&KafkaArgs {
            brokers: broker.brokers(),
            kafka_config: None,
            kafka_timeout: Duration::from_secs(20),
            events_topic: "headgate.events".into(),
        })
        .unwrap();
        let mut writer = kafka.writer().unwrap();
        for (place, mut fields) in (0..).zip(telemetry()).take(2 * RECORDS as usize) {
            let (partition, offset) = ((place % 2) as i32, place / 2);
            change(partition, offset, &mut fields);
            let named = (1..).zip(&fields).map(|(n, value)| (format!("f{n}"), (*value).into()));
            let value = Value::Object(named.collect()).to_string().into_bytes();
            let topic = "shuttle.features".to_owned();
            let partition = Some(partition);
            writer
                .send(&Outgoing { topic, partition, value: Some(value), ..Outgoing::default() })
                .unwrap();
        }
        writer.flush().unwrap();
        Self { broker, kafka }
    }

    /// A baseline of the first thousand records of each partition.
    pub(crate) fn baseline(&self) -> Run {
        self.run(&["--mode", "baseline", "--window", "0:0-1000,1:0-1000"])
    }

    /// Judges against a baseline.
    pub(crate) fn judge(&self, baseline: &Run, flags: &[&str]) -> Run {
        let profile = baseline.path("baseline.json");
        self.run(&[&["--baseline", profile.to_str().unwrap()], flags].concat())
    }

    /// Runs the step, which must reach a verdict.
    pub(crate) fn run(&self, flags: &[&str]) -> Run {
        let outputs = tempfile::tempdir().unwrap();
        let output = self.command(&outputs, flags);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{flags:?}: {stderr}");
        Run { outputs, kafka: self.kafka.clone() }
    }

    /// Runs the step, which must not reach a verdict: its exit code and stderr.
    pub(crate) fn refused(&self, flags: &[&str]) -> (Option<i32>, String) {
        let outputs = tempfile::tempdir().unwrap();
        let output = self.command(&outputs, flags);
        assert!(!outputs.path().join("verdict").exists(), "{flags:?} left a verdict");
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }

    fn command(&self, outputs: &tempfile::TempDir, flags: &[&str]) -> Output {
        let schema = testkit::root().join("demo/shuttle/schema.json");
        let mut command = Command::new(env!("CARGO_BIN_EXE_detect-drift"));
        command.env_clear().env("HEADGATE_BROKERS", self.broker.brokers());
        command.env("HEADGATE_SCHEMA", schema).env("HEADGATE_OUTPUTS", outputs.path());
        command.args(["--release", "watch", "--stream", "shuttle"]).args(flags);
        command.output().unwrap()
    }
}

impl Run {
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.outputs.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn output(&self, name: &str) -> String {
        self.read(name)
    }

    pub(crate) fn verdict(&self) -> String {
        self.read("verdict")
    }

    /// The outcome event of this run, read back from the topic.
    pub(crate) fn event(&self) -> Value {
        let id = self.read("event-id");
        let event = event_log::find(&self.kafka, &id).unwrap().expect("the event was emitted");
        serde_json::to_value(event).unwrap()
    }
}

/// The sensor readings of the demo's hold-out, in their order.
fn telemetry() -> Vec<Vec<f32>> {
    let csv = testkit::root().join("demo/shuttle/holdout.csv");
    let text = std::fs::read_to_string(csv).unwrap();
    let row = |line: &str| line.split(',').take(9).map(|cell| cell.parse().unwrap()).collect();
    text.lines().skip(1).map(row).collect()
}
