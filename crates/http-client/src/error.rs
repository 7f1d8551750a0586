//! Why a server cannot be asked, whatever the question.

use std::fmt::Display;
use std::path::PathBuf;

/// Says what failed and why, and never holds a secret; each client turns it into its own error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was set cannot be used.
    #[error("{what} cannot be used: {why} (hint: {hint})")]
    Setting { what: String, why: String, hint: &'static str },
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    /// This side's certificates cannot be used, or there are none.
    #[error("{0}")]
    Tls(String),
    /// The server was away or busy at every attempt.
    #[error("{server} did not answer, asked {attempts} times: {why}")]
    Away { server: String, attempts: u32, why: String },
}

impl Error {
    pub(crate) fn setting(what: impl Display, why: impl Into<String>, hint: &'static str) -> Self {
        Self::Setting { what: what.to_string(), why: why.into(), hint }
    }
}
