//! How a server is reached.

use std::path::PathBuf;
use std::time::Duration;

/// Address, credentials, trust and patience.
///
/// Secrets stay in files, which are read again for every request, so that tokens may be renewed at any time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Address of the server with its path prefix where it has one: `https://metrics.example/prometheus`.
    pub server: String,
    pub auth: Auth,
    /// Certificates in PEM form that are trusted instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Certificate chain and private key in PEM form that this client shows: two files, or the same one twice.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
    /// The longest that one attempt may take, from connecting to the end of the answer.
    pub timeout: Duration,
    /// How often one question is asked at most while the server is away.
    pub attempts: u32,
}

/// What proves who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Auth {
    #[default]
    None,
    /// The file holds a token, such as that of a service account.
    Bearer {
        token_file: PathBuf,
    },
    Basic {
        username: String,
        password_file: PathBuf,
    },
}

impl Options {
    /// No credentials, the system's certificates, three attempts of 10 s each.
    pub fn of(server: impl Into<String>) -> Self {
        Self {
            server: server.into(),
            auth: Auth::None,
            ca_file: None,
            client_certificate: None,
            timeout: Duration::from_secs(10),
            attempts: 3,
        }
    }
}
