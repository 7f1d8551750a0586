//! What our HTTP clients share on top of `reqwest`: trust, secrets in files, bounded answers, bounded patience.
//!
//! Each client keeps its own questions, answers and error type, into which [`Error`] turns.

mod address;
mod client;
mod error;
mod exchange;
mod patience;
mod secret;

pub use address::{address, is_loopback, is_open};
pub use client::client;
pub use error::Error;
pub use exchange::{Answer, causes, chain, execute, is_certificate, retry_after, secrets_of, send};
pub use patience::{Failure, ask, is_transient};
pub use secret::{Secrets, bearer, secret};
