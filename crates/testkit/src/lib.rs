//! What tests, benches and the demo stand on; nothing that is shipped depends on it.
//!
//! Nothing is skipped when a tool is missing: the test fails and says how to get it.
//!
//! # Layout
//!
//! - [`kafka`], [`registry`], [`prometheus`]: real servers, each for one test or for the whole run; [`inference`]: a server
//!   of models
//! - [`Stage`], [`FakeScorer`]: a stream with steps run on it as black boxes, and a scorer that errs as a test wants
//! - [`traffic`]: a stream's traffic in memory
//! - [`telemetry`], [`replay`], [`audit`]: a live stream with delayed labels, and whether each of its records was answered
//!   exactly once, by whom
//! - [`programs`], [`calls`], [`rootfs`]: programs, whom they call, and the image that they see
//! - [`workflow`]: the shipped WorkflowTemplates, as Argo reads them
//! - [`browser`]: pages as a reader sees them; [`generated`]: files that are written from code

use std::path::{Path, PathBuf};
use std::time::Duration;

pub mod audit;
pub mod browser;
pub mod calls;
pub mod generated;
mod image;
pub mod inference;
pub mod kafka;
pub mod live;
pub mod programs;
pub mod prometheus;
pub mod registry;
pub mod replay;
pub mod rootfs;
mod scorer;
mod stage;
pub mod step;
pub mod telemetry;
pub mod traffic;
pub mod workflow;

pub use image::write_image;
pub use scorer::{Behaviour, FakeScorer, LabelForm};
pub use stage::{Stage, model};
pub use step::{Ran, Running};

/// Nothing that a test waits for takes longer, unless it is stuck.
pub const PATIENCE: Duration = Duration::from_secs(240);

/// The folder of the workspace.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The folder of the built binaries: `STEP_BIN_DIR`, or where cargo put this test.
///
/// # Panics
/// Never: a running test has a path.
#[must_use]
pub fn binaries() -> PathBuf {
    let beside = || {
        let test = std::env::current_exe().expect("a running test has a path");
        test.ancestors().nth(2).expect("a test lies below the profile's folder").to_owned()
    };
    std::env::var_os("STEP_BIN_DIR").map_or_else(beside, |folder| root().join(folder))
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
