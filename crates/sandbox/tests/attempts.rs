//! What a hostile program tries comes to nothing within the sandbox, and would succeed without.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

fn try_sandbox(task: Option<&str>) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_try-sandbox"));
    let output = command.args(task).stdin(Stdio::null()).output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn whatever_is_tried_is_refused_or_stopped() {
    let (all_refused, text) = try_sandbox(None);
    let mut lines = text.lines();
    let report = lines.next().unwrap();
    let outcomes: BTreeMap<&str, &str> = lines.map(|line| line.split_once(": ").unwrap()).collect();
    assert!(all_refused, "{text}");
    assert_eq!(outcomes.len(), 18, "{text}");
    for (name, outcome) in &outcomes {
        let expected = if *name == "spin" { "stopped: signal: 24" } else { "refused: " };
        assert!(outcome.starts_with(expected), "{name}: {outcome}");
    }
    for part in [
        "64 MiB of memory, 1 s of processor, no new files or sockets",
        "privileges (none",
        "environment (only PORT)",
    ] {
        assert!(report.contains(part), "{report}");
    }
}

#[test]
fn the_same_attempts_succeed_without_the_sandbox() {
    // What needs the parent is asked of this test, and what needs its listener has none here.
    for name in [
        "read-file",
        "list-folder",
        "write-elsewhere",
        "parent-environment",
        "parent-memory",
        "parent-memory-by-call",
        "signal-parent",
        "send-datagram",
        "unix-socket",
        "exec",
        "thread",
        "executable-memory",
        "take-memory",
    ] {
        let (_, text) = try_sandbox(Some(&format!("free:{name}")));
        assert_eq!(text, "done\n", "{name}");
    }
}
