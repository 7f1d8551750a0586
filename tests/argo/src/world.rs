//! What all scenarios share: the namespace with the shipped YAML in it, Kafka, files in the registry.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use contract::kafka::{Kafka, KafkaArgs, TopicSpec};
use demo::telemetry::{Reading, live_part};
use registry::{Client, Options};
use serde_json::{Value, json};

use crate::cluster::{Cluster, kustomize, run, until};

/// The bridge of the cluster in `../shared/cluster`, by which pods reach this machine.
const BRIDGE: &str = "10.88.0.1";
/// The ports that the shipped network policy opens for Kafka.
const KAFKA_PORTS: std::ops::RangeInclusive<u16> = 9092..=9098;
/// In every credential that pods are given, so that it can be looked for in all that they leave behind.
pub const PLANTED: &str = "planted-5f3a9c";

/// What the caller says.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the images are pulled from and pushed to, seen from this machine and from the nodes.
    pub registry: String,
    /// The same, seen from pods.
    pub registry_from_pods: String,
    /// This machine, seen from pods.
    pub host_from_pods: String,
    /// The binaries of `cargo build`.
    pub binaries: PathBuf,
}

/// The shared part. A scenario that needs something of its own takes a copy with that replaced.
#[derive(Clone)]
pub struct World {
    pub cluster: Cluster,
    pub settings: Settings,
    pub readings: Arc<Vec<Reading>>,
    pub brokers: String,
    folder: PathBuf,
    files: Files,
}

/// References to what lies in the registry.
#[derive(Clone, Debug)]
struct Files {
    holdout: String,
}

impl Settings {
    /// From the environment: `REGISTRY`, `HOST_FROM_PODS`, `REGISTRY_FROM_PODS`.
    ///
    /// # Errors
    /// Something is missing, with what to set.
    pub fn from_environment(binaries: PathBuf) -> anyhow::Result<Self> {
        let registry = std::env::var("REGISTRY").context(
            "REGISTRY is not set: name the registry that the cluster pulls from, host:port",
        )?;
        let host_from_pods = match std::env::var("HOST_FROM_PODS") {
            Ok(host) => host,
            Err(_) => {
                let here = TcpListener::bind((BRIDGE, 0)).is_ok();
                ensure!(
                    here,
                    "HOST_FROM_PODS is not set: name the address by which pods reach this machine \
                     (with kind, the gateway of its network), for Kafka runs here"
                );
                BRIDGE.to_owned()
            }
        };
        let registry_from_pods = std::env::var("REGISTRY_FROM_PODS").unwrap_or_else(|_| {
            let (host, port) = registry.split_once(':').unwrap_or((&registry, "443"));
            match host {
                "127.0.0.1" | "localhost" => format!("{host_from_pods}:{port}"),
                _ => registry.clone(),
            }
        });
        Ok(Self { registry, registry_from_pods, host_from_pods, binaries })
    }
}

impl World {
    /// Starts Kafka and the artifact store, fills the registry and installs the shipped YAML in a namespace of its own.
    ///
    /// # Errors
    /// Something of that refuses.
    pub fn new(settings: Settings) -> anyhow::Result<Self> {
        let root = harness::root();
        let namespace = format!("headgate-test-{}", std::process::id());
        let folder = root.join("target/argo").join(&namespace);
        std::fs::create_dir_all(&folder)?;
        let brokers = start_kafka("main", &settings.host_from_pods, None)?;
        let readings = Arc::new(live_part(&root.join("demo/shuttle/shuttle.csv.gz"))?);
        let holdout = push(&settings, "holdout", &["demo/shuttle/holdout.csv"])?;
        let cluster = Cluster { namespace };
        let files = Files { holdout };
        let world = Self { cluster, settings, readings, brokers, folder, files };
        world.kafka()?.create_topics(&[
            TopicSpec::new("headgate.events", 4),
            TopicSpec::new("headgate.routes", 1).compacted(),
            TopicSpec::new("headgate.scorers", 1).compacted(),
        ])?;
        world.start_artifact_store()?;
        world.install("shuttle")?;
        Ok(world)
    }

    /// A client of the broker that pods use too.
    ///
    /// # Errors
    /// The address is none.
    pub fn kafka(&self) -> anyhow::Result<Kafka> {
        kafka(&self.brokers)
    }

