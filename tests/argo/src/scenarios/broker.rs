//! The broker goes away in the middle of a canary, and comes back.

use std::time::Duration;

use anyhow::ensure;

use super::{PROMOTED, RELEASE, check, check_told, release};
use crate::stream::Stream;
use crate::world::World;

const AWAY: Duration = Duration::from_secs(30);

pub(super) fn run(world: &World) -> anyhow::Result<()> {
    // A broker of its own: the others of this run shall not suffer.
    let world = world.with_own_broker("away")?;
    let stream = Stream::start(&world, "broker-away")?;
    world.bootstrap(&stream.name, "linear")?;
    let more = [("min-step-time", "20s"), ("brokers", world.brokers.as_str())];
    let release = release(&world, &stream, "boosting", &more)?;
    stream.await_route(RELEASE, "a canary", |route| route.share() > 0.0)?;
    world.pause_broker("away", AWAY)?;
    let ended = release.end(RELEASE)?;
    check(&ended, "Succeeded", &[])?;
    check_told(&stream, &release, PROMOTED)?;
    ensure!(stream.route()?.candidate.is_none(), "the canary was not finished");
    stream.audit()?;
    Ok(())
}
