//! What the other scenarios left behind, searched for what must not be there.

use anyhow::ensure;
use kafka::Start;
use serde_json::Value;

use crate::world::{PLANTED, World};

pub(super) fn run(world: &World) -> anyhow::Result<()> {
    let cluster = &world.cluster;
    let mut searched = 0;
    let mut search = |what: String, text: &str| {
        searched += 1;
        ensure!(!text.contains(PLANTED), "{what} holds a planted secret");
        Ok(())
    };
    for kind in ["workflows", "pods", "events", "workflowtaskresults"] {
        search(
            format!("an object of {kind}"),
            &cluster.kubectl(&["get", kind, "--output", "json"])?,
        )?;
    }
    let pods = cluster.list("pods", "")?;
    let mut steps = 0;
    for pod in &pods {
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        let logs = cluster.kubectl(&["logs", name, "--all-containers", "--ignore-errors"]);
        // A scorer whose stream has ended goes away meanwhile.
        if logs.is_err() && cluster.get("pod", name)?.is_none() {
            continue;
        }
        let logs = logs?;
        search(format!("the log of {name}"), &logs)?;
        steps += usize::from(has_no_token(pod, name)?);
    }
    ensure!(steps > 0, "no pod of a step was left to look at");
    let kafka = world.kafka()?;
    let mut events = 0;
    let mut found = false;
    kafka.reader(kafka.events_topic(), &Start::Beginning)?.read_to_end(|record| {
        events += 1;
        let value = record.value.unwrap_or_default();
        found |= String::from_utf8_lossy(&value).contains(PLANTED);
    })?;
    ensure!(events > 0 && !found, "{events} events; a planted secret in one: {found}");
    let reports = world.reports()?;
    ensure!(!reports.is_empty(), "Argo kept no report");
    for report in &reports {
        search(report.display().to_string(), &String::from_utf8_lossy(&std::fs::read(report)?))?;
    }
    Ok(())
}

/// Fails if a step's own container is given a token; whether the pod is one of a step at all.
fn has_no_token(pod: &Value, name: &str) -> anyhow::Result<bool> {
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    let mut main = containers.filter(|container| container["name"] == "main").peekable();
    let of_workflow = &pod["metadata"]["labels"]["workflows.argoproj.io/workflow"];
    let is_step = main.peek().is_some() && of_workflow.is_string();
    if !is_step {
        return Ok(false);
    }
    for container in main {
        let mounts = container["volumeMounts"].as_array().into_iter().flatten();
        let token = mounts
            .filter_map(|mount| mount["mountPath"].as_str())
            .any(|path| path.starts_with("/var/run/secrets/kubernetes.io"));
        ensure!(!token, "the step in {name} is given a token of the API server");
    }
    Ok(is_step)
}
