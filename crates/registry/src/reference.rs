//! Where an image lies: an OCI layout folder or a registry.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::{Digest, Error, Result};

/// An image's place, parsed from one of
///
/// - `oci:<folder>`, `oci:<folder>:<tag>`, `oci:<folder>@sha256:<hex>`: an OCI image layout;
/// - `host[:port]/repository[:tag][@sha256:<hex>]`: a registry; KServe's spelling `oci://host/…` is the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// An OCI image layout on disk.
    Layout {
        /// The folder that holds `oci-layout` and `index.json`.
        dir: PathBuf,
        /// Which of its images.
        select: Select,
    },
    /// A registry that speaks the OCI distribution protocol.
    Registry {
        /// Host, with its port where it has one.
        host: String,
        /// The repository's path in the registry.
        repository: String,
        /// Which of its images.
        select: Select,
    },
}

/// Which image of a layout or repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Select {
    /// The only one; an error where there are more.
    Only,
    /// The one that this tag names today.
    Tag(String),
    /// Exactly this one.
    Digest(Digest),
}

impl Reference {
    /// The same place, pinned to `digest`.
    pub fn at(&self, digest: &Digest) -> Self {
        let select = Select::Digest(digest.clone());
        match self.clone() {
            Reference::Layout { dir, .. } => Reference::Layout { dir, select },
            Reference::Registry { host, repository, .. } => {
                Reference::Registry { host, repository, select }
            }
        }
    }

    /// Which image is meant.
    pub fn select(&self) -> &Select {
        match self {
            Reference::Layout { select, .. } | Reference::Registry { select, .. } => select,
        }
    }
}

impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.strip_prefix("oci:") {
            Some(rest) if rest.starts_with("//") => parse_registry(&rest[2..]),
            Some(rest) => parse_layout(rest),
            None => parse_registry(text),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reference::Layout { dir, select } => write!(out, "oci:{}{select}", dir.display()),
            Reference::Registry { host, repository, select } => {
                write!(out, "{host}/{repository}{select}")
            }
        }
    }
}

impl fmt::Display for Select {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Select::Only => Ok(()),
            Select::Tag(tag) => write!(out, ":{tag}"),
            Select::Digest(digest) => write!(out, "@{digest}"),
        }
    }
}

fn parse_layout(text: &str) -> Result<Reference> {
    let (dir, select) = if let Some((dir, digest)) = text.rsplit_once('@') {
        (dir, Select::Digest(digest.parse()?))
    } else {
        match text.rsplit_once(':') {
            Some((dir, tag)) if !tag.contains('/') => (dir, Select::Tag(valid_tag(tag)?)),
            _ => (text, Select::Only),
        }
    };
    if dir.is_empty() {
        return Err(Error::invalid(format!("image oci:{text}"), "no folder is named"));
    }
    Ok(Reference::Layout { dir: Path::new(dir).to_owned(), select })
}

fn parse_registry(text: &str) -> Result<Reference> {
    let parsed: oci_client::Reference = text.parse().map_err(|error| {
        let why =
            format!("{error}; expected host[:port]/repository[:tag][@digest] or oci:<folder>");
        Error::invalid(format!("image {text:?}"), why)
    })?;
    let select = match (parsed.digest(), parsed.tag()) {
        (Some(digest), _) => Select::Digest(digest.parse()?),
        (None, Some(tag)) => Select::Tag(tag.to_owned()),
        (None, None) => Select::Only,
    };
    Ok(Reference::Registry {
        host: parsed.resolve_registry().to_owned(),
        repository: parsed.repository().to_owned(),
        select,
    })
}

/// A tag as the distribution specification allows it.
pub(crate) fn valid_tag(tag: &str) -> Result<String> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let good = tag.len() <= 128
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'-');
    if !good {
        let why = "a tag is up to 128 of letters, digits, '_', '.', '-', first neither '.' nor '-'";
        return Err(Error::invalid(format!("tag {tag:?}"), why));
    }
    Ok(tag.to_owned())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use stats::random::Random;

    use super::*;

    #[test]
    fn whatever_is_written_is_read_again_and_no_text_ends_the_program() {
        let mut random = Random::seeded(8);
        let mut word = |most: u64| -> String {
            let letters = b"abcdefghijklmnopqrstuvwxyz0123456789";
            let letter = |random: &mut Random| char::from(letters[random.bits() as usize % 36]);
            (0..=random.bits() % most).map(|_| letter(&mut random)).collect()
        };
        for round in 0..3_000 {
            let select = match round % 3 {
                0 => String::new(),
                1 => format!(":{}", word(20)),
                _ => format!("@sha256:{}", "0f".repeat(32)),
            };
            let text = match round % 2 {
                0 => format!("oci:{}/{}{select}", word(9), word(9)),
                _ => format!("{}.example:5000/{}/{}{select}", word(9), word(9), word(9)),
            };
            let read: Reference = text.parse().unwrap();
            let again: Reference = read.to_string().parse().unwrap();
            assert_eq!((read.to_string(), &again), (again.to_string(), &read), "{text}");
            let cut: String = text.chars().take(round % (text.len() + 1)).collect();
            if let Ok(read) = cut.parse::<Reference>() {
                assert_eq!(read.to_string().parse::<Reference>().unwrap(), read, "{cut}");
            }
        }
    }

    #[test]
    fn references_are_read_and_written_back() {
        let digest = Digest::of(b"x");
        let pinned = format!("oci:/data/images@{digest}");
        let remote = format!("localhost:5000/team/model@{digest}");
        for text in [
            "oci:images",
            "oci:/data/images:v1",
            "oci:./a:b/images",
            "localhost:5000/team/model:v1",
            "registry.internal/model:latest",
            &pinned,
            &remote,
        ] {
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn kserve_spelling_means_a_registry() {
        let reference: Reference = "oci://localhost:5000/model:v1".parse().unwrap();
        assert_eq!(reference.to_string(), "localhost:5000/model:v1");
    }

    #[test]
    fn a_digest_beside_a_tag_wins() {
        let digest = Digest::of(b"x");
        let reference: Reference = format!("localhost:5000/model:v1@{digest}").parse().unwrap();
        assert_eq!(reference.select(), &Select::Digest(digest));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "oci:", "oci::v1", "oci:dir:-x", "oci:dir@sha256:12", "Host/UPPER", "a b"]
        {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
    }
}
