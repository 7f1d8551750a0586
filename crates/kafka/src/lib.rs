//! Kafka, as steps need it: read by offsets without joining a group, write and be sure, write and fence others.
//!
//! Everything blocks: a step does one thing at a time. A broker that is away is a transient failure after
//! `--kafka-timeout`; a missing topic or refused credentials are wrong configuration.

mod act;
mod admin;
mod client;
mod client_log;
mod fenced;
pub mod memory;
mod properties;
mod reader;
mod record;
mod settings;
mod times;
mod writer;

pub use admin::TopicSpec;
pub use fenced::FencedWriter;
pub use reader::{Reader, Start};
pub use record::{Outgoing, Record, Window};
pub use settings::{Kafka, KafkaArgs};
pub use writer::Writer;
