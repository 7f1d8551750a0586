//! The step as a black box: on an in-memory broker, against real registries, with nothing of the caller's
//! environment.
#![expect(clippy::unwrap_used, reason = "tests")]

mod bench;
mod endings;
mod images;
mod memory;

use std::process::Command;

/// Runs a tool that other people wrote and gives its stdout; a missing tool fails the test.
fn tool(package: &str, program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().unwrap_or_else(|error| {
        panic!("{program} does not run ({error}): apt-get install {package}")
    });
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}
