//! A stream on the in-memory broker: features, and predictions as a scorer writes them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use contract::event::OutcomeEvent;
use contract::event_log;
use contract::kafka::memory::MemoryBroker;
use contract::kafka::{Kafka, KafkaArgs, Outgoing, TopicSpec};
use model::{Model, StreamSchema};
use serde_json::{Value, json};

pub(crate) const PARTITIONS: i32 = 2;

pub(crate) struct Stage {
    pub(crate) kafka: Kafka,
    pub(crate) folder: tempfile::TempDir,
    broker: MemoryBroker,
    schema: StreamSchema,
}

pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) verdict: String,
    pub(crate) reason: String,
    pub(crate) event_id: String,
    pub(crate) window: String,
    pub(crate) report: Value,
    pub(crate) page: String,
    pub(crate) stderr: String,
}

/// A model of the demo, or of `crates/model/samples`.
pub(crate) fn model(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path).with_extension("onnx")
}

pub(crate) fn digest(path: &Path) -> String {
    model::digest(path).unwrap().sha256
}

impl Stage {
    /// A stream `s` with this many numbers a record.
    pub(crate) fn new(width: usize) -> Self {
        let broker = MemoryBroker::start(&TopicSpec::of_stream("s", PARTITIONS)).unwrap();
        let kafka = Kafka::new(&KafkaArgs {
            brokers: broker.brokers(),
            kafka_config: None,
            kafka_timeout: Duration::from_secs(10),
            events_topic: "headgate.events".into(),
        })
        .unwrap();
        let fields: Vec<Value> =
            (1..=width).map(|n| json!({"name": format!("f{n}"), "dtype": "float32"})).collect();
        let schema = json!({"stream": "s", "format": "json", "fields": fields}).to_string();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("schema.json"), &schema).unwrap();
        Self { kafka, folder, broker, schema: StreamSchema::parse(&schema).unwrap() }
    }

    /// Writes records, and what `answering` answers to them where a model is given.
    pub(crate) fn stream(&self, rows: &[Vec<f32>], answering: Option<&Path>) {
        self.stream_as(rows, answering, &answering.map(digest).unwrap_or_default());
    }

    /// As [`Stage::stream`], the answers signed with another model's digest.
    pub(crate) fn stream_as(&self, rows: &[Vec<f32>], answering: Option<&Path>, digest: &str) {
        let mut model = answering.map(|path| Model::load(path).unwrap());
        let before = self.kafka.extent("s.features").unwrap();
        let mut writer = self.kafka.writer().unwrap();
        for (n, row) in rows.iter().enumerate() {
            let partition = n as i32 % PARTITIONS;
            let offset = before.0[&partition].1 + (n as i64 / i64::from(PARTITIONS));
            let names = self.schema.fields.iter().map(|field| field.name.clone());
            let value: serde_json::Map<_, _> =
                names.zip(row.iter().map(|number| json!(number))).collect();
            let value = json!(value).to_string();
            writer.send(&outgoing("s.features", partition, &value, &[])).unwrap();
            let Some(model) = &mut model else { continue };
            let Ok(answers) = model.answer(row, 1) else { continue };
            let label = answers.labels.as_ref().map(|labels| labels[0]);
            let value = json!({"label": label, "score": answers.score[0]}).to_string();
            let source = format!("s.features/{partition}/{offset}");
            let headers = [("source", source.as_str()), ("model", digest)];
            writer.send(&outgoing("s.predictions", partition, &value, &headers)).unwrap();
        }
        writer.flush().unwrap();
    }

    /// Writes a feature record that is no row.
    pub(crate) fn garbage(&self, count: usize) {
        let mut writer = self.kafka.writer().unwrap();
        for _ in 0..count {
            writer.send(&outgoing("s.features", 0, "no json", &[])).unwrap();
        }
        writer.flush().unwrap();
    }

    /// Runs the step with these further flags.
    pub(crate) fn run(&self, flags: &[&str]) -> Ended {
        let outputs = self.folder.path().join("outputs");
        let _fresh = std::fs::remove_dir_all(&outputs);
        let told = Command::new(env!("CARGO_BIN_EXE_shadow-test"))
            .env_clear()
            .env("HEADGATE_RELEASE", "r")
            .args(["--stream=s", "--confidence=90%"])
            .arg(format!("--brokers={}", self.broker.brokers()))
            .arg(format!("--outputs={}", outputs.display()))
            .arg(format!("--schema={}", self.folder.path().join("schema.json").display()))
            .arg(format!("--cache={}", self.folder.path().join("cache").display()))
            .args(flags)
            .output()
            .unwrap();
        let read = |name: &str| std::fs::read_to_string(outputs.join(name)).unwrap_or_default();
        Ended {
            code: told.status.code().unwrap(),
            verdict: read("verdict"),
            reason: read("reason"),
            event_id: read("event-id"),
            window: read("window"),
            report: serde_json::from_str(&read("report.json")).unwrap_or_default(),
            page: read("report.html"),
            stderr: String::from_utf8(told.stderr).unwrap(),
        }
    }

    pub(crate) fn events(&self) -> Vec<OutcomeEvent> {
        event_log::read(&self.kafka).unwrap()
    }
}

fn outgoing(topic: &str, partition: i32, value: &str, headers: &[(&str, &str)]) -> Outgoing {
    Outgoing {
        topic: topic.into(),
        partition: Some(partition),
        key: Some(b"k".to_vec()),
        value: Some(value.into()),
        headers: headers.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
    }
}
