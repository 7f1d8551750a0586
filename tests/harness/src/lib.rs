//! What tests of several crates need from the world outside: a real browser and a real Kafka.
//!
//! Nothing here is skipped when a tool is missing: the test fails and says how to get it.

pub mod browser;
