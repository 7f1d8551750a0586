//! The statistics behind the verdicts: pure functions with published oracles.
//!
//! No function here reads a file, a clock or a topic, and none draws a random number: the same
//! numbers in give the same numbers out, so that every verdict can be computed again from its
//! decision record.
//!
//! Where to look:
//! - [`sequential`]: is the candidate worse, watched record by record (`canary-gate`)?
//! - [`paired`]: the same question when both models answered the same records (`shadow-test`).
//! - [`proportion`], [`difference`]: how sure are we of an error rate, or of two on one hold-out
//!   (`validate-model`)?
//! - [`drift`]: did a feature leave the range that the model was trained for (`detect-drift`)?
//! - [`latency`], [`score_shift`]: how slow, and how differently, does the candidate answer?

pub mod difference;
pub mod drift;
pub mod latency;
pub mod paired;
pub mod proportion;
pub mod score_shift;
pub mod sequential;

mod error;
mod interval;
mod special;
#[cfg(test)]
mod testing;

pub use error::Error;
pub use interval::Interval;
