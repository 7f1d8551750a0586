//! What our steps emit: one event type for each verdict of each step, and the type of its `customData.result`.
//!
//! This is an API. Consumers read it by the schemas in `contract/schemas/events/`, which are made from these types;
//! consumers in Rust by [`crate::event::OutcomeEvent::result`]. Numbers are numbers, offsets are ranges with their
//! topic, and whatever a reason says in prose stands in a field as well.

use crate::AnyEventType;

mod canary;
mod drift;
mod facts;
mod image;
mod promotion;
mod release;
mod rollback;
mod shadow;
mod training;
mod validation;

pub use canary::{Canary, CanaryMetric, CanaryShare, Proof, Tally};
pub use drift::{Baseline, Drift, Moved, Since};
pub use facts::{Check, Interval, Model, Offset, Range, offsets, ranges};
pub use image::Packaging;
pub use promotion::Promotion;
pub use release::{Emitted, Release};
pub use rollback::{Answered, Rollback};
pub use shadow::{Shadow, ShadowCheck};
pub use training::Training;
pub use validation::Validation;

/// Every event type of ours, in the order of a release.
pub const ALL: &[AnyEventType] = &[
    types::validation::VALIDATED.any(),
    types::validation::REJECTED.any(),
    types::validation::UNDECIDED.any(),
    types::image::PACKAGED.any(),
    types::image::REFUSED.any(),
    types::shadow::PASSED.any(),
    types::shadow::FAILED.any(),
    types::shadow::UNDECIDED.any(),
    types::canary::PASSED.any(),
    types::canary::FAILED.any(),
    types::canary::UNDECIDED.any(),
    types::promotion::PROMOTED.any(),
    types::promotion::REFUSED.any(),
    types::promotion::UNDECIDED.any(),
    types::rollback::ROLLED_BACK.any(),
    types::rollback::UNNEEDED.any(),
    types::rollback::FAILED.any(),
    types::rollback::UNDECIDED.any(),
    types::drift::DETECTED.any(),
    types::drift::ABSENT.any(),
    types::drift::UNDECIDED.any(),
    types::drift::RECORDED.any(),
    types::drift::NOT_RECORDED.any(),
    types::release::SUCCEEDED.any(),
    types::release::FAILED.any(),
    types::release::UNDECIDED.any(),
    types::training::TRAINED.any(),
    types::training::UNDECIDED.any(),
];

/// The event types of each step.
pub mod types {
    pub use super::canary::types as canary;
    pub use super::drift::types as drift;
    pub use super::image::types as image;
    pub use super::promotion::types as promotion;
    pub use super::release::types as release;
    pub use super::rollback::types as rollback;
    pub use super::shadow::types as shadow;
    pub use super::training::types as training;
    pub use super::validation::types as validation;
}
