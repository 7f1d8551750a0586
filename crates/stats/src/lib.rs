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
//! - [`latency`], [`score_shift`]: how slow, and how differently, does the candidate answer?
//! - [`batched`]: the same for means (losses, scores) of a stream whose level moves.
//! - [`rate_ratio`], [`asymptotic`], [`inverse_weight`], [`confidence_sequence`]: intervals that hold at all times;
//!   [`two_by_two`], [`mixture`]: what else such tests are made of.
//! - [`sample_ratio`]: did the stream split as planned?
//! - [`auc`]: which model ranks better?

pub mod alpha;
pub mod asymptotic;
pub mod auc;
pub mod batched;
pub mod cluster;
pub mod confidence_sequence;
pub mod counted;
pub mod difference;
pub mod drift;
pub mod exact;
pub mod forecast;
pub mod inverse_weight;
pub mod latency;
pub mod limit;
pub mod mixture;
pub mod paired;
pub mod proportion;
pub mod random;
pub mod rate_ratio;
pub mod sample_ratio;
pub mod score_shift;
pub mod sequential;
pub mod two_by_two;

mod error;
mod interval;
mod special;
#[cfg(test)]
mod testing;

pub use error::Error;
pub use interval::Interval;
