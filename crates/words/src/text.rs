//! Text that comes from elsewhere, made fit for people: nothing in it moves a cursor, and it has an end.

use std::fmt::Write as _;

use serde_json::Value;

/// Characters of a reason: Argo and Kubernetes show hardly more, and a sentence needs less.
pub const MAX_REASON: usize = 1_000;
/// Characters of an output and of any text in an event's content.
pub const MAX_VALUE: usize = 4_096;

/// One line of at most `most` characters and a word on the rest, with everything escaped that a terminal or a page
/// acts on instead of showing it: control characters, line breaks, marks that turn the direction of writing.
pub fn line(text: &str, most: usize) -> String {
    let mut out = String::with_capacity(text.len().min(most));
    let mut characters = text.trim().chars();
    for character in characters.by_ref().take(most) {
        push(&mut out, character);
    }
    match characters.count() {
        0 => out,
        1 => out + "… and 1 more character",
        more => out + &format!("… and {more} more characters"),
    }
}

/// As [`line`], with line breaks kept.
pub fn lines(text: &str, most: usize) -> String {
    text.split('\n').map(|part| line(part, most)).collect::<Vec<_>>().join("\n")
}

/// The value with every text in it cut to [`MAX_VALUE`] characters.
pub fn bounded(value: Value) -> Value {
    match value {
        Value::String(text) if text.len() > MAX_VALUE => line(&text, MAX_VALUE).into(),
        Value::Array(items) => items.into_iter().map(bounded).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| (line(&name, MAX_VALUE), bounded(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other,
    }
}

/// The number and the word, as in `1 record` or `3 records`.
pub fn count(number: u64, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

fn push(out: &mut String, character: char) {
    match character {
        '\n' => out.push_str("\\n"),
        '\t' => out.push_str("\\t"),
        '\r' => out.push_str("\\r"),
        character if crate::is_obeyed(character) => {
            let _never_fails = write!(out, "{}", character.escape_unicode());
        }
        character => out.push(character),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_line_moves_a_cursor_and_it_has_an_end() {
        for (text, expected) in [
            ("harm at 5 %, é", "harm at 5 %, é"),
            ("a\nb\tc\r", "a\\nb\\tc"),
            ("\u{1b}[2Jx\0", "\\u{1b}[2Jx\\u{0}"),
            ("pass\u{202e}liaf\u{2028}", "pass\\u{202e}liaf"),
            ("\u{85}\u{9b}31m!", "\\u{9b}31m!"),
            ("123456789x", "123456789x"),
            ("123456789xy", "123456789x… and 1 more character"),
            ("123456789é456", "123456789é… and 3 more characters"),
        ] {
            let most = if text.starts_with('1') { 10 } else { 100 };
            assert_eq!(line(text, most), expected);
        }
        assert_eq!(lines("error: a\u{7}\nhint: b", 99), "error: a\\u{7}\nhint: b");
    }

    #[test]
    fn a_megabyte_in_an_event_is_cut_wherever_it_stands() {
        let long = "x".repeat(1 << 20);
        let value = serde_json::json!({ "a": [{ "b": long }], long.clone(): 1, "n": 1.5 });
        let left = bounded(value);
        assert!(left.to_string().len() < 3 * MAX_VALUE && left["n"] == 1.5);
    }

    #[test]
    fn one_is_one() {
        assert_eq!(count(1, "record", "records"), "1 record");
        assert_eq!(count(0, "record", "records"), "0 records");
    }
}
