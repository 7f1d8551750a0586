//! The binary as a black box, on the demo's telemetry and the in-memory broker.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use contract::event_log;
use kafka::memory::MemoryBroker;
use kafka::{Kafka, KafkaArgs, Outgoing, TopicSpec};
use model::Model;
use registry::{Client, InputFile, Options};
use serde_json::Value;
use testkit::registry::OwnRegistry;

/// A stream `shuttle` with two partitions and labels.
struct Stream {
    broker: MemoryBroker,
    kafka: Kafka,
    folder: tempfile::TempDir,
}

impl Stream {
    /// Writes `count` readings of the demo's hold-out; `label` may change a label or leave it out.
    fn start(count: usize, label: impl Fn(usize, i64) -> Option<i64>) -> Self {
        let broker = MemoryBroker::start(&TopicSpec::of_stream("shuttle", 2)).unwrap();
        let kafka = Kafka::new(&KafkaArgs {
            brokers: broker.brokers(),
            kafka_config: None,
            kafka_timeout: Duration::from_secs(20),
            events_topic: "headgate.events".into(),
        })
        .unwrap();
        let stream = Self { broker, kafka, folder: tempfile::tempdir().unwrap() };
        stream.write(count, label);
        stream
    }

    fn write(&self, count: usize, label: impl Fn(usize, i64) -> Option<i64>) {
        let csv = testkit::root().join("demo/shuttle/holdout.csv");
        let text = std::fs::read_to_string(csv).unwrap();
        let mut writer = self.kafka.writer().unwrap();
        for (place, line) in text.lines().skip(1).take(count).enumerate() {
            let cells: Vec<f64> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
            let named = (1..).zip(&cells[..9]).map(|(n, value)| (format!("f{n}"), (*value).into()));
            let id = format!("r{place}").into_bytes();
            let mut send = |topic: &str, value: Value, headers| {
                let record = Outgoing {
                    topic: format!("shuttle.{topic}"),
                    partition: Some((place % 2) as i32),
                    key: Some(id.clone()),
                    value: Some(value.to_string().into_bytes()),
                    headers,
                };
                writer.send(&record).unwrap();
            };
            send("features", Value::Object(named.collect()), vec![("id".into(), id.clone())]);
            if let Some(label) = label(place, cells[9] as i64) {
                send("labels", serde_json::json!({ "label": label }), vec![]);
            }
        }
        writer.flush().unwrap();
    }

    /// Runs the step, which must reach a verdict; the folder of its outputs.
    fn run(&self, release: &str, artifact: &str, flags: &[&str]) -> Run {
        let outputs = self.folder.path().join(format!("outputs-{release}"));
        let schema = testkit::root().join("demo/shuttle/schema.json");
        let mut command = Command::new(env!("CARGO_BIN_EXE_train-linear"));
        command.env_clear().env("HEADGATE_BROKERS", self.broker.brokers());
        command.env("HEADGATE_SCHEMA", schema).env("HEADGATE_OUTPUTS", &outputs);
        command.args(["--release", release, "--stream", "shuttle", "--artifact", artifact]);
        let output = command.args(flags).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let read = |name: &str| std::fs::read_to_string(outputs.join(name)).unwrap();
        let names =
            ["verdict", "reason", "event-id", "artifact", "model", "model-digest", "schema"];
        let names = names.into_iter().chain(["golden", "holdout", "window", "report.json"]);
        let event = event_log::find(&self.kafka, &read("event-id")).unwrap().unwrap();
        Run {
            outputs: names.map(|name| (name, read(name))).collect(),
            event: serde_json::to_value(event).unwrap(),
            report: outputs.join("report.html"),
        }
    }

    fn layout(&self) -> String {
        format!("oci:{}", self.folder.path().join("artifacts").display())
    }
}

struct Run {
    outputs: std::collections::HashMap<&'static str, String>,
    event: Value,
    report: std::path::PathBuf,
}

impl std::ops::Index<&str> for Run {
    type Output = str;

    fn index(&self, name: &str) -> &str {
        &self.outputs[name]
    }
}

/// The file that an output names.
fn fetch(reference: &str, folder: &Path) -> std::path::PathBuf {
    let file: InputFile = reference.parse().unwrap();
    file.fetch(&Client::new(Options::default()), folder).unwrap()
}

fn as_given(_: usize, label: i64) -> Option<i64> {
    Some(label)
}

