//! What a gate judges by. Each metric has two claims, "worse than its margin" and "not worse than its margin", which
//! may be looked at after every record; alpha is shared among all that may raise the alarm.
//!
//! - `spec`: the list of `--metrics`
//! - `held`: what a metric makes of an answer, and which it cannot judge
//! - `judge`: one claim pair, for what is counted (`counted`), for means (`mean`), for what is asked (`sampled`)

pub(crate) mod counted;
pub(crate) mod held;
pub(crate) mod judge;
pub(crate) mod loss;
pub(crate) mod mean;
pub(crate) mod sampled;
pub(crate) mod spec;
