//! What tests of several crates need from the world outside: a real browser, a real Kafka, the inside of an image.
//!
//! Nothing here is skipped when a tool is missing: the test fails and says how to get it.

use std::path::Path;

pub mod browser;
pub mod kafka;
pub mod registry;
pub mod rootfs;

/// The folder of the workspace.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
