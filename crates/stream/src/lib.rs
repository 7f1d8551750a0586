//! What flows on a stream: its topics, its records and their formats, each with one writer and one reader.
//!
//! Everything here is pure: bytes in, values out, and back. Headers are read as the Kafka crate hands them over, a list
//! of names and bytes, so nothing here knows a client.
//!
//! # Layout
//!
//! - [`topics`]: the names of a stream's topics
//! - [`feature`], [`prediction`], [`dead_letter`], [`label`]: one record each
//! - [`source`]: where a record stands; [`digest`]: which model; [`variant`]: which of the two models of a route
//! - [`schema`]: the declared fields of a stream; [`format`]: how their values are written, one file a format

pub mod dead_letter;
pub mod digest;
pub mod feature;
pub mod format;
pub mod headers;
pub mod label;
pub mod prediction;
pub mod schema;
pub mod source;
pub mod topics;
pub mod variant;

pub use dead_letter::DeadLetter;
pub use digest::{ModelDigest, NoDigest};
pub use feature::{FeatureRecord, RecordId, record_id};
pub use format::{Decoder, FieldValue, Format, RowError};
pub use headers::{Defect, Headers};
pub use label::{LabelDefect, LabelRecord};
pub use prediction::{Prediction, PredictionHeaders, PredictionValue, StatedValue, split_key};
pub use schema::{Dtype, Field, SchemaError, StreamSchema};
pub use source::{NoSource, SourceOffset};
pub use topics::Topics;
pub use variant::Variant;