    /// Where the images of a stream go, as steps in pods name it.
    pub fn repository(&self) -> String {
        format!("{}/headgate-test/shuttle", self.settings.registry_from_pods)
    }

    /// A model of the demo and its golden answers in the registry, as parameters of a release.
    ///
    /// # Errors
    /// The registry refuses.
    pub fn model(&self, name: &str) -> anyhow::Result<Vec<(&'static str, String)>> {
        let files = [format!("demo/models/{name}.onnx"), format!("demo/models/{name}.golden.json")];
        let artifact = push(&self.settings, name, &[&files[0], &files[1]])?;
        Ok(vec![
            ("model", format!("{artifact}#{name}.onnx")),
            ("golden", format!("{artifact}#{name}.golden.json")),
        ])
    }

    /// The schema of a stream of the demo's telemetry, in the registry.
    ///
    /// # Errors
    /// The registry refuses.
    pub fn schema(&self, stream: &str) -> anyhow::Result<String> {
        let path = harness::root().join("demo/shuttle/schema.json");
        let text = std::fs::read_to_string(&path).context("read the demo's schema")?;
        let folder = self.folder.join(format!("schema-{stream}"));
        std::fs::create_dir_all(&folder)?;
        let file = folder.join("schema.json");
        let text = text.replace("\"stream\": \"shuttle\"", &format!("\"stream\": \"{stream}\""));
        ensure!(text.contains(stream), "{} names its stream otherwise now", path.display());
        std::fs::write(&file, text)?;
        push(&self.settings, &format!("schema-{stream}"), &[&file.to_string_lossy()])
    }

    /// Makes a model the first champion of a stream, without the cluster.
    ///
    /// # Errors
    /// `build-image` or `promote` did not pass.
    pub fn bootstrap(&self, stream: &str, brokers: &str, model: &str) -> anyhow::Result<()> {
        let outputs = self.folder.join(format!("bootstrap-{stream}"));
        let step = |name: &str, more: &[String]| {
            let mut command = Command::new(self.settings.binaries.join(name));
            command
                .current_dir(harness::root())
                .args(["--release=first", "--environment=test"])
                .arg(format!("--stream={stream}"))
                .arg(format!("--brokers={brokers}"))
                .arg(format!("--outputs={}", outputs.display()))
                .args(more);
            run(&mut command, None)?;
            let read = |file: &str| std::fs::read_to_string(outputs.join(file)).unwrap_or_default();
            ensure!(read("verdict") == "pass", "{name} of {stream}: {}", read("reason"));
            Ok(outputs.clone())
        };
        let file = format!("demo/models/{model}.onnx");
        let digest = sha256(&harness::root().join(&file))?;
        let built = step(
            "build-image",
            &[
                format!("--model={file}"),
                format!("--model-digest={digest}"),
                "--base=scratch".into(),
                format!("--image={}/headgate-test/shuttle", self.settings.registry_from_pods),
                format!("--plain-http={}", self.settings.registry_from_pods),
            ],
        )?;
        let image = std::fs::read_to_string(built.join("image"))?;
        step(
            "promote",
            &[
                format!("--model-digest={digest}"),
                format!("--image={image}"),
                "--strategy=bootstrap".into(),
                "--confirm-timeout=60s".into(),
            ],
        )?;
        Ok(())
    }

    /// Installs the shipped scorer for a stream; its objects are named `<stream>-…`.
    ///
    /// # Errors
    /// The cluster refuses it.
    pub fn install_scorer(&self, stream: &str) -> anyhow::Result<()> {
        self.install_scorer_at(stream, &self.brokers)
    }

    /// The same for another broker.
    ///
    /// # Errors
    /// The cluster refuses it.
    pub fn install_scorer_at(&self, stream: &str, brokers: &str) -> anyhow::Result<()> {
        let settings = self.parameters(stream, brokers)?;
        let text = format!(
            "namespace: {}\nnamePrefix: {stream}-\n\
             resources: [../../../../workflow-templates/scorer]\n\
             components: [../../images/kustomize]\n\
             labels: [{{pairs: {{stream: {stream}}}, includeSelectors: true}}]\n\
             replicas: [{{name: scorer, count: 1}}]\n\
             {settings}",
            self.cluster.namespace
        );
        self.cluster.apply(&self.render(&format!("scorer-{stream}"), &text)?)?;
        Ok(())
    }

