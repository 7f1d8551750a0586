//! How a model is reached.

use std::path::PathBuf;
use std::time::Duration;

/// Address, credentials, trust and patience.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Address of the model: `https://host/v2/models/<name>`, with `/versions/<version>` where one is meant.
    pub model: String,
    /// File with a bearer token; read again for every request, so that it may be renewed at any time.
    pub token_file: Option<PathBuf>,
    /// Certificates in PEM form that are trusted instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The longest that one attempt may take, from connecting to the end of the answer.
    pub timeout: Duration,
    /// How often one question is asked at most while the server is away or busy.
    pub attempts: u32,
    /// The longest pause between two attempts, whatever the server asks for.
    pub longest_pause: Duration,
    /// Whether the server's own words are quoted where it refuses; they could repeat the values of a record.
    pub quote: bool,
}

impl Options {
    /// No credentials, the system's certificates, three attempts of 10 s each, pauses of at most 5 s, quoting.
    pub fn of(model: impl Into<String>) -> Self {
        Self {
            model: model.into(),
            token_file: None,
            ca_file: None,
            timeout: Duration::from_secs(10),
            attempts: 3,
            longest_pause: Duration::from_secs(5),
            quote: true,
        }
    }
}
