//! What tests of steps stand on: a stage (broker, topics, route, running a step as a black box) and a scorer.
//!
//! Behind the feature `testing`; never in a binary.

mod scorer;
mod stage;

pub use scorer::{Behaviour, FakeScorer};
pub use stage::{Ran, Running, Stage, model};
