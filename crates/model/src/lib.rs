//! Model files and the one engine that answers with them.
//!
//! Validation and serving must agree on what a model is and what it answers, so both go through this crate:
//! [`Kind`] tells a file's format from its content, [`Digest`] names it, [`Model`] answers with ONNX Runtime,
//! and [`StreamSchema`] turns a record of the stream into the row of numbers that a model takes.

mod answer;
mod apart;
mod digest;
mod engine;
mod excerpt;
mod exporter;
mod fit;
mod interrupt;
mod kind;
mod model;
mod onnx;
mod quiet;
mod row;
mod schema;
mod telemetry;
mod version;

pub use answer::{AnswerError, Answers};
pub use apart::enter_empty_folder;
pub use digest::{Digest, digest, digest_of};
pub use engine::{Engine, EngineError, LIBRARY_VARIABLE};
pub use excerpt::Excerpt;
pub use fit::Misfit;
pub use interrupt::Interrupt;
pub use kind::{Kind, Sniffer};
pub use model::{LoadError, Model, Port};
pub use row::RowError;
pub use schema::{Dtype, Field, Format, SchemaError, StreamSchema};
pub use telemetry::TELEMETRY_VARIABLE;
