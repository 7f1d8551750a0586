//! Words that come out of a model: its names, and what the engine says about it.
//!
//! Whoever wrote the model chose them, and they end in logs, terminals, events and pages.  So they leave this crate
//! only as an [`Excerpt`]: short, and without anything that its reader would obey instead of show.

use std::fmt;
use std::ops::Deref;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use words::is_obeyed;

/// At most some hundred characters, none of which is a control character.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Excerpt(String);

/// Characters of a name.
const NAME: usize = 200;
/// Characters of what the engine says.
const MESSAGE: usize = 1000;

impl Excerpt {
    /// A name: its first 200 characters, with its length where it has more.
    pub fn name(text: &str) -> Excerpt {
        Excerpt::of(text, NAME)
    }

    /// A sentence: its first 1,000 characters, with its length where it has more.
    pub fn message(text: &str) -> Excerpt {
        Excerpt::of(text.trim(), MESSAGE)
    }

    /// As [`Excerpt::name`], of bytes that should be text.
    pub fn name_of_bytes(bytes: &[u8]) -> Excerpt {
        // A character takes at most four bytes, so more than this is cut in any case.
        let head = &bytes[..bytes.len().min(4 * NAME + 4)];
        match bytes.len() == head.len() {
            true => Excerpt::name(&String::from_utf8_lossy(bytes)),
            false => Excerpt::cut(&String::from_utf8_lossy(head), NAME, bytes.len()),
        }
    }

    fn of(text: &str, most: usize) -> Excerpt {
        match text.char_indices().nth(most) {
            None => Excerpt(text.chars().fold(String::new(), shown)),
            Some(_) => Excerpt::cut(text, most, text.len()),
        }
    }

    fn cut(text: &str, most: usize, bytes: usize) -> Excerpt {
        let mut cut = text.chars().take(most).fold(String::new(), shown);
        // Escapes are longer than what they stand for.
        if let Some((end, _)) = cut.char_indices().nth(2 * most) {
            cut.truncate(end);
        }
        Excerpt(format!("{cut}… ({bytes} bytes)"))
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Deref for Excerpt {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<Excerpt> for String {
    fn from(excerpt: Excerpt) -> String {
        excerpt.0
    }
}

/// What another process sends is bounded again.
impl<'de> Deserialize<'de> for Excerpt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let longest = 2 * NAME + "… (18446744073709551615 bytes)".len();
        match text.len() <= longest && !text.chars().any(is_obeyed) {
            true => Ok(Excerpt(text)),
            false => Ok(Excerpt::name(&text)),
        }
    }
}

fn shown(mut text: String, character: char) -> String {
    match character {
        character if is_obeyed(character) => text.extend(character.escape_default()),
        character => text.push(character),
    }
    text
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_plain_name_stays_as_it_is() {
        for name in ["", "float_input", "größe", "列 1", "a\\b`c"] {
            assert_eq!(&*Excerpt::name(name), name);
        }
    }

    #[test]
    fn what_a_terminal_log_or_page_would_obey_is_shown() {
        assert_eq!(&*Excerpt::name("a\u{1b}[31m\nb\0\u{9b}"), "a\\u{1b}[31m\\nb\\u{0}\\u{9b}");
        assert_eq!(&*Excerpt::name("x\u{202e}y\u{2028}"), "x\\u{202e}y\\u{2028}");
    }

    #[test]
    fn a_long_text_is_cut_and_says_how_long_it_was() {
        let name = Excerpt::name(&"x".repeat(1_000_000));
        assert_eq!(*name, format!("{}… (1000000 bytes)", "x".repeat(200)));
        let worst = Excerpt::name(&"\u{1b}".repeat(30_000_000));
        assert!(worst.len() < 450, "{worst}");
        assert!(Excerpt::message(&"\0".repeat(1_000_000)).len() < 2100);
        let bytes = Excerpt::name_of_bytes(&[0xff; 1_000_000]);
        assert!(bytes.ends_with("… (1000000 bytes)") && bytes.len() < 1000, "{bytes}");
    }

    #[test]
    fn what_another_process_sends_is_bounded_again() {
        for text in ["plain".to_owned(), "\u{1b}".repeat(10), "y".repeat(1_000_000)] {
            let sent: Excerpt = serde_json::from_value(serde_json::json!(text)).unwrap();
            assert_eq!(sent, Excerpt::name(&text));
            let again: Excerpt =
                serde_json::from_str(&serde_json::to_string(&sent).unwrap()).unwrap();
            assert_eq!(again, sent);
        }
    }
}
