//! A stream on a broker: features, and predictions as a scorer writes them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use contract::event::OutcomeEvent;
use contract::event_log;
use kafka::memory::MemoryBroker;
use kafka::{Kafka, KafkaArgs, Outgoing, Start, TopicSpec};
use model::Model;
use serde_json::{Value, json};
use stream::{
    Headers, Prediction, PredictionValue, RecordId, SourceOffset, StreamSchema, Topics, Variant,
};

pub(crate) const PARTITIONS: i32 = 2;

pub(crate) struct Stage {
    pub(crate) kafka: Kafka,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) confidence: &'static str,
    stream: String,
    brokers: String,
    pub(crate) schema: StreamSchema,
    /// Ends with the stage.
    _memory: Option<MemoryBroker>,
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

/// Telemetry of the demo's hold-out.
pub(crate) fn telemetry(count: usize) -> Vec<Vec<f32>> {
    let text =
        std::fs::read_to_string(model("demo/shuttle/holdout").with_extension("csv")).unwrap();
    let row = |line: &str| line.split(',').take(9).map(|number| number.parse().unwrap()).collect();
    text.lines().skip(1).take(count).map(row).collect()
}

pub(crate) fn flag(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}

/// Champion and candidate by file.
pub(crate) fn compare(stage: &Stage, champion: &Path, candidate: &Path, flags: &[&str]) -> Ended {
    let (champion, candidate) = (flag("champion", champion), flag("model", candidate));
    stage.run(&[&[champion.as_str(), candidate.as_str()], flags].concat())
}

impl Stage {
    /// A stream `s` on the in-memory broker, with this many numbers a record.
    pub(crate) fn new(width: usize) -> Self {
        let memory = MemoryBroker::start(&TopicSpec::of_stream("s", PARTITIONS)).unwrap();
        let brokers = memory.brokers();
        Self { _memory: Some(memory), ..Self::on(brokers, "s", width) }
    }

    /// A stream of its own on the real Kafka of this test run.
    pub(crate) fn on_apache(width: usize) -> Self {
        let stage =
            Self::on(testkit::kafka::bootstrap().into(), &testkit::kafka::unique("shadow"), width);
        stage.kafka.create_topics(&TopicSpec::of_stream(&stage.stream, PARTITIONS)).unwrap();
        stage
    }

