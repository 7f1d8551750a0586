//! A stream on a real Kafka with everything that runs on it, as programs.

use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use kafka::{Kafka, KafkaArgs, Reader, Record, Start, TopicSpec};
use routes::{Follower, ModelRef, Route};
use serde_json::Value;
use testkit::audit::{Audit, Findings};
use testkit::programs::{Places, Running};
use testkit::replay::{Pace, Replay};

/// Nothing here takes longer unless it is stuck.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);
const PARTITIONS: i32 = 4;

/// A stream of its own.
pub(crate) struct Live {
    pub(crate) kafka: Kafka,
    brokers: String,
    /// Where `--kafka-config` stands, for a broker that is not open to all.
    config: Option<PathBuf>,
    pub(crate) stream: String,
    pub(crate) places: Places,
    pub(crate) schema: PathBuf,
    folder: tempfile::TempDir,
}

/// A scorer that runs; dropping it is `kill -9`.
pub(crate) struct Scorer {
    running: Running,
    log: PathBuf,
}

/// A step that runs; killed with this value.
pub(crate) struct Step {
    child: Child,
    pub(crate) outputs: PathBuf,
    pub(crate) progress: PathBuf,
    log: PathBuf,
}

/// A step that ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: ExitStatus,
    pub(crate) outputs: PathBuf,
    pub(crate) log: String,
}

/// A client of a broker that is open to all.
pub(crate) fn client(brokers: &str) -> Kafka {
    client_with(brokers, None)
}

fn client_with(brokers: &str, config: Option<PathBuf>) -> Kafka {
    Kafka::new(&KafkaArgs {
        brokers: brokers.to_owned(),
        kafka_config: config,
        // A record that is under way has to outlive the time in which a broker starts again.
        kafka_timeout: LIMIT,
        events_topic: "headgate.events".into(),
    })
    .unwrap()
}

/// Asks again and again until there is an answer.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
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
    pub(crate) fn new(name: &str) -> Self {
        Self::on(testkit::kafka::bootstrap(), None, name)
    }

    /// A stream on this Kafka.
    pub(crate) fn on(brokers: &str, config: Option<PathBuf>, name: &str) -> Self {
        let (kafka, stream) = (client_with(brokers, config.clone()), testkit::kafka::unique(name));
        kafka.create_topics(&TopicSpec::of_stream(&stream, PARTITIONS)).unwrap();
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        // The demo's schema, for a stream of another name.
        let root = pipeline_tests::root().to_owned();
        let schema = std::fs::read(root.join("demo/shuttle/schema.json")).unwrap();
        let mut schema: Value = serde_json::from_slice(&schema).unwrap();
        schema["stream"] = stream.clone().into();
        let path = folder.path().join("schema.json");
        std::fs::write(&path, schema.to_string()).unwrap();
        let binaries = pipeline_tests::binaries();
        let places = Places { binaries, root, out: folder.path().to_owned() };
        let brokers = brokers.to_owned();
        Self { kafka, brokers, config, stream, places, schema: path, folder }
    }

    /// Starts a scorer.
    pub(crate) fn scorer(&self, name: &str) -> Scorer {
        let mut command = self.command("scorer");
        command
            .arg(format!("--schema={}", self.schema.display()))
            .arg(format!("--cache={}", self.folder.path().join("cache").display()))
            .args(["--http=127.0.0.1:0", &format!("--name={name}")]);
        let log = self.folder.path().join(testkit::kafka::unique("scorer"));
        let running = Running::start("scorer", &mut command, &log).unwrap();
        Scorer { running, log }
    }

    /// A program that knows the broker and the stream.
    fn command(&self, program: &str) -> Command {
        let mut command = self.places.command(program);
        let flags = [("brokers", &self.brokers), ("stream", &self.stream)];
        command.args(flags.map(|(name, value)| format!("--{name}={value}")));
        command.args(self.config.iter().map(|file| format!("--kafka-config={}", file.display())));
        command
    }

    /// Starts to write telemetry.
    pub(crate) fn replay(&self, rate: u32) -> Replay {
        let telemetry = self.places.root.join("demo/shuttle/shuttle.csv.gz");
        let readings = testkit::telemetry::live_part(&telemetry).unwrap();
        let label_delay = Duration::from_millis(100);
        let pace = Pace { stream: self.stream.clone(), partitions: PARTITIONS, rate, label_delay };
        Replay::start(&self.kafka, pace, readings).unwrap()
    }

    pub(crate) fn audit(&self) -> Audit {
        Audit::start(&self.kafka, &self.stream).unwrap()
    }

    /// Waits until all that was `written` is answered, and holds the audit's findings against it.
    pub(crate) fn assert_exactly_once(&self, written: u64, audit: Audit) -> Findings {
        let features = self.kafka.extent(&stream::Topics::of(&self.stream).features).unwrap();
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
    pub(crate) fn start(&self, step: &str, release: &str, flags: &[String]) -> Step {
        let folder = self.folder.path().join(testkit::kafka::unique(step));
        std::fs::create_dir(&folder).unwrap();
        let outputs = folder.join("outputs");
        let (progress, log) = (folder.join("progress"), folder.join("log"));
        let child = self
            .command(step)
            .arg(format!("--release={release}"))
            .arg(format!("--outputs={}", outputs.display()))
            .args(flags)
            .env("ARGO_PROGRESS_FILE", &progress)
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Step { child, outputs, progress, log }
    }

    /// Runs a step to its end and to this verdict.
    pub(crate) fn run(&self, step: &str, release: &str, flags: &[String], verdict: &str) -> Ran {
        let ran = self.start(step, release, flags).end();
        assert!(ran.status.success(), "{step}: {}\n{}", ran.status, ran.log);
        assert_eq!(ran.output("verdict"), verdict, "{step}: {}", ran.output("reason"));
        ran
    }

    /// Packs a model of the demo into an image.
    pub(crate) fn image(&self, model: &str, release: &str) -> ModelRef {
        let digest = self.digest(model);
        let ran = self.run("build-image", release, &self.image_flags(model, &digest), "pass");
        ModelRef { image: ran.output("image"), digest }
    }

    pub(crate) fn image_flags(&self, model: &str, digest: &str) -> Vec<String> {
        let layout = self.folder.path().join("images").join(model);
        vec![
            format!("--model={}", self.model(model).display()),
            format!("--model-digest={digest}"),
            format!("--image=oci:{}", layout.display()),
        ]
    }

    /// Makes a model of the demo the stream's first champion; a scorer has to run.
    pub(crate) fn bootstrap(&self, model: &str) -> ModelRef {
        let model = self.image(model, "first");
        let mut flags = route_flags(&model);
        flags.push("--strategy=bootstrap".into());
        self.run("promote", "first", &flags, "pass");
        model
    }

    /// The digest of a model of the demo.
    pub(crate) fn digest(&self, model: &str) -> String {
        model::digest(&self.model(model)).unwrap().sha256
    }

    /// The file of a model of the demo.
    pub(crate) fn model(&self, name: &str) -> PathBuf {
        self.places.root.join(format!("demo/models/{name}.onnx"))
    }

    pub(crate) fn route(&self) -> Route {
        routes::read(&self.kafka, &self.stream).unwrap().unwrap()
    }

    /// Waits for a route that `wanted` describes.
    pub(crate) fn await_route(&self, wanted: &dyn Fn(&Route) -> bool) -> Route {
        let mut routes = Follower::open(&self.kafka, &self.stream, &Start::Beginning).unwrap();
        until("a route", || {
            let entry = routes.next(Duration::from_millis(100)).unwrap()?;
            entry.route().filter(|route| wanted(route))
        })
    }

    /// The first `count` records of one of the stream's topics.
    pub(crate) fn read(&self, topic: &str, count: usize) -> Vec<Record> {
        let topic = format!("{}.{topic}", self.stream);
        let mut reader: Reader = self.kafka.reader(&topic, &Start::Beginning).unwrap();
        let mut records = Vec::new();
        until("records", || {
            records.extend(reader.next(Duration::from_millis(100)).unwrap());
            (records.len() >= count).then_some(())
        });
        records
    }
}

