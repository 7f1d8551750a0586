//! Releases that are asked to go less far, or to wait for a person.

use anyhow::ensure;

use super::{PROMOTED, RELEASE, TAKEN_BACK, check, check_told};
use super::{release, release_as, with_champion};
use crate::cluster::until;
use crate::workflow::Workflow;
use crate::world::World;

pub(super) fn dry_run(world: &World) -> anyhow::Result<()> {
    let stream = with_champion(world, "dry-run", "linear")?;
    let before = stream.route()?.generation;
    let release = release(world, &stream, "boosting", &[("dry-run", "true")])?;
    check(&release.end(RELEASE)?, "Succeeded", &[])?;
    check_told(
        &stream,
        &release,
        &["validate-model", "build-image", "shadow-test", "rollback", "conclude"],
    )?;
    ensure!(stream.route()?.generation == before, "a dry run moved the route");
    stream.audit()?;
    Ok(())
}

pub(super) fn approval(world: &World) -> anyhow::Result<()> {
    let stream = with_champion(world, "approval", "linear")?;
    let champion = stream.route()?.champion;
    let more = [("approval", "true"), ("accept", "no-harm")];
    // Nobody says yes in time, which refuses.
    let ignored = release_as(
        world,
        &stream,
        "boosting",
        "approval-ignored",
        &[&more[..], &[("approval-wait", "5s")]].concat(),
    )?;
    check(&ignored.end(RELEASE)?, "Failed", &["before it reached its goal"])?;
    check_told(&stream, &ignored, TAKEN_BACK)?;
    let route = stream.route()?;
    ensure!(route.champion == champion && route.share() == 0.0, "the route is {route:?}");

    let agreed = release_as(world, &stream, "boosting", "approval-agreed", &more)?;
    let waits = || Ok(asks(&agreed)?.then_some(()));
    until(RELEASE, "a question to a person", waits)?;
    ensure!(stream.route()?.champion == champion, "promoted before a person agreed");
    agreed.rest()?;
    let yes =
        ["--output-parameter", "approved=yes", "--node-field-selector", "displayName=approve"];
    world.cluster.argo(&[&["node", "set", &agreed.name], &yes[..]].concat())?;
    agreed.rest()?;
    agreed.ask("resume")?;
    check(&agreed.end(RELEASE)?, "Succeeded", &[])?;
    check_told(&stream, &agreed, PROMOTED)?;
    ensure!(stream.route()?.champion != champion, "not promoted after a person agreed");
    stream.audit()?;
    Ok(())
}

fn asks(release: &Workflow) -> anyhow::Result<bool> {
    let now = release.now()?;
    ensure!(!now.is_over(), "{} ended and asked nobody: {now}", release.name);
    Ok(now.nodes.iter().any(|node| node.task == "approve" && node.phase == "Running"))
}
