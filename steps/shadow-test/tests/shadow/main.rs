//! The step as a black box, on the in-memory broker and where transactions matter on a real Kafka.
#![expect(clippy::unwrap_used, reason = "tests")]

mod endpoints;
mod inputs;
mod stage;
mod verdicts;
mod windows;
