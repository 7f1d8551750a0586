//! A release end to end on real telemetry, on one machine.
//!
//! # Layout
//!
//! - [`workflow`], [`depends`], [`expression`]: reads the shipped WorkflowTemplates, so that the order of a release and the
//!   arguments of its steps are told once
//! - [`telemetry`], [`replay`]: the Shuttle telemetry as a live stream with delayed labels
//! - [`releases`]: the five releases and what is expected of each
//! - [`runner`], [`screen`]: carries out a release through the step binaries, and shows how it goes
//! - [`audit`]: what the topics say in the end: every record answered exactly once, by whom
//! - [`programs`]: the processes that the demo starts and ends

pub mod audit;
pub mod depends;
pub mod expression;
pub mod programs;
pub mod releases;
pub mod replay;
pub mod runner;
pub mod screen;
pub mod telemetry;
pub mod workflow;