    /// A copy with a broker of its own, which may be harmed.
    ///
    /// # Errors
    /// It does not start.
    pub fn with_own_broker(&self, name: &str) -> anyhow::Result<Self> {
        let brokers = start_kafka(name, &self.settings.host_from_pods, None)?;
        let own = Self { brokers, ..self.clone() };
        own.kafka()?.create_topics(&TopicSpec::of_stream("none", 1))?;
        Ok(own)
    }

    /// Kills the broker of [`Self::with_own_broker`] the hard way, and starts it again with its data after `away`.
    ///
    /// # Errors
    /// It does not run, or does not start again.
    pub fn pause_broker(&self, name: &str, away: Duration) -> anyhow::Result<()> {
        let pid = harness::root().join("target/kafka").join(instance(name)).join("pid");
        let pid =
            std::fs::read_to_string(&pid).with_context(|| format!("read {}", pid.display()))?;
        run(Command::new("kill").args(["-9", pid.trim()]), None)?;
        std::thread::sleep(away);
        let port = self.brokers.rsplit(':').next().unwrap_or_default().parse()?;
        start_kafka(name, &self.settings.host_from_pods, Some(port))?;
        Ok(())
    }

    /// A copy with a namespace of its own, in which the shipped YAML is installed with the settings of a stream.
    ///
    /// # Errors
    /// The cluster refuses.
    pub fn with_own_namespace(&self, name: &str, stream: &str) -> anyhow::Result<Self> {
        let namespace = format!("{}-{name}", self.cluster.namespace);
        let folder = harness::root().join("target/argo").join(&namespace);
        let own = Self { cluster: Cluster { namespace }, folder, ..self.clone() };
        own.install(stream)?;
        Ok(own)
    }

    /// A copy with a namespace of its own, in which steps that do nothing have replaced the shipped ones.
    ///
    /// # Errors
    /// The cluster or the registry refuses.
    pub fn with_empty_steps(&self) -> anyhow::Result<Self> {
        let own = self.with_own_namespace("empty", "shuttle")?;
        crate::noop::replace_steps(&own.cluster, &own.settings.registry, &own.folder.join("noop"))?;
        Ok(own)
    }

    /// A copy with a namespace of its own, in which a team's own shadow test has replaced the shipped one.
    ///
    /// # Errors
    /// The cluster or the registry refuses.
    pub fn with_own_shadow_test(&self) -> anyhow::Result<Self> {
        let own = self.with_own_namespace("swapped", "shuttle")?;
        let repository = format!("{}/headgate-test/check-traffic", self.settings.registry);
        let client = Client::new(Options::default());
        let image = crate::python::push(&repository, &client, &own.folder.join("python"))?;
        let template = harness::root().join("tests/other-language/shadow-test.yaml");
        let template = std::fs::read_to_string(&template)?.replace("IMAGE", &image);
        own.cluster.apply(&template)?;
        Ok(own)
    }

    /// Takes away the namespace of a copy.
    pub fn remove_namespace(&self) {
        let delete = ["delete", "namespace", &self.cluster.namespace, "--wait=false"];
        if let Err(error) = self.cluster.kubectl(&delete) {
            tell(&format!("the namespace {} stays: {error}", self.cluster.namespace));
        }
    }

    /// Installs event bus, event source and sensor for a stream, and waits until they run.
    ///
    /// # Errors
    /// The cluster refuses, or they do not come up.
    pub fn install_events(&self, stream: &str) -> anyhow::Result<()> {
        self.kafka()?.create_topics(&[
            TopicSpec::new("headgate.bus", 1),
            TopicSpec::new("headgate.bus-model-retrain-trigger", 1),
            TopicSpec::new("headgate.bus-model-retrain-action", 1),
            TopicSpec::new("headgate.events.dead-letters", 1),
        ])?;
        let settings = self.parameters(stream, &self.brokers)?;
        let text = format!(
            "namespace: {}\ncomponents: [../../../../workflow-templates/events]\n{settings}",
            self.cluster.namespace
        );
        self.cluster.apply(&self.render("events", &text)?)?;
        for owner in ["eventsource-name=headgate", "sensor-name=model-retrain"] {
            until(Duration::from_secs(180), &format!("a pod of {owner}"), || {
                let pods = self.cluster.list("pods", owner)?;
                let ready = |pod: &Value| {
                    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
                    conditions.clone().any(|it| it["type"] == "Ready" && it["status"] == "True")
                };
                Ok(pods.iter().any(ready).then_some(()))
            })?;
        }
        Ok(())
    }

