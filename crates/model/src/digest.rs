//! A model file's identity, size and kind, out of one streaming read.
//!
//! Models can be larger than memory, and a file that is read twice can change in between: so everything that
//! a verdict says about a file's bytes comes from the same pass over them.

use std::io::{self, Read};
use std::path::Path;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::kind::{Kind, Sniffer};

/// What one read of a file says about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Digest {
    /// The model's identity everywhere in Headgate: `sha256:` and 64 lower-case hex digits.
    pub sha256: String,
    /// Size in bytes.
    pub size: u64,
    /// The format, by the content.
    pub kind: Kind,
}

/// Reads the file once, in chunks.
///
/// # Errors
/// What opening or reading the file says; it is no regular file, or larger than 64 GiB.
pub fn digest(path: &Path) -> io::Result<Digest> {
    digest_of(regular_file::open(path, regular_file::ANY_MODEL)?)
}

/// Reads to the end once, in chunks of 64 KiB.
///
/// # Errors
/// What the reader says.
pub fn digest_of(mut reader: impl Read) -> io::Result<Digest> {
    let mut hash = Sha256::new();
    let mut sniffer = Sniffer::default();
    let mut size = 0;
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = match reader.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hash.update(&chunk[..read]);
        sniffer.push(&chunk[..read]);
        size += read as u64;
    }
    let sha256 = format!("sha256:{}", hex::encode(hash.finalize()));
    Ok(Digest { sha256, size, kind: sniffer.finish() })
}

const CHUNK: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn names_the_content_as_sha256sum_does() {
        let found = digest_of(&b"abc"[..]).unwrap();
        assert_eq!(
            found.sha256,
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(found.size, 3);
    }

    #[test]
    fn the_size_of_the_reads_changes_nothing() {
        let bytes: Vec<u8> = (0..200_000_u32).map(|i| (i * 7 % 251) as u8).collect();
        let whole = digest_of(&bytes[..]).unwrap();
        let by_three = digest_of(ByThree(&bytes)).unwrap();
        assert_eq!(whole, by_three);
    }

    struct ByThree<'a>(&'a [u8]);

    impl Read for ByThree<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let most = buffer.len().min(3);
            self.0.read(&mut buffer[..most])
        }
    }
}
