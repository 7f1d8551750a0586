//! The four ways a release can end by its own verdicts.

use anyhow::ensure;

use super::{PROMOTED, RELEASE, TAKEN_BACK, check, check_told, release, with_champion};
use crate::files::sha256;
use crate::world::World;

pub(super) fn promoted(world: &World) -> anyhow::Result<()> {
    let stream = with_champion(world, "promoted", "linear")?;
    let release = release(world, &stream, "boosting", &[])?;
    check(&release.end(RELEASE)?, "Succeeded", &[])?;
    check_told(&stream, &release, PROMOTED)?;
    let digest = sha256(&testkit::root().join("demo/models/boosting.onnx"))?;
    let route = stream.route()?;
    ensure!(route.champion.digest == digest && route.candidate.is_none(), "the route is {route:?}");
    let found = stream.audit()?;
    ensure!(found.by_model(&digest).0 > 0, "the promoted model answered nothing");
    Ok(())
}

pub(super) fn rejected(world: &World) -> anyhow::Result<()> {
    let stream = with_champion(world, "rejected", "linear")?;
    let before = stream.route()?.generation;
    let release = release(world, &stream, "broken-width", &[])?;
    check(&release.end(RELEASE)?, "Failed", &["validate-model fail"])?;
    check_told(&stream, &release, &["validate-model", "rollback", "conclude"])?;
    ensure!(stream.route()?.generation == before, "a rejected model moved the route");
    stream.audit()?;
    Ok(())
}

pub(super) fn rolled_back(world: &World) -> anyhow::Result<()> {
    let stream = with_champion(world, "rolled-back", "boosting")?;
    let champion = stream.route()?.champion;
    let release = release(world, &stream, "blind-spot", &[])?;
    check(&release.end(RELEASE)?, "Failed", &["canary-gate fail", "harm"])?;
    check_told(&stream, &release, TAKEN_BACK)?;
    let route = stream.route()?;
    ensure!(route.champion == champion && route.share() == 0.0, "the route is {route:?}");
    let bad = sha256(&testkit::root().join("demo/models/blind-spot.onnx"))?;
    let (answers, last) = stream.audit()?.by_model(&bad);
    ensure!(
        answers > 0 && last < Some(route.generation),
        "{answers} answers, the last in {last:?}"
    );
    Ok(())
}

pub(super) fn blue_green(world: &World) -> anyhow::Result<()> {
    let stream = with_champion(world, "blue-green", "boosting")?;
    let champion = stream.route()?.champion;
    let more = [("strategy", "blue-green"), ("min-step-time", "2m")];
    let release = release(world, &stream, "blind-spot", &more)?;
    stream.await_route(RELEASE, "the switch of the whole stream", |route| route.share() == 1.0)?;
    check(&release.end(RELEASE)?, "Failed", &["canary-gate fail", "harm"])?;
    check_told(&stream, &release, TAKEN_BACK)?;
    let route = stream.route()?;
    ensure!(route.champion == champion && route.share() == 0.0, "the route is {route:?}");
    stream.audit()?;
    Ok(())
}
