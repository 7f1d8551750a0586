//! Memory does not grow with the model.

use std::process::Child;
use std::time::Duration;

use testkit::registry::OwnRegistry;

use crate::bench::Bench;

const MODEL: usize = 300 << 20;
const LIMIT_KIB: u64 = 64 << 10;

#[test]
fn three_hundred_mebibytes_pass_through_less_than_sixty_four() {
    let registry = OwnRegistry::new();
    let bench = Bench::with_model(MODEL);
    let remote = format!("{}/model:v1", registry.host);
    for target in [bench.layout("images"), remote] {
        let child = bench.command(&target, &[]).spawn().unwrap();
        let peak = peak_memory_kib(child);
        assert!(peak > 1000, "nothing was measured");
        assert!(peak < LIMIT_KIB, "{target}: {peak} KiB at most");
        assert_eq!(bench.output("verdict"), "pass");
        assert!(bench.output("bytes-sent").parse::<usize>().unwrap() > MODEL);
    }
}

/// Of a child until its end.
fn peak_memory_kib(mut child: Child) -> u64 {
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        peak = testkit::peak_memory_kib(child.id()).unwrap_or(peak);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(child.wait().unwrap().success());
    peak
}
