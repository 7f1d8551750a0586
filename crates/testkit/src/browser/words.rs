//! Words that no page should show: what a program's insides look like, and grammar that nobody speaks.

use super::Measured;

/// Text that betrays a value printed for programmers.
const INSIDES: [&str; 9] =
    ["{", "Some(", "None ", "Ok(", "Err(", "NaN", "undefined", "(null", "unwrap"];

/// What a reader would stumble over in the words of a page; empty when they read well.
pub(super) fn faults(seen: &Measured) -> Vec<String> {
    // The decision record is JSON and is folded; what is shown is for people.
    let text = &seen.text;
    let mut faults: Vec<String> = INSIDES
        .iter()
        .filter(|inside| text.contains(*inside))
        .map(|inside| format!("the page says '{inside}': {}", around(text, inside)))
        .collect();
    for word in text.split(|letter: char| !letter.is_alphanumeric()) {
        if word == "inf" || word == "Infinity" {
            faults.push(format!("the page says '{word}': {}", around(text, word)));
        }
    }
    faults.extend(one_of_many(text));
    for headline in &seen.headlines {
        let digits = headline.split(|letter: char| !letter.is_ascii_hexdigit());
        if digits.map(str::len).max().unwrap_or(0) >= 40 || headline.contains("sha256:") {
            faults.push(format!("a headline holds a digest: {headline}"));
        }
    }
    faults
}

/// `1 records`, `1 scorer(s)`, `(and 1 more)`.
fn one_of_many(text: &str) -> Vec<String> {
    // Within a line: a cell that ends with a 1 has nothing to do with the next one.
    let words: Vec<Vec<&str>> =
        text.lines().map(|line| line.split_whitespace().collect()).collect();
    let mut faults: Vec<String> = words
        .iter()
        .flat_map(|line| line.windows(2))
        .filter(|pair| pair[0].trim_start_matches('(') == "1")
        .filter(|pair| {
            let noun = pair[1].trim_end_matches([',', '.', ';', ':', ')']);
            noun.len() > 3 && noun.ends_with('s') && !noun.ends_with("ss") && !noun.ends_with("us")
        })
        .map(|pair| format!("the page says '{} {}'", pair[0], pair[1]))
        .collect();
    // `time (s)` is a unit, `scorer(s)` a program that does not count.
    let of_words =
        text.match_indices("(s)").filter(|(at, _)| text[..*at].ends_with(char::is_alphabetic));
    faults.extend(
        of_words.map(|(at, _)| format!("the page says '(s)': {}", around(&text[at..], "(s)"))),
    );
    if text.contains("(and 1 more)") {
        faults.push(format!("the page says '(and 1 more)': {}", around(text, "(and 1 more)")));
    }
    faults
}

fn around(text: &str, part: &str) -> String {
    let at = text.find(part).unwrap_or(0);
    let before: String = text[..at].chars().rev().take(40).collect();
    let before: String = before.chars().rev().collect();
    let behind: String = text[at..].chars().take(40).collect();
    format!("…{before}{behind}…").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_programmers_are_found_and_words_for_people_are_not() {
        for (text, count) in [
            ("At NaN s", 1),
            ("Some(3) of Counts { records: 0 }", 2),
            ("1 records did not reach the broker", 1),
            ("2 scorer(s) confirmed", 1),
            ("f1 (and 1 more)", 1),
            ("up to inf", 1),
            ("1 record, 21 records, 1 class, 1 bus, information, 0.1 s, time (s), 1\nrecords", 0),
            ("it is None of them", 1),
            ("Nonetheless, none", 0),
        ] {
            let found = faults(&Measured { text: text.into(), ..Measured::nothing() });
            assert_eq!(found.len(), count, "{text}: {found:?}");
        }
        let headlines = vec![format!("Validation of {}", "0a".repeat(32))];
        assert_eq!(faults(&Measured { headlines, ..Measured::nothing() }).len(), 1);
    }
}