    /// A baseline for a stream, of readings that are far from the telemetry's, in the registry.
    ///
    /// # Errors
    /// `detect-drift` does not make one.
    pub fn foreign_baseline(&self, stream: &str) -> anyhow::Result<String> {
        let folder = self.scratch("baseline")?;
        let mut lines = String::new();
        for reading in self.readings.iter().take(3_000) {
            let mut values: serde_json::Map<String, Value> = serde_json::from_str(&reading.json)?;
            for value in values.values_mut() {
                *value = json!(value.as_f64().unwrap_or_default() * 1.5 + 40.0);
            }
            lines.push_str(&serde_json::to_string(&values)?);
            lines.push('\n');
        }
        std::fs::write(folder.join("reference.jsonl"), lines)?;
        let schema = self.schema(stream)?;
        let mut command = Command::new(self.settings.binaries.join("detect-drift"));
        command
            .args(["--mode=baseline", "--release=baseline", "--environment=test"])
            .arg(format!("--stream={stream}"))
            .arg(format!("--schema={schema}"))
            .arg(format!("--plain-http={}", self.settings.registry_from_pods))
            .arg(format!("--reference={}", folder.join("reference.jsonl").display()))
            .arg(format!("--brokers={}", self.brokers))
            .arg(format!("--outputs={}", folder.display()));
        run(&mut command, None)?;
        let baseline = folder.join("baseline.json");
        let artifact = push(&self.settings, "baseline", &[&baseline.to_string_lossy()])?;
        Ok(format!("{artifact}#baseline.json"))
    }

    /// The reports that Argo kept.
    ///
    /// # Errors
    /// The store's folder cannot be read.
    pub fn reports(&self) -> anyhow::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.join("store/data")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder)? {
                let path = entry?.path();
                if path.is_dir() { folders.push(path) } else { found.push(path) }
            }
        }
        Ok(found)
    }

    /// Ends what this run started, but keeps the namespace where `keep` says so.
    pub fn end(self, keep: bool) {
        if !keep {
            self.remove_namespace();
        }
        let store = self.folder.join("store");
        let _ended = Command::new(harness::root().join("tests/argo/artifact-store"))
            .args(["down"])
            .arg(store)
            .status();
    }

    fn install(&self, stream: &str) -> anyhow::Result<()> {
        let settings = self.parameters(stream, &self.brokers)?;
        let text = format!(
            "namespace: {}\n\
             resources: [../../../../workflow-templates, store.yaml]\n\
             components: [../../images/kustomize]\n\
             {settings}",
            self.cluster.namespace
        );
        let store = include_str!("../store.yaml")
            .replace("ENDPOINT", &format!("{}:{}", self.settings.host_from_pods, self.store_port()))
            .replace("SECRET", PLANTED);
        let folder = self.folder.join("base");
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("store.yaml"), store)?;
        let rendered = self.render("base", &text)?;
        // The namespace first: nothing can be put into one that is not there.
        let (namespace, rest): (Vec<&str>, Vec<&str>) =
            rendered.split("\n---\n").partition(|object| object.contains("\nkind: Namespace\n"));
        self.cluster.apply(&namespace.join("\n---\n"))?;
        self.cluster.apply(&rest.join("\n---\n"))?;
        Ok(())
    }

    /// An empty folder of this run.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn scratch(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.folder.join(name);
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// A kustomization with this text, rendered.
    ///
    /// # Errors
    /// It does not render.
    pub fn render(&self, name: &str, text: &str) -> anyhow::Result<String> {
        let folder = self.folder.join(name);
        std::fs::create_dir_all(&folder)?;
        let head = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n";
        std::fs::write(folder.join("kustomization.yaml"), format!("{head}{text}"))?;
        kustomize(&folder)
    }

    /// The ConfigMap `headgate` of these tests, as a team's `parameters.env` would make it.
    ///
    /// # Errors
    /// The registry refuses the schema that it names.
    pub fn parameters(&self, stream: &str, brokers: &str) -> anyhow::Result<String> {
        let schema = self.schema(stream)?;
        let pods = &self.settings.registry_from_pods;
        let trained = format!("{pods}/headgate-test/trained");
        let lines = [
            ("stream", stream),
            ("environment", "test"),
            ("brokers", brokers),
            ("kafka-config", "/etc/headgate/kafka/kafka.properties"),
            ("schema", &schema),
            ("holdout", &self.files.holdout),
            ("champion", "current"),
            ("image", &self.repository()),
            ("base", "scratch"),
            ("plain-http", pods),
            ("latency-budget", "2s"),
            ("records", "3000"),
            ("shares", "25%,50%"),
            ("min-step-time", "2s"),
            ("min-records", "40"),
            ("deadline", "5m"),
            ("bake", "10s"),
            ("confirm-timeout", "60s"),
            ("artifact", &trained),
            ("train-records", "20000"),
            ("train-min-records", "500"),
        ];
        let literals: String =
            lines.iter().map(|(name, value)| format!("      - \"{name}={value}\"\n")).collect();
        Ok(format!(
            "configMapGenerator:\n  - name: headgate\n    literals:\n{literals}    options:\n      \
             disableNameSuffixHash: true\n      labels: {{workflows.argoproj.io/configmap-type: Parameter}}\n"
        ))
    }

    fn store_port(&self) -> u16 {
        // One store a run; a port that follows from the process keeps two runs apart.
        (20_000 + std::process::id() % 10_000) as u16
    }

    fn start_artifact_store(&self) -> anyhow::Result<()> {
        let address = format!("{}:{}", self.settings.host_from_pods, self.store_port());
        let mut command = Command::new(harness::root().join("tests/argo/artifact-store"));
        command.arg("up").arg(self.folder.join("store")).args([&address, PLANTED]);
        // Its streams must not be pipes that the server behind it would hold open.
        let status = command.status().context("start tests/argo/artifact-store")?;
        ensure!(status.success(), "the artifact store did not start");
        Ok(())
    }
}

