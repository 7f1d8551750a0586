//! Asks a Prometheus server, or whatever speaks its HTTP API, one question for one number.
//!
//! A gate rests on the answer, so what is no clear number is never taken for one: an empty answer, a NaN, a series that
//! has ended and an answer with warnings are [`QueryResult::NoData`], each with its reason, and a question that gives more
//! than one series is an error that says how to ask for one.
//!
//! ```no_run
//! use std::time::Duration;
//! use promql::{Aggregate, QueryResult, Client, Options, Question, Range};
//!
//! let client = Client::new(Options::of("http://prometheus:9090"))?;
//! let question = Question {
//!     query: "sum(rate(errors_total[1m]))".into(),
//!     range: Some(Range {
//!         last: Duration::from_secs(300),
//!         step: Duration::from_secs(15),
//!         aggregate: Aggregate::Max,
//!     }),
//! };
//! match client.ask(&question)? {
//!     QueryResult::Value(value) => println!("{value}"),
//!     QueryResult::NoData(why) => println!("no data: {why}"),
//! }
//! # Ok::<(), promql::Error>(())
//! ```

mod client;
mod error;
mod exchange;
mod options;
mod query_result;
mod question;

pub use client::Client;
pub use error::Error;
pub use options::{Auth, Options};
pub use query_result::{NoData, QueryResult};
pub use question::{Aggregate, Question, Range};
