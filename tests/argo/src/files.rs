//! What releases name: models, schemas and baselines in the registry, and the reports that Argo kept.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::broker::client_file;
use crate::cluster::run;
use crate::settings::Settings;
use crate::world::World;

impl World {
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
        let path = testkit::root().join("demo/shuttle/schema.json");
        let text = std::fs::read_to_string(&path).context("read the demo's schema")?;
        let folder = self.scratch(&format!("schema-{stream}"))?;
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
    pub fn bootstrap(&self, stream: &str, model: &str) -> anyhow::Result<()> {
        let outputs = self.folder.join(format!("bootstrap-{stream}"));
        let step = |name: &str, more: &[String]| {
            let mut command = Command::new(self.settings.binaries.join(name));
            command
                .current_dir(testkit::root())
                .args(["--release=first", "--environment=test"])
                .arg(format!("--stream={stream}"))
                .args(self.kafka_flags())
                .arg(format!("--outputs={}", outputs.display()))
                .args(more);
            run(&mut command, None)?;
            let read = |file: &str| std::fs::read_to_string(outputs.join(file)).unwrap_or_default();
            ensure!(read("verdict") == "pass", "{name} of {stream}: {}", read("reason"));
            Ok(outputs.clone())
        };
        let file = format!("demo/models/{model}.onnx");
        let digest = sha256(&testkit::root().join(&file))?;
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
                format!("--plain-http={}", self.settings.registry_from_pods),
                "--confirm-timeout=4m".into(),
            ],
        )?;
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
            .args(self.kafka_flags())
            .arg(format!("--outputs={}", folder.display()));
        run(&mut command, None)?;
        let baseline = folder.join("baseline.json");
        let artifact = push(&self.settings, "baseline", &[&baseline.to_string_lossy()])?;
        Ok(format!("{artifact}#baseline.json"))
    }

    /// What a step that runs beside the tests needs, to speak to the broker.
    fn kafka_flags(&self) -> [String; 2] {
        let config = client_file("client.properties");
        [format!("--brokers={}", self.brokers), format!("--kafka-config={}", config.display())]
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
pub(crate) fn push(settings: &Settings, name: &str, files: &[&str]) -> anyhow::Result<String> {
    let reference = format!("{}/headgate-test/{name}", settings.registry_from_pods);
    let mut command = Command::new(settings.binaries.join("push-files"));
    command
        .current_dir(testkit::root())
        .arg(format!("--plain-http={}", settings.registry_from_pods))
        .arg(&reference)
        .args(files);
    Ok(format!("oci://{}", run(&mut command, None)?.trim().trim_start_matches("oci://")))
}