#[test]
fn a_model_is_trained_and_its_files_are_what_a_release_takes() {
    let stream = Stream::start(3000, as_given);
    let registry = OwnRegistry::new();
    let place = format!("{}/models/shuttle:next", registry.host);
    let run = stream.run("one", &place, &[]);
    assert_eq!(&run["verdict"], "pass", "{}", &run["reason"]);
    assert!(
        run["reason"].starts_with("learnt from 2,000 records; right on "),
        "{}",
        &run["reason"]
    );
    assert!(
        run["artifact"].starts_with(&format!("oci://{}/models/shuttle@sha256:", registry.host))
    );
    assert_eq!(run.event["context"]["type"], "dev.cdeventsx.headgate-model.trained.0.1.0");
    assert_eq!(run.event["subject"]["id"], run["model-digest"]);
    assert_eq!(run.event["customData"]["outputs"]["model"], run["model"]);

    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| fetch(&run[name], folder.path());
    let schema = model::load_schema(&file("schema")).unwrap();
    let mut model = Model::load_as(&file("model"), &run["model-digest"]).unwrap();
    model.fit(&schema).unwrap();

    let golden: Value = serde_json::from_slice(&std::fs::read(file("golden")).unwrap()).unwrap();
    assert_eq!(golden["model"], run["model-digest"]);
    let cases = golden["cases"].as_array().unwrap();
    assert!(cases.len() >= 50);
    for case in cases {
        let row: Vec<f32> =
            case["row"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect();
        let answers = model.answer(&row, 1).unwrap();
        assert_eq!(answers.labels.unwrap()[0], case["label"].as_i64().unwrap());
        assert!((f64::from(answers.score[0]) - case["score"].as_f64().unwrap()).abs() < 1e-5);
    }

    let holdout = std::fs::read_to_string(file("holdout")).unwrap();
    let mut lines = holdout.lines();
    assert_eq!(lines.next(), Some("f1,f2,f3,f4,f5,f6,f7,f8,f9,label"));
    let rows: Vec<Vec<f32>> =
        lines.map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect()).collect();
    assert_eq!(rows.len(), 1000);
    let numbers: Vec<f32> = rows.iter().flat_map(|row| row[..9].to_vec()).collect();
    let labels = model.answer(&numbers, rows.len()).unwrap().labels.unwrap();
    let right = rows.iter().zip(labels).filter(|(row, label)| row[9] as i64 == *label).count();
    assert!(right >= 950, "right on {right} of 1,000");

    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).join("train-linear");
    testkit::browser::assert_reads_well(&run.report, &pictures);
}

#[test]
fn the_same_records_give_the_same_artifact_and_a_release_keeps_its_own() {
    let stream = Stream::start(1500, as_given);
    let window = ["--window", "0:0-750,1:0-750"];
    let first = stream.run("one", &stream.layout(), &window);
    let other = stream.run("two", &stream.layout(), &window);
    assert_eq!(&first["artifact"], &other["artifact"]);
    assert_ne!(&first["event-id"], &other["event-id"]);

    let newest = stream.run("three", &stream.layout(), &[]);
    stream.write(1000, |_, label| Some(1 - label));
    let again = stream.run("three", &stream.layout(), &[]);
    for output in ["event-id", "artifact", "window", "reason"] {
        assert_eq!(&newest[output], &again[output], "{output}");
    }
}

#[test]
fn too_few_labels_or_one_class_leave_no_artifact() {
    for (label, flags, reason) in [
        (
            as_given as fn(usize, i64) -> Option<i64>,
            &[][..],
            "900 of 900 records have a label; at least 1,000",
        ),
        (|_, _| None, &["--min-records", "30"], "0 of 900 records have a label; at least 30"),
        (|_, _| Some(0), &["--min-records", "30"], "all 600 records to learn from are of class 0"),
        (|at, _| Some(at as i64 % 3), &["--min-records", "30"], "300 labels are neither 0 nor 1"),
    ] {
        let stream = Stream::start(900, label);
        let run = stream.run("one", &stream.layout(), flags);
        assert_eq!(&run["verdict"], "inconclusive");
        assert!(run["reason"].starts_with(reason), "{}", &run["reason"]);
        assert_eq!((&run["artifact"], &run["model"]), ("", ""));
        assert_eq!(run.event["context"]["type"], "dev.cdeventsx.headgate-training.undecided.0.1.0");
        assert!(!stream.folder.path().join("artifacts").exists());
    }
}
