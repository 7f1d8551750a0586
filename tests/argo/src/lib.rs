//! Releases on a real Argo Workflows, with the shipped YAML and images and a real Kafka.
//!
//! # Layout
//!
//! - [`scenarios`]: what releases are put through, one file a theme
//! - [`world`]: what they share, from [`settings`]; [`broker`], [`files`], [`install`]: Kafka, the registry, the YAML
//! - [`stream`], [`workflow`]: what each has of its own
//! - [`cluster`]: `kubectl` and `argo`; [`python`]: the image of a step in another language; [`noop`]: steps that do
//!   nothing, for comparison

pub mod broker;
pub mod cluster;
pub mod files;
pub mod install;
pub mod noop;
pub mod python;
pub mod scenarios;
pub mod settings;
pub mod stream;
pub mod workflow;
pub mod world;
