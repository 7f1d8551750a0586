//! What can go wrong, sorted by what the caller should do about it.

use std::io;
use std::path::Path;

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure, by what it asks of the caller.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The image, blob or file is not there.
    #[error("{what} was not found")]
    NotFound {
        /// What was looked for.
        what: String,
    },
    /// The registry does not let us: wrong, missing or too weak credentials.
    #[error("{what}: access denied: {why}")]
    Denied {
        /// What was tried.
        what: String,
        /// What the registry answered.
        why: String,
    },
    /// A transient failure that outlasted the retry budget; trying again later can help (exit 75).
    #[error("{what}: not reachable for now: {why}")]
    Unavailable {
        /// What was tried.
        what: String,
        /// The last fault seen.
        why: String,
    },
    /// Bytes are not the ones that were asked for; never retried, never used.
    #[error("{what}: digest is {found}, expected {expected}")]
    DigestMismatch {
        /// What was read.
        what: String,
        /// The digest asked for.
        expected: String,
        /// The digest of the bytes.
        found: String,
    },
    /// The input or an answer breaks the rules; trying again cannot help (exit 2).
    #[error("{what}: {why}")]
    Invalid {
        /// What is wrong.
        what: String,
        /// Which rule it breaks.
        why: String,
    },
    /// The local disk failed.
    #[error("{what}: {source}")]
    Io {
        /// The path or action.
        what: String,
        /// The fault of the operating system.
        source: io::Error,
    },
}

impl Error {
    /// Whether the same call can succeed later without a change to its input.
    pub fn is_transient(&self) -> bool {
        matches!(self, Error::Unavailable { .. })
    }

    /// What the person at the keyboard can do, where there is something to say.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Error::NotFound { .. } => Some("check the reference; a tag or digest must exist there"),
            Error::Denied { .. } => Some(
                "put credentials into $DOCKER_CONFIG/config.json (mount the pull secret as config.json)",
            ),
            Error::Unavailable { .. } => Some("run the step again once the registry answers"),
            Error::DigestMismatch { .. } => {
                Some("the bytes changed after their digest was taken; take the digest anew")
            }
            Error::Invalid { .. } | Error::Io { .. } => None,
        }
    }

    pub(crate) fn invalid(what: impl Into<String>, why: impl Into<String>) -> Self {
        Error::Invalid { what: what.into(), why: why.into() }
    }

    pub(crate) fn not_found(what: impl Into<String>) -> Self {
        Error::NotFound { what: what.into() }
    }

    /// A disk error at `path`; a missing file is [`Error::NotFound`].
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        let what = path.display().to_string();
        if source.kind() == io::ErrorKind::NotFound {
            return Error::NotFound { what };
        }
        Error::Io { what, source }
    }
}