/// Starts a broker that pods can reach, until this process ends; its address.
fn start_kafka(name: &str, host: &str, port: Option<u16>) -> anyhow::Result<String> {
    let free = || KAFKA_PORTS.into_iter().find(|port| TcpListener::bind((host, *port)).is_ok());
    let port = port
        .or_else(free)
        .context("none of the ports 9092 to 9098 is free; end what listens there")?;
    let mut command = Command::new(harness::root().join("scripts/kafka"));
    command
        .args(["up", &instance(name)])
        .env("KAFKA_PORT", port.to_string())
        .env("KAFKA_LISTEN", host)
        .env("KAFKA_WITH_PID", std::process::id().to_string());
    Ok(run(&mut command, None)?.trim().to_owned())
}

fn instance(name: &str) -> String {
    format!("argo-{name}-{}", std::process::id())
}

/// A client of the broker at this address.
///
/// # Errors
/// The address is none.
pub fn kafka(brokers: &str) -> anyhow::Result<Kafka> {
    Kafka::new(&KafkaArgs {
        brokers: brokers.to_owned(),
        kafka_config: None,
        // Longer than the broker is away in any scenario.
        kafka_timeout: Duration::from_secs(120),
        events_topic: "headgate.events".into(),
    })
}

/// Says something about the run itself, beside its results.
#[expect(clippy::print_stderr, reason = "stdout is for the results")]
pub fn tell(text: &str) {
    eprintln!("test-argo: {text}");
}

/// The digest of a file, `sha256:<hex>`.
///
/// # Errors
/// It cannot be read.
pub fn sha256(path: &Path) -> anyhow::Result<String> {
    let text = run(Command::new("sha256sum").arg(path), None)?;
    Ok(format!("sha256:{}", text.split_whitespace().next().unwrap_or_default()))
}

/// Pushes files of this checkout as an artifact; its reference, as pods see it.
fn push(settings: &Settings, name: &str, files: &[&str]) -> anyhow::Result<String> {
    let reference = format!("{}/headgate-test/{name}", settings.registry_from_pods);
    let mut command = Command::new(settings.binaries.join("push-files"));
    command
        .current_dir(harness::root())
        .arg(format!("--plain-http={}", settings.registry_from_pods))
        .arg(&reference)
        .args(files);
    Ok(format!("oci://{}", run(&mut command, None)?.trim().trim_start_matches("oci://")))
}
