//! What tests of steps stand on: a stage (broker, topics, route, running a step as a black box) and a scorer.
//!
//! Behind the feature `testing`; never in a binary.

mod image;
mod scorer;
mod stage;

pub use image::write_image;
pub use scorer::{Behaviour, FakeScorer, LabelForm};
pub use stage::{Ran, Running, Stage, model};
