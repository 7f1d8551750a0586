//! A pod that goes away in the middle of its step.

use anyhow::{Context, ensure};
use serde_json::Value;

use super::{PROMOTED, RELEASE, check, check_told, release, with_champion};
use crate::cluster::until;
use crate::world::World;

pub(super) fn run(world: &World) -> anyhow::Result<()> {
    let stream = with_champion(world, "pod-lost", "linear")?;
    let release =
        release(world, &stream, "boosting", &[("shares", "50%"), ("min-step-time", "90s")])?;
    stream.await_route(RELEASE, "a canary", |route| route.share() > 0.0)?;
    // Argo makes a pod that went away before it was seen to run again in silence, as the same attempt.
    until(RELEASE, "a gate that Argo has seen running", || {
        let now = release.now()?;
        Ok(now.pods("canary-gate").iter().any(|pod| pod.phase == "Running").then_some(()))
    })?;
    let labels = format!("workflows.argoproj.io/workflow={}", release.name);
    let pods = world.cluster.list("pods", &labels)?;
    let of_gate = |pod: &&Value| {
        let node = &pod["metadata"]["annotations"]["workflows.argoproj.io/node-name"];
        node.as_str().is_some_and(|node| node.contains(".canary-gate("))
    };
    let name = pods.iter().find(of_gate).and_then(|pod| pod["metadata"]["name"].as_str());
    let name = name.with_context(|| format!("no pod of {}'s gate is there", release.name))?;
    world.cluster.kubectl(&["delete", "pod", name, "--wait=false"])?;
    let ended = release.end(RELEASE)?;
    check(&ended, "Succeeded", &[])?;
    ensure!(ended.pods("canary-gate").len() >= 2, "the gate was not tried again: {ended}");
    // Of the two pods of the gate one emitted.
    check_told(&stream, &release, PROMOTED)?;
    stream.audit()?;
    Ok(())
}
