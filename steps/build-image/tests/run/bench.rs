//! A work bench: a folder, a broker, a model, and runs of the step on them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use kafka::memory::MemoryBroker;
use kafka::{Kafka, KafkaArgs, Start, TopicSpec};
use registry::Digest;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) struct Bench {
    folder: TempDir,
    broker: MemoryBroker,
    pub(crate) digest: Digest,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stderr: String,
}

impl Bench {
    /// A bench with a model of `size` bytes at `model.onnx`.
    pub(crate) fn with_model(size: usize) -> Self {
        let folder = TempDir::new().unwrap();
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut block = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        };
        let bytes: Vec<u8> = std::iter::repeat_with(&mut block).take(size / 8).flatten().collect();
        fs::write(folder.path().join("model.onnx"), &bytes).unwrap();
        // Neither system certificates nor proxies may be needed on loopback.
        fs::write(folder.path().join("no-certificates.pem"), "").unwrap();
        let events = TopicSpec::new("headgate.events", 1);
        let broker = MemoryBroker::start(&[events]).unwrap();
        Bench { folder, broker, digest: Digest::of(&bytes) }
    }

    pub(crate) fn brokers(&self) -> String {
        self.broker.brokers()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `oci:<folder of the bench>/<name>`.
    pub(crate) fn layout(&self, name: &str) -> String {
        format!("oci:{}", self.path(name).display())
    }

    /// The step with the flags that every run needs, and `more` in the form `name=value`.
    pub(crate) fn command(&self, image: &str, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_build-image"));
        command.env_clear();
        command.env("SSL_CERT_FILE", self.path("no-certificates.pem"));
        command.env("HTTP_PROXY", "http://127.0.0.1:1").env("HOME", self.folder.path());
        let own = [
            "release=r-1".to_owned(),
            "stream=shuttle".to_owned(),
            format!("outputs={}", self.path("outputs").display()),
            format!("brokers={}", self.broker.brokers()),
            format!("model={}", self.path("model.onnx").display()),
            format!("image={image}"),
        ];
        let named = |flag: &str| more.iter().any(|it| it.starts_with(&format!("{flag}=")));
        for flag in own {
            if !named(flag.split('=').next().unwrap()) {
                command.arg(format!("--{flag}"));
            }
        }
        if !named("model-digest") {
            command.arg(format!("--model-digest={}", self.digest));
        }
        command.args(more.iter().map(|flag| format!("--{flag}")));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, image: &str, more: &[&str]) -> Ended {
        let _ = fs::remove_dir_all(self.path("outputs"));
        let Output { status, stderr, .. } = self.command(image, more).output().unwrap();
        Ended { code: status.code(), stderr: String::from_utf8(stderr).unwrap() }
    }

    /// Runs the step to the verdict `pass` and gives the image by digest.
    #[track_caller]
    pub(crate) fn pass(&self, image: &str, more: &[&str]) -> String {
        let ended = self.run(image, more);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert_eq!(self.output("verdict"), "pass", "{}", self.output("reason"));
        self.output("image")
    }

    #[track_caller]
    pub(crate) fn output(&self, name: &str) -> String {
        let path = self.path("outputs").join(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub(crate) fn report(&self) -> Value {
        serde_json::from_str(&self.output("report.json")).unwrap()
    }

    /// The bodies of all events emitted so far.
    pub(crate) fn events(&self) -> Vec<Value> {
        let kafka = Kafka::new(&KafkaArgs {
            brokers: self.broker.brokers(),
            kafka_config: None,
            kafka_timeout: Duration::from_secs(60),
            events_topic: "headgate.events".to_owned(),
        });
        let mut events = Vec::new();
        let mut reader = kafka.unwrap().reader("headgate.events", &Start::Beginning).unwrap();
        reader
            .read_to_end(|record| {
                events.push(serde_json::from_slice(&record.value.unwrap()).unwrap());
            })
            .unwrap();
        events
    }
}

/// A blob of a layout as JSON.
pub(crate) fn document(layout: &Path, digest: &str) -> Value {
    let hex = digest.strip_prefix("sha256:").unwrap();
    serde_json::from_slice(&fs::read(layout.join("blobs/sha256").join(hex)).unwrap()).unwrap()
}
