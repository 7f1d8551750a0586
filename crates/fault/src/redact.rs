//! Values that nothing this process says may hold.
//!
//! A library that quotes a setting in its error quotes a password where the setting's name is misspelt, and no list
//! of its messages is ever whole. So the values are kept here, and taken out where text leaves the process: from
//! logs, from errors, from a container's last words.

use std::borrow::Cow;
use std::sync::{PoisonError, RwLock};

static VALUES: RwLock<Vec<Kept>> = RwLock::new(Vec::new());

/// What stands where a value stood.
const REDACTED: &str = "[redacted]";
/// Values that say nothing, and that messages are full of.
const HARMLESS: &[&str] = &[
    "plain",
    "plaintext",
    "ssl",
    "sasl_ssl",
    "sasl_plaintext",
    "gssapi",
    "oauthbearer",
    "scram-sha-256",
    "scram-sha-512",
    "true",
    "false",
    "none",
    "all",
    "https",
    "probe",
    "default",
];
const MIN_LENGTH: usize = 3;
/// A part of a value that is as long as this is as telling as the whole.
const TELLING_PART: usize = 6;

/// A value, and how many bytes of it are already too much.
#[derive(PartialEq)]
struct Kept {
    spelling: String,
    least: usize,
}

/// From here on nothing that is said holds `value`, or a telling part of it.
pub fn keep_out(value: &str) {
    keep(value, TELLING_PART);
}

/// From here on nothing that is said holds `value` as a whole. Its parts may be said: those of a path are words that
/// logs are full of.
pub fn keep_out_whole(value: &str) {
    keep(value, usize::MAX);
}

fn keep(value: &str, telling: usize) {
    let value = value.trim();
    let is_small_number = value.len() < TELLING_PART && value.parse::<u32>().is_ok();
    let lower = value.to_ascii_lowercase();
    if value.len() < MIN_LENGTH || is_small_number || HARMLESS.contains(&lower.as_str()) {
        return;
    }
    let mut values = VALUES.write().unwrap_or_else(PoisonError::into_inner);
    // As it is, as JSON and as `{:?}` write it.
    for spelling in [
        value.to_owned(),
        inside(&serde_json::json!(value).to_string()),
        inside(&format!("{value:?}")),
    ] {
        let kept = Kept { least: spelling.len().min(telling), spelling };
        if !values.contains(&kept) {
            values.push(kept);
        }
    }
    values.sort_unstable_by_key(|kept| std::cmp::Reverse(kept.spelling.len()));
}

/// The text without any such value, or a telling part of one.
pub fn redact(text: &str) -> Cow<'_, str> {
    let values = VALUES.read().unwrap_or_else(PoisonError::into_inner);
    if values.is_empty() {
        return Cow::Borrowed(text);
    }
    values.iter().fold(Cow::Borrowed(text), |text, kept| match without(&text, kept) {
        Some(left) => Cow::Owned(left),
        None => text,
    })
}

/// What is between the quotes.
fn inside(quoted: &str) -> String {
    quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned()
}

/// The text without a value; `None` where it holds no part of it.
fn without(text: &str, kept: &Kept) -> Option<String> {
    let (value, least) = (kept.spelling.as_str(), kept.least);
    let mut left = String::new();
    let (mut rest, mut copied) = (0, 0);
    while rest < text.len() {
        match longest(&text[rest..], value, least) {
            Some(length) => {
                left.push_str(&text[copied..rest]);
                left.push_str(REDACTED);
                rest += length;
                copied = rest;
            }
            None => rest += text[rest..].chars().next().map_or(1, char::len_utf8),
        }
    }
    left.push_str(&text[copied..]);
    (copied > 0).then_some(left)
}

/// Bytes of the longest beginning of `text` that is a part of `value`, if there are `least`.
fn longest(text: &str, value: &str, least: usize) -> Option<usize> {
    let boundary = |length: &usize| text.is_char_boundary(*length);
    let start = (least..=text.len().min(least + 3)).find(boundary)?;
    let places = value.match_indices(&text[..start]).map(|(place, _)| {
        let same = text.bytes().zip(value[place..].bytes()).take_while(|(a, b)| a == b).count();
        (0..=same).rev().find(boundary).unwrap_or(0)
    });
    places.max().filter(|length| *length >= least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_taken_out_whole_in_parts_and_however_it_is_written() {
        keep_out("pl4nted-\"é\\secret");
        for text in [
            "No such configuration property: \"sasl.pasword\" pl4nted-\"é\\secret!",
            r#"{"key":"pl4nted-\"é\\secret!"}"#,
            "cut in the middle: pl4nted-\"!",
            "its end: é\\secret!",
            "pl4nted-\"é\\secretpl4nted-\"é\\secret!",
        ] {
            let left = redact(text);
            assert!(
                !left.contains("pl4nt") && !left.contains("secret") && left.contains('!'),
                "{left}"
            );
            assert!(left.contains(REDACTED), "{left}");
        }
        assert_eq!(redact("pl4n is short of it"), "pl4n is short of it");
    }

    #[test]
    fn of_a_path_only_the_whole_is_taken_out() {
        keep_out_whole("/run/pl4ces/kafka/ca.crt");
        let log = r#"{"why":"/run/pl4ces/kafka/ca.crt is not there","kafka":"pl4ces"}"#;
        assert_eq!(redact(log), r#"{"why":"[redacted] is not there","kafka":"pl4ces"}"#);
    }

    #[test]
    fn what_says_nothing_is_left_alone() {
        for harmless in ["SASL_SSL", "PLAIN", "5", "30000", "", "ab"] {
            keep_out(harmless);
        }
        let text = "SASL PLAIN handshake failed after 30000 ms, 5 times";
        assert_eq!(redact(text), text);
    }
}
