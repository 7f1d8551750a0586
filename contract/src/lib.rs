//! The step contract, for steps written in Rust.
//!
//! A step is a type that implements [`Step`]: its flags, what it writes, which events it emits, and `run`.
//! [`main`] does all that every step shares: it parses the arguments, sets up logging and signals, calls
//! `run`, writes the outputs and the report, emits the one outcome event and turns faults into exit codes.
//!
//! # Layout
//!
//! - [`step`], [`outcome`]: what a step is and what it returns
//! - [`args`], [`describe`]: the flags every step has, and `--describe`
//! - [`event`], [`event_log`], [`repeat`]: CloudEvents on Kafka, written, read back and emitted again
//! - [`results`]: what each of our event types holds
//! - [`record`]: the decision record, `report.json`
//! - [`outputs`], [`progress`], [`stop`], [`logging`], `termination`: files, progress, SIGTERM, logs, last words
//! - [`concurrently()`]: two things at the same time
//!
//! The text that teams write steps in other languages from is `contract/README.md`.

pub mod args;
mod concurrently;
pub mod describe;
pub mod event;
pub mod event_log;
mod event_type;
pub mod logging;
pub mod outcome;
pub mod outputs;
pub mod progress;
pub mod record;
pub mod repeat;
pub mod results;
pub mod step;
pub mod stop;
mod termination;

pub use args::CommonArgs;
pub use concurrently::concurrently;
pub use event_type::{AnyEventType, EventType, Subject, by_verdict};
pub use outcome::{Outcome, Verdict};
pub use outputs::OutputSpec;
pub use step::{Context, Step, main};

/// The version of the contract this crate implements; `contract/README.md` carries the same.
pub const CONTRACT_VERSION: &str = "1.0";
