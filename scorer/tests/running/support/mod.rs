//! A broker, a folder of model images and scorers that run as programs.

pub(crate) mod onnx;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use contract::stop::Stop;
use kafka::memory::MemoryBroker;
use kafka::{Kafka, KafkaArgs, Outgoing, Record, Start, TopicSpec, Writer};
use registry::{Client, LayerBuilder, Options, Platform, Recipe, Reference, blocking};
use routes::{
    Confirmation, Confirmations as _, ModelRef, Route, RouteWriter as _, Routes, Scorers,
};

pub(crate) const LIMIT: Duration = Duration::from_secs(60);
pub(crate) const PARTITIONS: i32 = 2;

/// What a scorer needs around it; the stream is `s` and its records have the one number `x`.
pub(crate) struct World {
    pub(crate) broker: MemoryBroker,
    pub(crate) kafka: Kafka,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) writer: Writer,
}

/// A running scorer; it is killed with this value.
pub(crate) struct Running(pub(crate) Child);

impl World {
    pub(crate) fn new() -> Self {
        let broker = MemoryBroker::start(&TopicSpec::of_stream("s", PARTITIONS)).unwrap();
        let kafka = kafka(&broker.brokers());
        let folder = tempfile::tempdir().unwrap();
        let schema = r#"{"stream":"s","format":"json","fields":[{"name":"x","dtype":"float32"}]}"#;
        std::fs::write(folder.path().join("schema.json"), schema).unwrap();
        let writer = kafka.writer().unwrap();
        Self { broker, kafka, folder, writer }
    }

    /// The image of a model of one operator.
    pub(crate) fn image(&self, op: &str) -> ModelRef {
        self.image_of(op, &onnx::one_operator(op))
    }

    /// The image of a model.
    pub(crate) fn image_of(&self, name: &str, model: &[u8]) -> ModelRef {
        let file = self.folder.path().join(format!("{name}.onnx"));
        std::fs::write(&file, model).unwrap();
        let digest = model::digest(&file).unwrap().sha256;
        let layer = LayerBuilder::new().data("/models/model.onnx", &file).unwrap().build().unwrap();
        let recipe = Recipe {
            layers: vec![layer],
            model: Some(("/models/model.onnx".into(), digest.parse().unwrap())),
            ..Recipe::new(Platform::of_this_machine())
        };
        let images: Reference =
            format!("oci:{}", self.folder.path().join("images").display()).parse().unwrap();
        let client = Client::new(Options::default());
        let published =
            blocking::publish(&client, &recipe.assemble().unwrap(), &images, &[]).unwrap();
        ModelRef { digest, image: images.at(&published.digest).to_string() }
    }

    pub(crate) fn command(&self, name: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_scorer"));
        command.env_clear();
        if let Some(library) = std::env::var_os("ORT_DYLIB_PATH") {
            command.env("ORT_DYLIB_PATH", library);
        }
        // By environment, so that a test can say otherwise with a flag.
        let folder = self.folder.path().display();
        command
            .env("HEADGATE_STREAM", "s")
            .env("HEADGATE_NAME", name)
            .env("HEADGATE_HTTP", "127.0.0.1:0")
            .env("HEADGATE_KAFKA_TIMEOUT", "10s")
            .env("HEADGATE_BROKERS", self.broker.brokers())
            .env("HEADGATE_SCHEMA", format!("{folder}/schema.json"))
            .env("HEADGATE_CACHE", format!("{folder}/cache"));
        command
    }

    pub(crate) fn scorer(&self, name: &str) -> Running {
        Running(self.command(name).spawn().unwrap())
    }

    /// Writes the route as the next generation.
    pub(crate) fn route(&self, route: Route) -> Route {
        Routes::open(&self.kafka, "s").unwrap().write(route, "r", "a test", None).unwrap()
    }

    /// Waits until every scorer has confirmed the route, or one refuses.
    pub(crate) fn confirm(&self, route: &Route) -> Confirmation {
        let mut scorers = Scorers::open(&self.kafka, "s").unwrap();
        scorers.confirm(route, LIMIT, &Stop::default()).unwrap()
    }

