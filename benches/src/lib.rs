//! Side-by-side measurements, each with its peer.
//!
//! Every bench prints a table for people and, as the last line of stdout, one JSON object ([`figure::Figure`]). Peers
//! run in the same process tree, against the same broker, in turns with ours: this machine's other work then meets both.
//!
//! # Layout
//!
//! - [`figure`]: spreads of measurements and how they are printed (pure)
//! - [`programs`]: the scorer built for release, and Python in an environment of its own
//! - [`route_audit`]: whether any answer carries a wrong generation (pure)
//! - [`stream`]: a stream filled with the demo's telemetry, and what was answered to it
//! - [`load`]: records at a steady rate while something else is measured
//! - [`model_image`]: a model file as an image that a route can name
//! - [`warm`]: warm-ups that end when the broker has compiled what it runs

pub mod figure;
pub mod load;
pub mod model_image;
pub mod programs;
pub mod route_audit;
pub mod stream;
pub mod warm;
