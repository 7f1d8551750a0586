//! What tests of several crates need from the world outside: a real browser, a real Kafka, the inside of an image.
//!
//! Nothing here is skipped when a tool is missing: the test fails and says how to get it.

use std::path::Path;

pub mod browser;
pub mod calls;
pub mod kafka;
pub mod registry;
pub mod rootfs;

/// The folder of the workspace.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Most memory (KiB) that a process has had at a time so far, shared libraries included; `None` once it has ended.
///
/// The kernel keeps the highest, so who asks until the end misses only what came in the last moment.
#[must_use]
pub fn peak_memory_kib(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
