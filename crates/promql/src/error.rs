//! Why there is no answer at all.

/// Says what failed, why, and what to do about it; never holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was set cannot be used.
    #[error("{what} cannot be used: {why} (hint: {hint})")]
    Setting { what: String, why: String, hint: &'static str },
    /// A file cannot be read.
    #[error("cannot read {path}: {source} (hint: mount it, or correct its path)")]
    File {
        path: String,
        #[source]
        source: std::io::Error,
    },
    /// The credentials are not taken.
    #[error(
        "{server} answered {status} (hint: check the token or password file, and what it is allowed)"
    )]
    Denied { server: String, status: u16 },
    /// The server cannot answer this query.
    #[error("{server} refuses the query: {why} (hint: try it in the server's own page)")]
    Refused { server: String, why: String },
    /// More than one series.
    #[error(
        "the query gives {series} series where one is judged (hint: wrap it in sum(), max() or avg())"
    )]
    Several { series: usize },
    /// Something else than a number.
    #[error("the query gives {what}, not a number (hint: {hint})")]
    NotANumber { what: &'static str, hint: &'static str },
    /// Something else than Prometheus answered.
    #[error(
        "{server} is no Prometheus server: {why} (hint: check the address and its path prefix)"
    )]
    NotPrometheus { server: String, why: String },
    /// The server was away at every attempt.
    #[error(
        "{server} did not answer, asked {attempts} times: {why} (hint: is it up and reachable?)"
    )]
    Away { server: String, attempts: u32, why: String },
}

impl Error {
    pub(crate) fn setting(
        what: impl Into<String>,
        why: impl Into<String>,
        hint: &'static str,
    ) -> Self {
        Self::Setting { what: what.into(), why: why.into(), hint }
    }

    /// Whether the same question may be answered later with nothing changed.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Away { .. })
    }
}

impl From<http_client::Error> for Error {
    fn from(error: http_client::Error) -> Self {
        use http_client::Error as Http;
        match error {
            Http::Setting { what, why, hint } => Self::Setting { what, why, hint },
            Http::File { path, source } => Self::File { path: path.display().to_string(), source },
            Http::Tls(why) => {
                let hint =
                    "mount the system's certificates, or name a CA file and a client certificate";
                Self::setting("TLS", why, hint)
            }
            Http::Away { server, attempts, why } => Self::Away { server, attempts, why },
        }
    }
}
