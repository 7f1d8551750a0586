//! What errors, logs and reasons say, in words for people: counts with their noun, durations, lists, names of models, what
//! is wrong with a JSON file that someone wrote, and which characters from elsewhere are not passed on. Pure.

use std::time::Duration;

mod json;
pub mod model_name;
pub mod text;

pub use json::read_json;

/// A count with its noun: `1 record`, `2,048 records`.
#[must_use]
pub fn plural(value: u64, noun: &str) -> String {
    match value {
        1 => format!("1 {noun}"),
        many => format!("{} {noun}s", count(many)),
    }
}

/// A duration in the unit that fits its size: `84 ms`, `3.2 s`, `1 min 34 s`, `2 h`.
#[must_use]
pub fn duration(value: Duration) -> String {
    let seconds = value.as_secs_f64();
    let short = [(1e-6, 1e9, "ns"), (1e-3, 1e6, "µs"), (1.0, 1e3, "ms"), (59.95, 1.0, "s")];
    if let Some((_, factor, unit)) = short.into_iter().find(|(below, ..)| seconds < *below) {
        return format!("{} {unit}", three(seconds * factor));
    }
    let whole = seconds.round() as u64;
    let (hours, minutes, seconds) = (whole / 3600, whole % 3600 / 60, whole % 60);
    match (hours, minutes, seconds) {
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, 0, _) => format!("{} h", count(hours)),
        (hours, minutes, _) => format!("{} h {minutes} min", count(hours)),
    }
}

/// `a`, `a and b`, `a, b and c`; `nothing` for none.
#[must_use]
pub fn list<T: AsRef<str>>(items: &[T]) -> String {
    let items: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
    match items.as_slice() {
        [] => "nothing".to_owned(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The first few, and how many more there are: `a, b, c and 57 more`.
#[must_use]
pub fn first_few<T: std::fmt::Display>(items: impl IntoIterator<Item = T>, most: usize) -> String {
    let mut items = items.into_iter();
    let shown: Vec<String> = items.by_ref().take(most).map(|item| item.to_string()).collect();
    match items.count() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Whether a terminal, a log or a page acts on the character in place of showing it: control characters, line ends of
/// Unicode, and what turns the direction of text or is not seen. Text from elsewhere is not passed on with any of them.
#[must_use]
pub fn is_obeyed(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// About three significant digits, none of the whole ones lost.
fn three(value: f64) -> String {
    let digits = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    let text = format!("{value:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// A count with grouped thousands: `49097` reads `49,097`.
#[must_use]
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        assert_eq!(plural(1, "record"), "1 record");
        assert_eq!(plural(0, "record"), "0 records");
        assert_eq!(plural(1_234_567, "record"), "1,234,567 records");
    }

    #[test]
    fn a_long_list_is_cut() {
        assert_eq!(first_few(["a", "b", "c"], 3), "a, b, c");
        assert_eq!(first_few(1..=60, 3), "1, 2, 3 and 57 more");
    }

    #[test]
    fn a_duration_has_the_unit_of_its_size() {
        for (nanoseconds, text) in [
            (0, "0 ns"),
            (31_200, "31.2 µs"),
            (84_000_000, "84 ms"),
            (999_400_000, "999 ms"),
            (3_200_000_000, "3.2 s"),
            (60_000_000_000, "1 min"),
            (94_200_000_000, "1 min 34 s"),
            (7_200_000_000_000, "2 h"),
            (37_500_000_000_000, "10 h 25 min"),
        ] {
            assert_eq!(duration(Duration::from_nanos(nanoseconds)), text);
        }
    }

    #[test]
    fn a_list_ends_with_and() {
        assert_eq!(list::<&str>(&[]), "nothing");
        assert_eq!(list(&["a"]), "a");
        assert_eq!(list(&["a", "b"]), "a and b");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
    }
}