    pub(crate) fn in_force(&self, route: Route) -> Route {
        let route = self.route(route);
        let confirmation = self.confirm(&route);
        assert!(matches!(confirmation, Confirmation::Confirmed { .. }), "{confirmation:?}");
        route
    }

    /// Writes a feature record with the key `k<n>`.
    pub(crate) fn feature(&mut self, n: i64, value: &str) {
        self.writer
            .send(&Outgoing {
                topic: "s.features".into(),
                partition: Some((n % i64::from(PARTITIONS)) as i32),
                key: Some(format!("k{n}").into_bytes()),
                value: Some(value.as_bytes().to_vec()),
                headers: vec![("id".into(), format!("r{n}").into_bytes())],
            })
            .unwrap();
    }

    /// Writes `{"x": n}` for every `n`.
    pub(crate) fn numbers(&mut self, numbers: std::ops::Range<i64>) {
        for n in numbers {
            self.feature(n, &format!(r#"{{"x":{n}}}"#));
        }
        self.writer.flush().unwrap();
    }

    /// The first `count` records of `topic`, once they are there.
    pub(crate) fn read(&self, topic: &str, count: usize) -> Vec<Record> {
        let mut reader = self.kafka.reader(topic, &Start::Beginning).unwrap();
        let deadline = Instant::now() + LIMIT;
        let mut records = Vec::new();
        while records.len() < count {
            records.extend(reader.next(Duration::from_millis(100)).unwrap());
            assert!(Instant::now() < deadline, "{} of {count} records of {topic}", records.len());
        }
        records
    }
}

/// A scorer and where it serves HTTP, which its first line of log says.
pub(crate) fn with_address(command: &mut Command) -> (Running, String) {
    let mut running = Running(command.stderr(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(running.0.stderr.take().unwrap()).lines();
    let address = lines.find_map(|line| {
        let log: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        log["http"].as_str().map(str::to_owned)
    });
    // Somebody must go on reading, else the scorer would wait for room in the pipe.
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| eprintln!("{line}")));
    (running, address.unwrap())
}

/// The whole answer of the scorer at `address`, with status and headers.
pub(crate) fn get(address: &str, path: &str, headers: &str) -> String {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n{headers}Connection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Waits until `found` gives something.
pub(crate) fn eventually<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within {LIMIT:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl Running {
    /// Asks it to end and waits; returns the exit code.
    pub(crate) fn end(mut self) -> Option<i32> {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").arg(&id).status().unwrap().success());
        self.0.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = (self.0.kill(), self.0.wait());
    }
}

pub(crate) fn kafka(brokers: &str) -> Kafka {
    let kafka_timeout = Duration::from_secs(60);
    let (brokers, events_topic) = (brokers.to_owned(), "headgate.events".to_owned());
    Kafka::new(&KafkaArgs { brokers, kafka_config: None, kafka_timeout, events_topic }).unwrap()
}

/// The prediction's score.
pub(crate) fn score(record: &Record) -> f64 {
    let value: serde_json::Value = serde_json::from_slice(record.value.as_ref().unwrap()).unwrap();
    value["score"].as_f64().unwrap()
}

/// The number in the key `k<n>`.
pub(crate) fn number(record: &Record) -> i64 {
    let key = std::str::from_utf8(record.key.as_ref().unwrap()).unwrap();
    key.strip_prefix('k').unwrap().parse().unwrap()
}

/// Says which numbers of `wanted` are missing or there more than once.
pub(crate) fn exactly_once(records: &[Record], wanted: impl Iterator<Item = i64>) {
    let mut counts = std::collections::BTreeMap::new();
    for record in records {
        *counts.entry(number(record)).or_insert(0) += 1;
    }
    let wrong: Vec<(i64, i32)> = wanted
        .map(|n| (n, counts.get(&n).copied().unwrap_or(0)))
        .filter(|(_, count)| *count != 1)
        .take(20)
        .collect();
    assert!(wrong.is_empty(), "(number, answers): {wrong:?}");
}

/// Exit code and stderr of a scorer that does not start.
pub(crate) fn fails(mut command: Command) -> (Option<i32>, String) {
    let output = command.stdout(Stdio::null()).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}
