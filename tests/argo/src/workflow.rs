//! One workflow: submitted, watched, and what became of it.

use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

use crate::cluster::{Cluster, PATIENCE, until};

/// A workflow that was submitted.
#[derive(Clone, Debug)]
pub struct Workflow {
    pub name: String,
    cluster: Cluster,
}

/// A node of a workflow.
#[derive(Clone, Debug)]
pub struct Node {
    pub task: String,
    pub kind: String,
    pub phase: String,
    pub message: String,
    /// RFC 3339; empty while it runs.
    pub started: String,
    pub finished: String,
}

/// How a workflow ended.
#[derive(Debug)]
pub struct Ended {
    pub phase: String,
    pub message: String,
    pub nodes: Vec<Node>,
    /// The last lines of its pods that failed.
    pub logs: Vec<String>,
}

impl Workflow {
    /// Submits a workflow from a template.
    ///
    /// # Errors
    /// Argo refuses it.
    pub fn submit(
        cluster: &Cluster,
        template: &str,
        name: &str,
        parameters: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let from = format!("workflowtemplate/{template}");
        let given: Vec<String> =
            parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut args = vec!["submit", "--from", &from, "--name", name, "--output", "name"];
        for parameter in &given {
            args.extend(["--parameter", parameter]);
        }
        cluster.argo(&args)?;
        Ok(Self::named(cluster, name))
    }

    /// The workflow of this name, whoever made it.
    pub fn named(cluster: &Cluster, name: &str) -> Self {
        Self { name: name.to_owned(), cluster: cluster.clone() }
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// It did not end in time.
    pub fn end(&self, limit: Duration) -> anyhow::Result<Ended> {
        let what = format!("the end of {}", self.name);
        let ended = until(limit, &what, || {
            let ended = self.now()?;
            Ok(ended.is_over().then_some(ended))
        });
        let ended = ended.map(|ended| Ended { logs: self.logs(), ..ended });
        ended.with_context(|| self.now().map_or_else(|e| e.to_string(), |now| now.to_string()))
    }

    /// How it stands.
    ///
    /// # Errors
    /// It is gone.
    pub fn now(&self) -> anyhow::Result<Ended> {
        let found = self.cluster.get("workflow", &self.name)?;
        let found = found.with_context(|| format!("there is no workflow {}", self.name))?;
        let status = &found["status"];
        let nodes = status["nodes"].as_object().into_iter().flat_map(|nodes| nodes.values());
        Ok(Ended {
            phase: text(&status["phase"]),
            message: text(&status["message"]),
            nodes: nodes.map(node).collect(),
            logs: Vec::new(),
        })
    }

    /// Waits until nobody has changed the workflow for a while: a person does not act in the middle of Argo's own
    /// writing either.
    ///
    /// # Errors
    /// It is gone, or does not come to rest.
    pub fn rest(&self) -> anyhow::Result<()> {
        let mut last = Value::Null;
        let mut same = 0;
        until(PATIENCE, &format!("rest of {}", self.name), || {
            let found = self.cluster.get("workflow", &self.name)?;
            let found = found.with_context(|| format!("there is no workflow {}", self.name))?;
            let version = found["metadata"]["resourceVersion"].clone();
            same = if version == last { same + 1 } else { 0 };
            last = version;
            Ok((same >= 2).then_some(()))
        })
    }

    fn logs(&self) -> Vec<String> {
        let labels = format!("workflows.argoproj.io/workflow={}", self.name);
        let pods = self.cluster.list("pods", &labels).unwrap_or_default();
        let failed = pods.iter().filter(|pod| pod["status"]["phase"] == "Failed");
        let names = failed.filter_map(|pod| pod["metadata"]["name"].as_str());
        let log = |name| {
            self.cluster
                .kubectl(&["logs", name, "--container=main", "--tail=8"])
                .unwrap_or_default()
        };
        names.map(log).collect()
    }

    /// `argo stop` and the like.
    ///
    /// # Errors
    /// Argo refuses.
    pub fn ask(&self, verb: &str) -> anyhow::Result<()> {
        self.cluster.argo(&[verb, &self.name]).map(drop)
    }
}

impl Node {
    /// Whether it is a try of this task: `canary-gate` or `canary-gate(0)`.
    pub fn named(&self, task: &str) -> bool {
        self.task == task || self.task.strip_prefix(task).is_some_and(|rest| rest.starts_with('('))
    }
}

impl Ended {
    /// Whether it has ended at all.
    pub fn is_over(&self) -> bool {
        ["Succeeded", "Failed", "Error"].contains(&self.phase.as_str())
    }

    /// The tries of a task that were pods.
    pub fn pods(&self, task: &str) -> Vec<&Node> {
        self.nodes.iter().filter(|node| node.kind == "Pod" && node.named(task)).collect()
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}", self.phase, self.message)?;
        for node in self.nodes.iter().filter(|node| node.kind == "Pod" || node.phase == "Error") {
            write!(f, "\n    {} {} {}", node.task, node.phase, node.message)?;
        }
        for line in self.logs.iter().flat_map(|log| log.lines()) {
            write!(f, "\n      | {line}")?;
        }
        Ok(())
    }
}

fn node(value: &Value) -> Node {
    Node {
        task: text(&value["displayName"]),
        kind: text(&value["type"]),
        phase: text(&value["phase"]),
        message: text(&value["message"]),
        started: text(&value["startedAt"]),
        finished: text(&value["finishedAt"]),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
