//! Releases that a person ends in the middle of their canary.

use std::time::Duration;

use anyhow::ensure;

use super::{RELEASE, check, release, told, with_champion};
use crate::world::World;

pub(super) fn stopped(world: &World) -> anyhow::Result<()> {
    in_mid_canary(world, "stopped", "stop")
}

pub(super) fn terminated(world: &World) -> anyhow::Result<()> {
    in_mid_canary(world, "terminated", "terminate")
}

fn in_mid_canary(world: &World, name: &str, verb: &str) -> anyhow::Result<()> {
    let stream = with_champion(world, name, "linear")?;
    let champion = stream.route()?.champion;
    let release =
        release(world, &stream, "boosting", &[("min-step-time", "1h"), ("deadline", "3h")])?;
    stream.await_route(RELEASE, "a canary", |route| route.share() > 0.0)?;
    release.tell(verb)?;
    let ended = release.end(RELEASE)?;
    check(&ended, "Failed", &["Stopped with strategy"])?;
    let route = stream
        .await_route(Duration::from_secs(60), "the champion alone", |route| route.share() == 0.0)?;
    ensure!(route.champion == champion, "the route is {route:?}");
    let steps: Vec<String> =
        told(&stream, &release)?.into_iter().map(|event| event.custom_data.step).collect();
    // Argo runs no exit handler after `terminate`.
    ensure!(
        steps.iter().any(|step| step == "conclude") == (verb == "stop"),
        "after argo {verb} these told an outcome: {steps:?}"
    );
    stream.audit()?;
    Ok(())
}
