//! Why a model cannot be asked.

/// Says what failed, why, and what to do about it; never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// What was set cannot be used.
    #[error("{what} cannot be used: {why} (hint: {hint})")]
    Setting {
        /// The setting.
        what: String,
        /// What is wrong with it.
        why: String,
        /// What to do.
        hint: &'static str,
    },
    /// The credentials are not taken.
    #[error("{model} answered {status} (hint: check the token file, and what it is allowed)")]
    Denied {
        /// Address of the model.
        model: String,
        /// HTTP status.
        status: u16,
    },
    /// The model takes or gives something else than the stream needs.
    #[error("{model} cannot answer these records: {why}")]
    Misfit {
        /// Address of the model.
        model: String,
        /// What does not fit.
        why: String,
    },
    /// The server refuses, or something else than a v2 server answered.
    #[error("{model}: {why} (hint: the address is that of a model, …/v2/models/<name>)")]
    Refused {
        /// Address of the model.
        model: String,
        /// What it said.
        why: String,
    },
    /// The server was away or busy at every attempt.
    #[error(
        "{model} did not answer, asked {attempts} times: {why} (hint: is it up and reachable?)"
    )]
    Away {
        /// Address of the model.
        model: String,
        /// How often it was asked.
        attempts: u32,
        /// What happened the last time.
        why: String,
    },
}

impl Error {
    pub(crate) fn setting(
        what: impl Into<String>,
        why: impl Into<String>,
        hint: &'static str,
    ) -> Self {
        Self::Setting { what: what.into(), why: why.into(), hint }
    }

    /// Whether the same may be tried later with nothing changed.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Away { .. })
    }
}

impl From<http_client::Error> for Error {
    fn from(error: http_client::Error) -> Self {
        use http_client::Error as Http;
        match error {
            Http::Setting { what, why, hint } => Self::Setting { what, why, hint },
            Http::File { path, source } => {
                let hint = "mount it, or correct its path";
                Self::setting(path.display().to_string(), source.to_string(), hint)
            }
            Http::Tls(why) => {
                Self::setting("TLS", why, "mount the system's certificates, or name a CA file")
            }
            Http::Away { server, attempts, why } => Self::Away { model: server, attempts, why },
        }
    }
}
