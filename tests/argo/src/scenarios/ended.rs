//! Releases that a person ends in the middle of their canary.

use anyhow::ensure;

use super::{RELEASE, check, check_told, release, with_champion};
use crate::cluster::PATIENCE;
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
    release.ask(verb)?;
    let ended = release.end(RELEASE)?;
    check(&ended, "Failed", &["Stopped with strategy"])?;
    let route = stream.await_route(PATIENCE, "the champion alone", |route| route.share() == 0.0)?;
    ensure!(route.champion == champion, "the route is {route:?}");
    // The gate came to no verdict, and Argo runs no exit handler after `terminate`.
    let before = ["validate-model", "build-image", "shadow-test"];
    let exit: &[&str] = if verb == "stop" { &["rollback", "conclude"] } else { &[] };
    check_told(&stream, &release, &[&before, exit].concat())?;
    stream.audit()?;
    Ok(())
}
