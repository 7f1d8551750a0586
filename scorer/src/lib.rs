//! Answers a stream exactly once and switches models without a restart.
//!
//! Records of `<stream>.features` go through two threads: one polls, parses and asks the models, the other writes
//! `<stream>.predictions` and `<stream>.dead-letters` in transactions that carry the input offsets.
//! A third follows the routes topic and puts a route in force once its models are loaded.
//!
//! # Layout
//!
//! - [`batch`], [`answer`], [`prediction`]: from feature records to answers to the bytes written (pure)
//! - [`plan`], [`adoption`]: which route and models answer, and when a route is put in force (pure)
//! - [`load`]: a model's image fetched, checked, loaded and warmed up
//! - [`candidate`]: a candidate in a process of its own; [`watch`]: the champion's deadline
//! - `control`, `follow`, `seen`: the threads around adoption; `lease`: no answers while nobody hears this scorer
//! - `session`, `gather`, `commit`, `group`: one consumer with one producer, from open to end
//! - `supervise`: sessions, one after the other; [`pulse`], `metrics`, `http`: what can be watched

pub mod adoption;
pub mod answer;
mod args;
pub mod batch;
pub mod candidate;
mod commit;
mod control;
mod delivery;
mod follow;
mod gather;
mod group;
mod http;
mod lease;
pub mod load;
mod metrics;
pub mod plan;
pub mod prediction;
pub mod pulse;
mod seen;
mod session;
mod supervise;
pub mod watch;

pub use args::Args;
pub use candidate::inside::{ANSWER, answer_for_candidate};
pub use supervise::run;
