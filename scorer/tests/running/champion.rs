//! A champion that does not end.

use std::time::{Duration, Instant};

use crate::support::{World, eventually, exactly_once, get, onnx, with_address};
use ::routes::Route;

const BAD: i64 = 666;

#[test]
fn a_record_at_which_the_champion_loops_goes_to_the_dead_letters() {
    let mut world = World::new();
    let champion = world.image_of("champion", &onnx::endless_at(BAD as f32));
    let (scorer, address) = with_address(world.command("a").arg("--champion-deadline=2s"));
    world.in_force(Route::bootstrap("s", champion));
    world.numbers(0..50);
    world.numbers(BAD..BAD + 1);
    world.numbers(50..100);
    // Before the deadline both probes say who holds it up.
    for probe in ["/healthz", "/readyz"] {
        eventually("the probe is red", || {
            let answer = get(&address, probe, "");
            let red = answer.starts_with("HTTP/1.1 503")
                && answer.contains("the champion is being asked");
            red.then_some(())
        });
    }
    exactly_once(&world.read("s.predictions", 100), 0..100);
    let letter = world.read("s.dead-letters", 1).pop().unwrap();
    assert_eq!(letter.header("id"), Some("r666"));
    assert_eq!(letter.header("reason"), Some("the champion cannot answer: no answer within 2s"));
    eventually("the probe is green", || {
        get(&address, "/healthz", "").starts_with("HTTP/1.1 200").then_some(())
    });
    let begun = Instant::now();
    world.numbers(BAD..BAD + 1);
    assert_eq!(scorer.end(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}
