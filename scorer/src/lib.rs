//! Answers a stream exactly once and switches models without a restart.
//!
//! Records of `<stream>.features` go through two threads: one polls, parses and asks the models, the other writes
//! `<stream>.predictions` and `<stream>.dead-letters` in transactions that carry the input offsets.
//! A third follows the routes topic and puts a route in force once its models are loaded.
//!
//! # Layout
//!
//! - `answering`: from feature records to answers (pure but for the models)
//! - `models`: a model's image fetched, checked, loaded and warmed up; a candidate's process; the champion's deadline
//! - `routing`: which route answers, and when it is put in force; the status that confirms it
//! - `session`: one consumer with one producer, from open to end; `session::commit`: encode, send, commit, account
//! - `observe`: metrics, probes, and whether the polling thread goes on
//! - `shared`: what the threads share; `supervise`: the threads, and sessions one after the other

mod answering;
mod args;
mod models;
mod observe;
mod routing;
mod session;
mod shared;
mod supervise;

pub use args::Args;
pub use models::candidate::inside::{ANSWER, answer_for_candidate};
pub use supervise::run;
