//! A pod that goes away in the middle of its step.

use anyhow::ensure;

use super::{RELEASE, check, release, told, with_champion};
use crate::world::World;

pub(super) fn run(world: &World) -> anyhow::Result<()> {
    let stream = with_champion(world, "pod-lost", "linear")?;
    let release = release(world, &stream, "boosting", &[("min-step-time", "10s")])?;
    stream.await_route(RELEASE, "a canary", |route| route.share() > 0.0)?;
    let labels = format!("workflows.argoproj.io/workflow={}", release.name);
    let pods = world.cluster.list("pods", &labels)?;
    let running = pods.iter().find(|pod| pod["status"]["phase"] == "Running");
    let Some(name) = running.and_then(|pod| pod["metadata"]["name"].as_str()) else {
        anyhow::bail!("no pod of {} is running", release.name);
    };
    world.cluster.kubectl(&["delete", "pod", name, "--wait=false"])?;
    let ended = release.end(RELEASE)?;
    check(&ended, "Succeeded", &[])?;
    ensure!(ended.pods("canary-gate").len() >= 2, "the gate was not tried again: {ended}");
    let gates = told(&stream, &release)?;
    let gates = gates.iter().filter(|event| event.custom_data.step == "canary-gate").count();
    ensure!(gates == 1, "{gates} outcomes of one gate");
    stream.audit()?;
    Ok(())
}
