//! What errors, logs and reasons say, in words for people: counts with their noun, durations, lists, and what is wrong
//! with a JSON file that someone wrote. Pure.

use std::time::Duration;

mod json;

pub use json::read_json;

/// A count with its noun: `1 record`, `2,048 records`.
#[must_use]
pub fn plural(count: u64, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        many => format!("{} {noun}s", grouped(many)),
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
        (hours, 0, _) => format!("{} h", grouped(hours)),
        (hours, minutes, _) => format!("{} h {minutes} min", grouped(hours)),
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

fn grouped(count: u64) -> String {
    let digits = count.to_string();
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
