//! The routes protocol: who answers which share of a stream, by generation.
//!
//! One compacted topic, [`ROUTES_TOPIC`], holds one [`Route`] a stream under the stream's name. Steps write it
//! through [`Routes`], which fences every other writer; scorers follow it and confirm on [`SCORERS_TOPIC`]
//! with a [`ScorerStatus`]; [`Scorers`] reads those confirmations. `README.md` has the protocol in words.
//!
//! # Layout
//!
//! - [`route`]: the record and the changes it may go through (pure)
//! - [`split`]: which variant answers a key (pure)
//! - [`word`]: what the records under a stream's key say (pure)
//! - [`status`]: what a scorer says of itself; `live`: who counts as live (pure)
//! - [`ledger`]: who promoted what, by the events (pure)
//! - [`writer`], [`scorers`]: Kafka
//! - [`span`]: a time as people read it
//! - `testing` (feature `testing`): a stage and a scorer for the tests of steps

pub mod ledger;
mod live;
pub mod route;
pub mod scorers;
mod span;
pub mod split;
pub mod status;
#[cfg(feature = "testing")]
pub mod testing;
pub mod word;
pub mod writer;

pub use route::{Candidate, ModelRef, Previous, Route, Stamp};
pub use scorers::{Confirmation, Scorers};
pub use span::span;
pub use split::{Variant, variant};
pub use status::{ScorerState, ScorerStatus};
pub use word::{Standing, Word};
pub use writer::{Routes, read, standing};

/// Compacted; key = stream, value = [`Route`].
pub const ROUTES_TOPIC: &str = "headgate.routes";
/// Compacted; key = `<stream>/<scorer>`, value = [`ScorerStatus`], or nothing once the scorer has left.
pub const SCORERS_TOPIC: &str = "headgate.scorers";
