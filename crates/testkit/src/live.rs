//! A stream of real telemetry on a real Kafka, with real models and scorers; what does not go as it has to fails the test.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use kafka::{Kafka, Record, Start};
use routes::{ModelRef, Route};
use serde_json::Value;
use stream::Topics;

use crate::audit::{Audit, Findings};
use crate::kafka::unique;
use crate::programs::{Places, Running};
use crate::replay::{Pace, Replay};
use crate::stage::{PARTITIONS, Stage};
use crate::{Ran, step, telemetry};

/// Nothing here takes longer unless it is stuck.
pub const LIMIT: Duration = Duration::from_secs(120);

/// A stream of its own.
pub struct Live {
    pub stage: Stage,
    pub places: Places,
    pub schema: PathBuf,
}

/// A scorer that runs; dropping it is `kill -9`.
pub struct Scorer(Running);

/// Asks again and again until there is an answer.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(started.elapsed() < LIMIT, "{what}: not within {LIMIT:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

impl Live {
    /// A stream on the Kafka that the test run shares.
    pub fn new(name: &str) -> Self {
        Self::on(crate::kafka::bootstrap(), None, name)
    }

    /// A stream on this Kafka.
    pub fn on(brokers: &str, config: Option<PathBuf>, name: &str) -> Self {
        let stage = Stage::on_with(brokers, config, &unique(name)).unwrap();
        let root = crate::root().to_owned();
        // The demo's schema, for a stream of another name.
        let schema = std::fs::read(root.join("demo/shuttle/schema.json")).unwrap();
        let mut schema: Value = serde_json::from_slice(&schema).unwrap();
        schema["stream"] = stage.stream.clone().into();
        let path = stage.folder().join("schema.json");
        std::fs::write(&path, schema.to_string()).unwrap();
        let out = stage.folder().to_owned();
        let places = Places { binaries: crate::binaries(), root, out };
        Self { stage, places, schema: path }
    }

    pub fn kafka(&self) -> &Kafka {
        &self.stage.kafka
    }

    /// The topics of the stream.
    pub fn topics(&self) -> Topics {
        Topics::of(&self.stage.stream)
    }

    /// Starts a scorer.
    pub fn scorer(&self, name: &str) -> Scorer {
        let mut command = self.places.command("scorer");
        command
            .args(self.stage.place())
            .arg(format!("--schema={}", self.schema.display()))
            .arg(format!("--cache={}", self.stage.folder().join("cache").display()))
            .args(["--http=127.0.0.1:0", &format!("--name={name}")]);
        let log = self.stage.folder().join(unique("scorer"));
        Scorer(Running::start("scorer", &mut command, &log).unwrap())
    }

    /// Starts to write telemetry.
    pub fn replay(&self, rate: u32) -> Replay {
        let telemetry = self.places.root.join("demo/shuttle/shuttle.csv.gz");
        let readings = telemetry::live_part(&telemetry).unwrap();
        let label_delay = Duration::from_millis(100);
        let pace =
            Pace { stream: self.stage.stream.clone(), partitions: PARTITIONS, rate, label_delay };
        Replay::start(self.kafka(), pace, readings).unwrap()
    }

    pub fn audit(&self) -> Audit {
        Audit::start(self.kafka(), &self.stage.stream).unwrap()
    }

    /// Waits until all that was `written` is answered, and holds the audit's findings against it.
    pub fn assert_exactly_once(&self, written: u64, audit: Audit) -> Findings {
        let features = self.kafka().extent(&self.topics().features).unwrap();
        assert_eq!(features.len(), written);
        // What is still missing then, the audit counts as lost.
        let started = Instant::now();
        while audit.count() < written && started.elapsed() < LIMIT {
            std::thread::sleep(Duration::from_millis(20));
        }
        let found = audit.finish().unwrap();
        let result = (found.lost(&features), found.duplicated(), found.unexplained_count);
        assert_eq!(result, (0, 0, 0), "lost, duplicated, unexplained: {:?}", found.unexplained);
        assert_eq!(found.predictions + found.dead_letters, written);
        found
    }

    /// Starts a step of `release`.
    pub fn start(&self, step: &str, release: &str, flags: &[String]) -> step::Running {
        let mut command = self.places.command(step);
        command.args(flags);
        self.stage.spawn(command, release).unwrap()
    }

    /// Runs a step to its end and to this verdict.
    pub fn run(&self, step: &str, release: &str, flags: &[String], verdict: &str) -> Ran {
        let ran = self.start(step, release, flags).end().unwrap();
        assert_eq!(ran.code, Some(0), "{step}: {}", ran.log);
        assert_eq!(ran.verdict, verdict, "{step}: {}", ran.reason);
        ran
    }

    /// Packs a model of the demo into an image.
    pub fn image(&self, model: &str, release: &str) -> ModelRef {
        let digest = self.digest(model);
        let ran = self.run("build-image", release, &self.image_flags(model, &digest), "pass");
        ModelRef { image: ran.output("image"), digest }
    }

    pub fn image_flags(&self, model: &str, digest: &str) -> Vec<String> {
        let layout = self.stage.folder().join("images").join(model);
        vec![
            format!("--model={}", self.model(model).display()),
            format!("--model-digest={digest}"),
            format!("--image=oci:{}", layout.display()),
        ]
    }

    /// Makes a model of the demo the stream's first champion; a scorer has to run.
    pub fn bootstrap(&self, model: &str) -> ModelRef {
        let model = self.image(model, "first");
        let mut flags = route_flags(&model);
        flags.push("--strategy=bootstrap".into());
        self.run("promote", "first", &flags, "pass");
        model
    }

    /// The digest of a model of the demo.
    pub fn digest(&self, model: &str) -> String {
        model::digest(&self.model(model)).unwrap().sha256
    }

    /// The file of a model of the demo.
    pub fn model(&self, name: &str) -> PathBuf {
        self.places.root.join(format!("demo/models/{name}.onnx"))
    }

    pub fn route(&self) -> Route {
        self.stage.route().unwrap()
    }

    /// The first `count` records of one of the stream's topics.
    pub fn read(&self, topic: &str, count: usize) -> Vec<Record> {
        let mut reader = self.kafka().reader(topic, &Start::Beginning).unwrap();
        let mut records = Vec::new();
        until("records", || {
            records.extend(reader.next(Duration::from_millis(100)).unwrap());
            (records.len() >= count).then_some(())
        });
        records
    }
}

/// `--model-digest` and `--image`.
pub fn route_flags(model: &ModelRef) -> Vec<String> {
    vec![format!("--model-digest={}", model.digest), format!("--image={}", model.image)]
}

impl Scorer {
    /// How often the group gave it partitions.
    pub fn times_given_partitions(&self) -> usize {
        let log = self.0.log();
        let given = |line: &&str| line.contains("partitions taken") && !line.contains("\"none\"");
        log.lines().filter(given).count()
    }

    /// Waits until the group gave it partitions for the `times`th time.
    pub fn await_partitions(&self, times: usize) {
        until("partitions", || (self.times_given_partitions() >= times).then_some(()));
    }

    /// Sends a signal, `STOP` or `CONT`.
    pub fn signal(&self, name: &str) {
        self.0.signal(name).unwrap();
    }

    /// `kill -9`; it must not have ended before.
    pub fn kill(self) {
        self.0.kill().unwrap();
    }

    /// Asks it to end, which it has to do in order.
    pub fn end(self) {
        self.0.stop(Duration::from_secs(15)).unwrap();
    }
}
