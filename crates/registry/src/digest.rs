//! Content digests, always sha256 and always written `sha256:<64 hex digits>`.

use std::fmt;
use std::io::{self, Read, Write};
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{Error, Result};

/// How much of a file is in memory at once while it is read, in bytes.
pub(crate) const CHUNK: usize = 256 * 1024;

/// A sha256 digest in the form `sha256:<64 lower-case hex digits>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::default();
        hasher.update(bytes);
        hasher.finish()
    }

    /// The digest and size of a file, read once in small pieces.
    pub fn of_file(path: &Path) -> Result<(Self, u64)> {
        let mut file =
            regular_file::open(path, regular_file::ANY_MODEL).map_err(|e| Error::io(path, e))?;
        let mut hasher = Hasher::default();
        let mut buffer = vec![0; CHUNK];
        loop {
            let read = file.read(&mut buffer).map_err(|e| Error::io(path, e))?;
            if read == 0 {
                let size = hasher.size();
                return Ok((hasher.finish(), size));
            }
            hasher.update(&buffer[..read]);
        }
    }

    /// The 64 hex digits without the algorithm.
    pub fn hex(&self) -> &str {
        &self.0["sha256:".len()..]
    }

    /// The whole digest, `sha256:<hex>`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// An error that names `what` unless this is `expected`.
    pub(crate) fn must_be(&self, expected: &Digest, what: &str) -> Result<()> {
        if self == expected {
            return Ok(());
        }
        Err(Error::DigestMismatch {
            what: what.to_owned(),
            expected: expected.to_string(),
            found: self.to_string(),
        })
    }
}

impl FromStr for Digest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        // Models and blobs are named alike.
        match stream::ModelDigest::try_from(text) {
            Ok(digest) => Ok(Digest(digest.to_string())),
            Err(_) => {
                let why = "expected sha256: and 64 lower-case hex digits";
                Err(Error::invalid(format!("digest {text:?}"), why))
            }
        }
    }
}

impl TryFrom<String> for Digest {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// A running sha256 over what is written to it, with the count of bytes.
#[derive(Default)]
pub struct Hasher {
    state: Sha256,
    size: u64,
}

impl Hasher {
    /// Takes in more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.state.update(bytes);
        self.size += bytes.len() as u64;
    }

    /// Bytes seen so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The digest of everything seen.
    pub fn finish(self) -> Digest {
        Digest(format!("sha256:{}", hex::encode(self.state.finalize())))
    }
}

impl Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_digest_of_nothing_is_the_published_one() {
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").hex(), hex);
        assert_eq!(format!("sha256:{hex}").parse::<Digest>().unwrap(), Digest::of(b""));
    }

    #[test]
    fn only_full_lower_case_sha256_is_a_digest() {
        let upper = format!("sha256:{}", "A".repeat(64));
        let other = format!("sha512:{}", "a".repeat(128));
        for text in ["", "sha256:", "sha256:abc", "latest", &upper, &other, "sha256:../../etc"] {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }
}
