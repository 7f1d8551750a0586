//! Asks a model that answers over HTTP by the Open Inference Protocol v2: KServe, Triton, Seldon and others.
//!
//! One [`Client`] asks one model, by the address of that model. It reads the model's metadata first, so that a model
//! that cannot be asked rows of the stream is refused before anything rests on it, and then asks batches of rows. Time,
//! attempts and pauses are bounded; what is no answer is reported row by row, and never taken for one.
//!
//! ```no_run
//! use inference::{Client, Options};
//!
//! let client = Client::connect(Options::of("http://predictor/v2/models/shuttle"), &["f1", "f2"])?;
//! let replies = client.answer(&[37.0, 0.0, 41.0, 2.0], 2);
//! for reply in replies.rows {
//!     match reply {
//!         Ok(answer) => println!("{:?} {}", answer.label, answer.score),
//!         Err(why) => println!("no answer: {why}"),
//!     }
//! }
//! # Ok::<(), inference::Error>(())
//! ```
//!
//! Protocol: Open Inference Protocol 2.0, HTTP/REST, `GET <model>` and `POST <model>/infer` with tensors as JSON.

mod address;
mod client;
mod error;
mod exchange;
mod metadata;
mod options;
mod response;

pub use client::{Client, Replies, RowOutput};
pub use error::Error;
pub use metadata::{Metadata, Port};
pub use options::Options;
