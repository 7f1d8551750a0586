//! The shipped YAML in namespaces of this run: steps, scorers, events.

use std::path::PathBuf;

use kafka::TopicSpec;
use registry::{Client, Options};
use serde_json::Value;

use crate::broker::client_file;
use crate::cluster::{Cluster, PATIENCE, kustomize, until};
use crate::world::{PLANTED, World, say};

impl World {
    /// A copy with a namespace of its own, in which the shipped YAML is installed with the settings of a stream.
    ///
    /// # Errors
    /// The cluster refuses.
    pub fn with_own_namespace(&self, name: &str, stream: &str) -> anyhow::Result<Self> {
        let namespace = format!("{}-{name}", self.cluster.namespace);
        let folder = testkit::root().join("target/argo").join(&namespace);
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
        // Debian's kcat, on which that step stands, proves itself by SCRAM in a way that Kafka refuses since 3.9.
        let own = Self { mechanism: "PLAIN", ..self.clone() };
        let own = own.with_own_namespace("swapped", "shuttle")?;
        let repository = format!("{}/headgate-test/check-traffic", self.settings.registry);
        let client = Client::new(Options::default());
        let image = crate::python::push(&repository, &client, &own.folder.join("python"))?;
        let template = testkit::root().join("tests/other-language/shadow-test.yaml");
        let template = std::fs::read_to_string(&template)?.replace("IMAGE", &image);
        own.cluster.apply(&template)?;
        Ok(own)
    }

    /// Takes away the namespace of a copy.
    pub fn remove_namespace(&self) {
        let delete = ["delete", "namespace", &self.cluster.namespace, "--wait=false"];
        if let Err(error) = self.cluster.kubectl(&delete) {
            say(&format!("the namespace {} stays: {error}", self.cluster.namespace));
        }
    }

    /// Installs the shipped scorer for a stream; its objects are named `<stream>-…`.
    ///
    /// # Errors
    /// The cluster refuses it.
    pub fn install_scorer(&self, stream: &str) -> anyhow::Result<()> {
        let settings = self.parameters(stream, &self.brokers)?;
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
            "namespace: {1}\ncomponents: [{0}, {0}/credentials]\n{settings}",
            "../../../../workflow-templates/events", self.cluster.namespace
        );
        self.cluster.apply(&self.render("events", &text)?)?;
        for owner in ["eventsource-name=headgate", "sensor-name=model-retrain"] {
            until(PATIENCE, &format!("a pod of {owner}"), || {
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

    /// Installs the CronWorkflow that looks for drift of a stream from a baseline.
    ///
    /// # Errors
    /// The cluster refuses it.
    pub fn install_schedule(&self, stream: &str, baseline: &str) -> anyhow::Result<()> {
        let settings = self.parameters_and(stream, &self.brokers, &[("baseline", baseline)])?;
        let text = format!(
            "namespace: {}\ncomponents: [../../../../workflow-templates/events/schedule]\n{settings}",
            self.cluster.namespace
        );
        self.cluster.apply(&self.render("schedule", &text)?)?;
        Ok(())
    }

    /// Installs the shipped YAML with the settings of a stream.
    pub(crate) fn install(&self, stream: &str) -> anyhow::Result<()> {
        let settings = self.parameters(stream, &self.brokers)?;
        let text = format!(
            "namespace: {}\n\
             resources: [../../../../workflow-templates, store.yaml]\n\
             components: [../../images/kustomize]\n\
             {settings}",
            self.cluster.namespace
        );
        let authority = std::fs::read_to_string(client_file("ca.pem"))?;
        let store = include_str!("../store.yaml")
            .replace("ENDPOINT", &format!("{}:{}", self.settings.host_from_pods, self.store_port()))
            .replace("SECRET", PLANTED)
            .replace("MECHANISM", self.mechanism)
            .replace("CERTIFICATE", &Value::from(authority).to_string());
        let folder = self.scratch("base")?;
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
        let folder = self.scratch(name)?;
        let head = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n";
        std::fs::write(folder.join("kustomization.yaml"), format!("{head}{text}"))?;
        kustomize(&folder)
    }

    /// The ConfigMap `headgate` of these tests, as a team's `parameters.env` would make it.
    ///
    /// # Errors
    /// The registry refuses the schema that it names.
    pub fn parameters(&self, stream: &str, brokers: &str) -> anyhow::Result<String> {
        self.parameters_and(stream, brokers, &[])
    }

    fn parameters_and(
        &self,
        stream: &str,
        brokers: &str,
        more: &[(&str, &str)],
    ) -> anyhow::Result<String> {
        let schema = self.schema(stream)?;
        let pods = &self.settings.registry_from_pods;
        let trained = format!("{pods}/headgate-test/trained");
        let lines = [
            ("stream", stream),
            ("environment", "test"),
            ("brokers", brokers),
            ("kafka-config", "/etc/headgate/kafka/kafka.properties"),
            ("schema", &schema),
            ("holdout", &self.holdout),
            ("champion", "current"),
            ("image", &self.repository()),
            ("base", "scratch"),
            ("plain-http", pods),
            // No scenario is about speed, and the machine does all of this at the same time.
            ("latency-budget", "10s"),
            ("max-p99", "1s"),
            ("records", "3000"),
            ("shares", "25%,50%"),
            ("min-step-time", "2s"),
            ("min-records", "40"),
            ("deadline", "10m"),
            // A stream as young as these, on a machine as busy as this one, forecasts nothing.
            ("undecidable", "go"),
            ("bake", "10s"),
            ("confirm-timeout", "4m"),
            ("artifact", &trained),
            ("train-records", "20000"),
            ("train-min-records", "500"),
        ];
        let literals: String = lines
            .iter()
            .chain(more)
            .map(|(name, value)| format!("      - \"{name}={value}\"\n"))
            .collect();
        Ok(format!(
            "configMapGenerator:\n  - name: headgate\n    literals:\n{literals}    options:\n      \
             disableNameSuffixHash: true\n      labels: {{workflows.argoproj.io/configmap-type: Parameter}}\n"
        ))
    }
}
