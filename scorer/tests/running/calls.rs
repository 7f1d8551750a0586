//! Whom a running scorer calls.

use std::time::{Duration, Instant};

use crate::support::World;
use ::routes::Route;
use testkit::calls::{self, Watched};

/// ONNX Runtime made its first call nine seconds after it had loaded a model, and its second six seconds later.
const LONG_ENOUGH: Duration = Duration::from_secs(25);

#[test]
fn the_engine_calls_nobody() {
    if !calls::is_apart("calls::the_engine_calls_nobody") {
        return;
    }
    let mut world = World::new();
    let trace = world.folder.path().join("trace");
    let mut command = calls::traced(&world.command("a"), &trace);
    // A person's setting does not make it call either.
    command.env("ORT_DISABLE_TELEMETRY", "0");
    let running = Watched::start(&mut command);
    world.in_force(Route::bootstrap("s", world.image("Identity")));
    let loaded = Instant::now();
    world.numbers(0..10);
    world.read("s.predictions", 10);
    // That nothing happens cannot be awaited.
    std::thread::sleep(LONG_ENOUGH.saturating_sub(loaded.elapsed()));
    let called = calls::addresses(&trace);
    drop(running);
    assert!(called.contains(&world.broker.brokers()), "{called:?}");
    let stray = called.iter().find(|to| !to.starts_with("127.0.0.1:") || to.ends_with(":53"));
    assert_eq!(stray, None, "{called:?}");
}
