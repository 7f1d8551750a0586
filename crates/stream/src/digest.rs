//! A model's identity: the sha256 of its file.

use std::fmt;

/// A model digest: `sha256:` and 64 lower-case hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelDigest<'a>(&'a str);

/// A text that is no digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no model digest; it is written sha256:<64 lower-case hex digits>", .0.escape_debug())]
pub struct NoDigest(String);

impl<'a> ModelDigest<'a> {
    /// The whole text.
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

impl<'a> TryFrom<&'a str> for ModelDigest<'a> {
    type Error = NoDigest;

    fn try_from(text: &'a str) -> Result<Self, NoDigest> {
        let hex = text.strip_prefix("sha256:").unwrap_or_default();
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        match hex.len() == 64 && hex.bytes().all(is_hex) {
            true => Ok(Self(text)),
            false => Err(NoDigest(text.chars().take(120).collect())),
        }
    }
}

impl fmt::Display for ModelDigest<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use stats::random::Random;

    use super::*;

    #[test]
    fn whatever_is_written_is_read_again() {
        let mut random = Random::seeded(3);
        for _ in 0..1_000 {
            let hex: String = (0..64).map(|_| format!("{:x}", (random.bits() % 16))).collect();
            let text = format!("sha256:{hex}");
            assert_eq!(ModelDigest::try_from(&*text).map(|it| it.to_string()), Ok(text.clone()));
        }
    }

    #[test]
    fn only_full_lower_case_sha256_is_a_digest() {
        let (upper, other) =
            (format!("sha256:{}", "A".repeat(64)), format!("sha512:{}", "a".repeat(64)));
        let (long, letters) =
            (format!("sha256:{}", "a".repeat(65)), format!("sha256:{}", "g".repeat(64)));
        for text in ["", "sha256:", "sha256:12", &upper, &other, &long, &letters, &"a".repeat(71)] {
            assert!(ModelDigest::try_from(text).is_err(), "{text}");
        }
    }
}
