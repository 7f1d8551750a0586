//! What crosses parts: names, templates, docs, real Kafka, faults.
//!
//! The list of steps stands here once; `names.rs` holds it against the folders.

pub mod templates;

use std::path::{Path, PathBuf};

use contract::describe::{Description, describe};
use contract::{AnyEventType, Step};

/// A step as the tests look at it.
pub struct StepUnderTest {
    pub name: &'static str,
    pub command: fn() -> clap::Command,
    pub describe: fn() -> Description,
    pub events: &'static [AnyEventType],
}

/// Every step, in the order of a release.
pub fn steps() -> Vec<StepUnderTest> {
    vec![
        of::<validate_model::ValidateModel>(),
        of::<build_image::BuildImage>(),
        of::<shadow_test::ShadowTest>(),
        of::<canary_gate::CanaryGate>(),
        of::<promote::Promote>(),
        of::<rollback::Rollback>(),
        of::<detect_drift::DetectDrift>(),
        of::<conclude::Conclude>(),
        of::<train_linear::TrainLinear>(),
    ]
}

/// The checkout.
pub fn root() -> &'static Path {
    testkit::root()
}

/// The folder of the built binaries, see [`testkit::binaries`].
///
/// # Panics
/// When a step is not built; `make test` builds them first.
pub fn binaries() -> PathBuf {
    let folder = testkit::binaries();
    for step in steps() {
        let binary = folder.join(step.name);
        assert!(
            binary.exists(),
            "{} is not built: run `cargo build --workspace --bins` first",
            binary.display()
        );
    }
    folder
}

fn of<S: Step>() -> StepUnderTest {
    StepUnderTest {
        name: S::NAME,
        command: contract::step::command::<S>,
        describe: describe::<S>,
        events: S::EVENTS,
    }
}
