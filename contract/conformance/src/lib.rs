//! Holds a step against the step contract, as a black box.
//!
//! A step is any command. [`observe`] runs it about ten times on an in-memory broker and keeps what it did as
//! [`Evidence`]; each [`Rule`] of [`RULES`] is a pure function over that evidence with the number of its clause in
//! `contract/README.md`. [`check`] does both.
//!
//! # Layout
//!
//! - [`case`]: the settings with which the step reaches a verdict
//! - [`evidence`]: which runs there are, and what is kept of them; `process` and `stage` run them
//! - [`rule`]: the rules, by clause
//! - [`html`]: whether a page loads something

pub mod case;
pub mod evidence;
pub mod html;
mod process;
pub mod rule;
mod rules;
mod schema;
mod stage;

pub use case::Case;
pub use evidence::{Evidence, observe};
pub use rule::{Finding, RULES, Rule, check};
pub use schema::{Document, validate, validate_event};