    fn on(brokers: String, stream: &str, width: usize) -> Self {
        let kafka = Kafka::new(&KafkaArgs {
            brokers: brokers.clone(),
            kafka_config: None,
            kafka_timeout: Duration::from_secs(60),
            events_topic: "headgate.events".into(),
        })
        .unwrap();
        let fields: Vec<Value> =
            (1..=width).map(|n| json!({"name": format!("f{n}"), "dtype": "float32"})).collect();
        let schema = json!({"stream": stream, "format": "json", "fields": fields}).to_string();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("schema.json"), &schema).unwrap();
        let schema = StreamSchema::parse(&schema).unwrap();
        Self {
            kafka,
            folder,
            stream: stream.into(),
            brokers,
            schema,
            confidence: "90%",
            _memory: None,
        }
    }

    /// Writes records and the model's answers, each in a transaction of its own, so that every other offset of
    /// both topics is a commit marker.
    pub(crate) fn stream_in_transactions(&self, rows: &[Vec<f32>], answering: &Path) {
        let mut writer = self.kafka.fenced_writer(&format!("test-{}", self.stream)).unwrap();
        let Topics { features, predictions, .. } = Topics::of(&self.stream);
        for (n, row) in rows.iter().enumerate() {
            let value = self.value(row);
            writer
                .write(&outgoing(&features, n as i32 % PARTITIONS, value.as_bytes(), &[]))
                .unwrap();
        }
        let (mut model, digest) = (Model::load(answering).unwrap(), digest(answering));
        let mut reader = self.kafka.reader(&features, &Start::Beginning).unwrap();
        let answer = |record: kafka::Record| {
            let mut row = Vec::new();
            self.schema.parse_row(&record.value.unwrap(), &mut row).unwrap();
            let value = answer(&mut model, &row).unwrap();
            let (partition, offset) = (record.partition, record.offset);
            let headers = headers(&features, partition, offset, &digest);
            writer.write(&outgoing(&predictions, partition, &value, &headers)).unwrap();
        };
        reader.read_to_end(answer).unwrap();
    }

    /// Writes records, and what `answering` answers to them where a model is given.
    pub(crate) fn stream(&self, rows: &[Vec<f32>], answering: Option<&Path>) {
        self.stream_as(rows, answering, &answering.map(digest).unwrap_or_default());
    }

    /// As [`Stage::stream`], the answers signed with another model's digest.
    pub(crate) fn stream_as(&self, rows: &[Vec<f32>], answering: Option<&Path>, digest: &str) {
        let mut model = answering.map(|path| Model::load(path).unwrap());
        let Topics { features, predictions, .. } = Topics::of(&self.stream);
        let before = self.kafka.extent(&features).unwrap();
        let mut writer = self.kafka.writer().unwrap();
        for (n, row) in rows.iter().enumerate() {
            let partition = n as i32 % PARTITIONS;
            let offset = before.0[&partition].1 + (n as i64 / i64::from(PARTITIONS));
            writer.send(&outgoing(&features, partition, self.value(row).as_bytes(), &[])).unwrap();
            let Some(value) = model.as_mut().and_then(|model| answer(model, row)) else { continue };
            let headers = headers(&features, partition, offset, digest);
            writer.send(&outgoing(&predictions, partition, &value, &headers)).unwrap();
        }
        writer.flush().unwrap();
    }

    /// Writes a feature record that is no row.
    pub(crate) fn garbage(&self, count: usize) {
        let mut writer = self.kafka.writer().unwrap();
        for _ in 0..count {
            writer.send(&outgoing("s.features", 0, b"no json", &[])).unwrap();
        }
        writer.flush().unwrap();
    }

    /// Runs the step with these further flags.
    pub(crate) fn run(&self, flags: &[&str]) -> Ended {
        let schema = format!("--schema={}", self.folder.path().join("schema.json").display());
        self.run_without_schema(&[&[schema.as_str()], flags].concat())
    }

    /// Runs the step with these flags and those that say where it works.
    pub(crate) fn run_without_schema(&self, flags: &[&str]) -> Ended {
        let found = self.command(flags).output().unwrap();
        self.ended(found)
    }

    /// As [`Stage::run`]; gives the addresses that the step calls, and that of the broker.
    pub(crate) fn called(&self, flags: &[&str]) -> (BTreeSet<String>, String) {
        let schema = format!("--schema={}", self.folder.path().join("schema.json").display());
        let trace = self.folder.path().join("trace");
        let command = self.command(&[&[schema.as_str()], flags].concat());
        let found = testkit::calls::traced(&command, &trace).output().unwrap();
        assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
        (testkit::calls::addresses(&trace), self.brokers.clone())
    }

    /// As [`Stage::run`], doing something else again and again until the step has ended.
    pub(crate) fn run_while(&self, flags: &[&str], mut each: impl FnMut()) -> Ended {
        let schema = format!("--schema={}", self.folder.path().join("schema.json").display());
        let mut command = self.command(&[&[schema.as_str()], flags].concat());
        let mut running = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        while running.try_wait().unwrap().is_none() {
            each();
        }
        self.ended(running.wait_with_output().unwrap())
    }

    fn outputs(&self) -> PathBuf {
        self.folder.path().join("outputs")
    }

    fn command(&self, flags: &[&str]) -> Command {
        let _fresh = std::fs::remove_dir_all(self.outputs());
        let mut command = Command::new(env!("CARGO_BIN_EXE_shadow-test"));
        command
            .env_clear()
            .env("HEADGATE_RELEASE", "r")
            .args([
                format!("--stream={}", self.stream),
                format!("--confidence={}", self.confidence),
            ])
            .arg(format!("--brokers={}", self.brokers))
            .arg(format!("--outputs={}", self.outputs().display()))
            .arg(format!("--cache={}", self.folder.path().join("cache").display()))
            .args(flags);
        command
    }

    fn ended(&self, found: Output) -> Ended {
        let read =
            |name: &str| std::fs::read_to_string(self.outputs().join(name)).unwrap_or_default();
        Ended {
            code: found.status.code().unwrap(),
            verdict: read("verdict"),
            reason: read("reason"),
            event_id: read("event-id"),
            window: read("window"),
            report: serde_json::from_str(&read("report.json")).unwrap_or_default(),
            page: read("report.html"),
            stderr: String::from_utf8(found.stderr).unwrap(),
        }
    }

    fn value(&self, row: &[f32]) -> String {
        let names = self.schema.fields.iter().map(|field| field.name.clone());
        let value: serde_json::Map<_, _> = names.zip(row.iter().map(|n| json!(n))).collect();
        json!(value).to_string()
    }

    pub(crate) fn events(&self) -> Vec<OutcomeEvent> {
        event_log::read(&self.kafka).unwrap()
    }
}

/// A prediction's value; none where the model fails.
fn answer(model: &mut Model, row: &[f32]) -> Option<Vec<u8>> {
    let answers = model.answer(row, 1).ok()?;
    let label = answers.labels.as_ref().map(|labels| labels[0]);
    let mut value = Vec::new();
    PredictionValue { label, score: answers.score[0], scores: &[] }.write(&mut value);
    Some(value)
}

/// The headers of the champion's answer to a record.
fn headers(topic: &str, partition: i32, offset: i64, model: &str) -> Vec<(String, Vec<u8>)> {
    let prediction = Prediction {
        model: model.try_into().unwrap(),
        variant: Variant::Champion,
        generation: 1,
        source: SourceOffset { topic, partition, offset },
        id: RecordId::Place(partition, offset),
        took: None,
        fallback: None,
    };
    prediction.to_headers()
}

fn outgoing(topic: &str, partition: i32, value: &[u8], headers: &Headers) -> Outgoing {
    Outgoing {
        topic: topic.into(),
        partition: Some(partition),
        key: Some(b"k".to_vec()),
        value: Some(value.into()),
        headers: headers.to_vec(),
    }
}
