//! The statistics behind the verdicts: pure functions with published oracles.
//!
//! No function here reads a file, a clock or a topic, and none draws a random number: the same
//! numbers in give the same numbers out, so that every verdict can be computed again from its
//! decision record.
//!
//! Where to look:
//! - [`counted`]: the gate for anything that can be counted, with all that follows built in.
//! - [`sequential`]: is the candidate worse, watched record by record (`canary-gate`)?
//! - [`cluster`]: what if failures do not come alone?
//! - [`alpha`], [`forecast`]: one promise for many metrics, and when it will be kept.
//! - [`limit`]: is a rate or a mean within its limit, looked at as often as one likes (`shadow-test`)?
//! - [`paired`]: the same question when both models answered the same records (`shadow-test`).
//! - [`proportion`], [`difference`]: how sure are we of an error rate, or of two on one hold-out
//!   (`validate-model`)?
//! - [`drift`]: did a feature leave the range that the model was trained for (`detect-drift`)?
//! - [`latency`]: how slow does the candidate answer?
//! - [`batched`]: the same for means (losses, scores) of a stream whose level moves.
//! - [`rate_ratio`], [`confidence_sequence`]: intervals that hold at all times; `asymptotic` and `mixture` are what they
//!   are made of.

pub mod alpha;
mod asymptotic;
pub mod batched;
pub mod cluster;
pub mod confidence_sequence;
pub mod counted;
pub mod difference;
pub mod drift;
pub mod exact;
pub mod forecast;
pub mod latency;
pub mod limit;
mod mixture;
pub mod paired;
pub mod proportion;
pub mod random;
pub mod rate_ratio;
pub mod sequential;

mod error;
mod interval;
mod special;
#[cfg(test)]
mod testing;

pub use error::Error;
pub use interval::Interval;
