//! Model files and the one engine that answers with them.
//!
//! Validation and serving must agree on what a model is and what it answers, so both go through this crate:
//! [`Kind`] tells a file's format from its content, [`Digest`] names it, [`Model`] answers with ONNX Runtime,
//! and a model is fitted to the [`stream::StreamSchema`] by whose decoder rows are made of records.

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
mod own_name;
mod quiet;
mod schema_file;
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
pub use schema_file::{SchemaFileError, load_schema};
pub use telemetry::TELEMETRY_VARIABLE;
