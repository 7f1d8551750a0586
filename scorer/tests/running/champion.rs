//! A champion that does not end.

use std::time::{Duration, Instant};

use crate::support::{Running, World, eventually, exactly_once, get, onnx, with_address};
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
    assert_eq!(letter.header("reason"), Some("the champion cannot answer: no answer within 2 s"));
    eventually("the probe is green", || {
        get(&address, "/healthz", "").starts_with("HTTP/1.1 200").then_some(())
    });
    let begun = Instant::now();
    world.numbers(BAD..BAD + 1);
    assert_eq!(scorer.end(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn a_champion_that_cannot_be_interrupted_ends_the_scorer_and_says_so() {
    let mut world = World::new();
    let champion = world.image_of("champion", &onnx::long_within_one_operator());
    let mut command = world.command("a");
    command.arg("--champion-deadline=300ms").stderr(std::process::Stdio::piped());
    let mut scorer = Running(command.spawn().unwrap());
    world.in_force(Route::bootstrap("s", champion));
    world.numbers(0..50);
    assert_eq!(world.read("s.predictions", 50).len(), 50);
    let begun = Instant::now();
    // Some minutes of work.
    world.numbers(400_000..400_001);
    let code = scorer.0.wait().unwrap().code();
    let log = std::io::read_to_string(scorer.0.stderr.take().unwrap()).unwrap();
    assert_eq!(code, Some(75), "{log}");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    let said = log.lines().find(|line| line.starts_with("error: the champion sha256:"));
    assert!(said.unwrap().contains("cannot be interrupted"), "{log}");
    assert!(log.contains("hint: roll back to another model"), "{log}");
}
