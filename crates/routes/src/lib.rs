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
//! - [`change`]: what the records under a stream's key say (pure); [`follow`]: reading them
//! - [`status`]: what a scorer says of itself; `live`: who counts as live (pure)
//! - [`ledger`]: who promoted what, by the events (pure)
//! - `page`: models and confirmations as report pages show them (pure)
//! - [`traffic`]: what steps ask for all of it, so that another target than this topic is one implementation
//! - [`writer`]: changing a route; [`scorers`]: waiting until the scorers confirm it
//! - [`span`]: a time as people read it

pub mod change;
pub mod follow;
pub mod ledger;
mod live;
mod page;
pub mod route;
pub mod scorers;
mod span;
pub mod split;
pub mod status;
pub mod traffic;
pub mod writer;

pub use change::{Change, Standing, Taken};
pub use follow::{Entry, Follower, all, history, read, standing};
pub use route::{Candidate, Decision, ModelRef, Previous, Route, Stamp};
pub use scorers::{Confirmation, Scorers};
pub use span::span;
pub use split::{Split, variant};
pub use status::{ScorerState, ScorerStatus};
pub use stream::Variant;
pub use traffic::{Changes, Confirmations, RouteWriter, Traffic};
pub use writer::Routes;

/// Compacted; key = stream, value = [`Route`].
pub const ROUTES_TOPIC: &str = "headgate.routes";
/// Compacted; key = `<stream>/<scorer>`, value = [`ScorerStatus`], or nothing once the scorer has left.
pub const SCORERS_TOPIC: &str = "headgate.scorers";
