//! Runs the step as a black box on an in-memory broker, with nothing of the caller's environment.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use kafka::memory::MemoryBroker;
use kafka::{Kafka, KafkaArgs, Start, TopicSpec};
use serde_json::Value;
use tempfile::TempDir;

/// One run of the step, by default of the demo's boosting model against its linear one.
pub(crate) struct Run {
    folder: TempDir,
    broker: MemoryBroker,
    flags: Vec<(&'static str, String)>,
}

pub(crate) struct Ran {
    folder: TempDir,
    broker: MemoryBroker,
    code: Option<i32>,
    stderr: String,
}

impl Run {
    pub(crate) fn new() -> Run {
        let flags = [
            ("release", "r-1".to_owned()),
            ("stream", "shuttle".to_owned()),
            ("model", demo("models/boosting.onnx")),
            ("champion", demo("models/linear.onnx")),
            ("schema", demo("shuttle/schema.json")),
            ("golden", demo("models/boosting.golden.json")),
            ("holdout", demo("shuttle/holdout.csv")),
            // The limits of this machine are no matter of these tests; the budgets have tests of their own.
            ("latency-budget", "10s".to_owned()),
        ];
        Run {
            folder: TempDir::new().unwrap(),
            broker: MemoryBroker::start(&TopicSpec::of_stream("shuttle", 1)).unwrap(),
            flags: flags.to_vec(),
        }
    }

    /// Gives a flag another value; an empty one leaves it out.
    pub(crate) fn with(mut self, flag: &'static str, value: impl Into<String>) -> Run {
        self.flags.retain(|(name, _)| *name != flag);
        self.flags.push((flag, value.into()));
        self
    }

    /// Gives a flag a file of this content.
    pub(crate) fn with_file(self, flag: &'static str, content: impl AsRef<[u8]>) -> Run {
        let path = self.folder.path().join(flag);
        std::fs::write(&path, content).unwrap();
        self.with(flag, path.to_str().unwrap())
    }

    /// Judges a model without a golden set of its own, so that other checks come to the word.
    pub(crate) fn of_model(self, name: &str) -> Run {
        let golden = demo(&format!("models/{name}.golden.json"));
        self.with("model", demo(&format!("models/{name}.onnx"))).with("golden", golden)
    }

    /// Judges one of the tiny models of `crates/model/samples` on a stream of the field `a`.
    pub(crate) fn of_sample(self, name: &str) -> Run {
        let sample = format!("../../crates/model/samples/{name}.onnx");
        self.with("model", here(&sample))
            .with_file(
                "schema",
                r#"{"stream":"shuttle","format":"json","fields":[{"name":"a","dtype":"float32"}]}"#,
            )
            .with_file("golden", r#"{"cases":[{"row":[4],"score":2}]}"#)
            .with_file("holdout", "a,label\n9,3\n-1,0\n")
            .with("champion", "")
            .with("strategy", "bootstrap")
    }

    pub(crate) fn outcome(self) -> Ran {
        let Output { status, stderr, .. } = self.output();
        let stderr = String::from_utf8(stderr).unwrap();
        Ran { folder: self.folder, broker: self.broker, code: status.code(), stderr }
    }

    pub(crate) fn output(&self) -> Output {
        self.command().output().unwrap()
    }

    /// The addresses that the step and its second process call, and that of the broker.
    pub(crate) fn called(&self) -> (BTreeSet<String>, String) {
        let trace = self.folder.path().join("trace");
        let output = testkit::calls::traced(&self.command(), &trace).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        (testkit::calls::addresses(&trace), self.broker.brokers())
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_validate-model"));
        command.env_clear().arg("--outputs").arg(self.outputs());
        command.arg("--brokers").arg(self.broker.brokers());
        for (flag, value) in &self.flags {
            command.arg(format!("--{flag}={value}"));
        }
        if let Some(library) = std::env::var_os("ORT_DYLIB_PATH") {
            command.env("ORT_DYLIB_PATH", library);
        }
        command
    }

    /// The broker that the step tells.
    pub(crate) fn kafka(&self) -> Kafka {
        kafka(&self.broker)
    }

    pub(crate) fn outputs(&self) -> PathBuf {
        self.folder.path().join("outputs")
    }
}

impl Ran {
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("outputs").join(name)
    }

    #[track_caller]
    pub(crate) fn file(&self, name: &str) -> String {
        let path = self.path(name);
        std::fs::read_to_string(path)
            .unwrap_or_else(|error| panic!("{name}: {error}\n{}", self.stderr))
    }

    #[track_caller]
    pub(crate) fn is(&self, verdict: &str, reason: &str) {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        let (got, why) = (self.file("verdict"), self.file("reason"));
        assert_eq!(got, verdict, "{why}");
        assert!(why.contains(reason), "{why}");
    }

    #[track_caller]
    pub(crate) fn is_refused_as_usage(&self, what: &str) {
        assert_eq!(self.code, Some(2), "{}", self.stderr);
        assert!(self.stderr.contains(what) && self.stderr.contains("hint: "), "{}", self.stderr);
        assert!(!self.folder.path().join("outputs/verdict").exists());
    }

    #[track_caller]
    pub(crate) fn is_a_transient_failure(&self, hint: &str) {
        assert_eq!(self.code, Some(75), "{}", self.stderr);
        assert!(self.stderr.contains(hint), "{}", self.stderr);
        assert!(!self.folder.path().join("outputs/verdict").exists());
    }

    pub(crate) fn log(&self) -> &str {
        &self.stderr
    }

    pub(crate) fn events(&self) -> Vec<Value> {
        let mut events = Vec::new();
        let mut reader = kafka(&self.broker).reader("headgate.events", &Start::Beginning).unwrap();
        reader
            .read_to_end(|record| {
                events.push(serde_json::from_slice(record.value.as_deref().unwrap()).unwrap());
            })
            .unwrap();
        events
    }
}

fn kafka(broker: &MemoryBroker) -> Kafka {
    Kafka::new(&KafkaArgs {
        brokers: broker.brokers(),
        kafka_config: None,
        kafka_timeout: std::time::Duration::from_secs(20),
        events_topic: "headgate.events".to_owned(),
    })
    .unwrap()
}

pub(crate) fn here(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).to_str().unwrap().to_owned()
}

pub(crate) fn demo(path: &str) -> String {
    here(&format!("../../demo/{path}"))
}