/// `--model-digest` and `--image`.
pub(crate) fn route_flags(model: &ModelRef) -> Vec<String> {
    vec![format!("--model-digest={}", model.digest), format!("--image={}", model.image)]
}

impl Scorer {
    /// How often the group gave it partitions.
    pub(crate) fn times_given_partitions(&self) -> usize {
        let log = std::fs::read_to_string(&self.log).unwrap();
        let given = |line: &&str| line.contains("partitions taken") && !line.contains("\"none\"");
        log.lines().filter(given).count()
    }

    /// Waits until the group gave it partitions for the `times`th time.
    pub(crate) fn await_partitions(&self, times: usize) {
        until("partitions", || (self.times_given_partitions() >= times).then_some(()));
    }

    /// Sends a signal, `STOP` or `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        let kill = std::process::Command::new("kill")
            .args([format!("-{name}"), self.running.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
    }

    /// `kill -9`; it must not have ended before.
    pub(crate) fn kill(mut self) {
        assert_eq!(self.running.ended().unwrap(), None, "it was over before the kill");
    }

    /// Asks it to end, which it has to do in order.
    pub(crate) fn end(self) {
        self.running.stop(Duration::from_secs(15)).unwrap();
    }
}

impl Step {
    /// Waits until it ends by itself.
    pub(crate) fn end(mut self) -> Ran {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(started.elapsed() < LIMIT, "it does not end:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        };
        Ran { status, outputs: self.outputs.clone(), log: self.log() }
    }

    /// `kill -9`; it must not have ended before.
    pub(crate) fn kill(mut self) {
        use std::os::unix::process::ExitStatusExt;
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        assert_eq!(status.signal(), Some(9), "it was over before the kill:\n{}", self.log());
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        // Over already is as good.
        let _killed = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Ran {
    pub(crate) fn output(&self, name: &str) -> String {
        std::fs::read_to_string(self.outputs.join(name)).unwrap_or_default()
    }
}
