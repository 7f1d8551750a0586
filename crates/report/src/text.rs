//! Text on a page: bounded, visible to the last character, with digests short and the whole one at hand.

use maud::{Markup, html};

/// Longer text says no more, and a name out of a model may have megabytes.
const MAX_LENGTH: usize = 2_000;
/// Hexadecimal digits of a digest that a person compares at a glance.
const SHORT: usize = 12;
/// Fewer hexadecimal digits in a row are a number or a word.
const DIGEST: usize = 40;

/// Prose: digests are cut short with the whole one as their title, and a percent sign stays with its number.
pub(crate) fn prose(text: &str) -> Markup {
    let text = visible(text).replace(" %", "\u{a0}%");
    html! {
        @for piece in pieces(&text) {
            @match piece {
                Piece::Plain(plain) => (plain),
                Piece::Digest(whole) => code class="digest" title=(whole) { (short(whole)) },
            }
        }
    }
}

/// A value that may be a digest, with the whole one folded below it, to read and to copy without a mouse.
pub(crate) fn value(text: &str) -> Markup {
    let text = visible(text);
    let cut = pieces(&text).iter().any(|piece| matches!(piece, Piece::Digest(_)));
    if !cut {
        return prose(&text);
    }
    html! {
        details class="whole" {
            summary { (prose(&text)) }
            code class="copy" { (text) }
        }
    }
}

/// As plain text, for headlines and attributes: digests are cut short.
pub(crate) fn plain(text: &str) -> String {
    let text = visible(text);
    let piece = |piece: &Piece<'_>| match piece {
        Piece::Plain(plain) => (*plain).to_owned(),
        Piece::Digest(whole) => short(whole),
    };
    pieces(&text).iter().map(piece).collect()
}

/// The first digits of a digest, without the name of its algorithm.
pub(crate) fn short(digest: &str) -> String {
    let hex = digest.rsplit(':').next().unwrap_or(digest);
    hex.chars().take(SHORT).collect()
}

/// A text that shows every character: controls as their pictures, and cut where nobody would read on.
fn visible(text: &str) -> String {
    let picture = |letter: char| match letter {
        '\n' | '\t' => ' ',
        '\u{7f}' => '␡',
        low if u32::from(low) < 0x20 => char::from_u32(0x2400 + u32::from(low)).unwrap_or('�'),
        obeyed if words::is_obeyed(obeyed) => '�',
        other => other,
    };
    let mut shown: String = text.chars().take(MAX_LENGTH).map(picture).collect();
    let more = text.chars().skip(MAX_LENGTH).count();
    if more > 0 {
        shown.push_str(&format!("… (cut, {} more characters)", crate::count(more as u64)));
    }
    shown
}

enum Piece<'a> {
    Plain(&'a str),
    /// With its algorithm, where it has one.
    Digest(&'a str),
}

/// Divides a text into digests and what is between them.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    const ALGORITHM: &str = "sha256:";
    let bytes = text.as_bytes();
    let (mut pieces, mut plain_from, mut at) = (Vec::new(), 0, 0);
    while at < bytes.len() {
        let run = bytes[at..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        // A word of letters and digits beyond hexadecimal ones is no digest.
        let inside = at > 0 && bytes[at - 1].is_ascii_alphanumeric();
        let goes_on = bytes.get(at + run).is_some_and(u8::is_ascii_alphanumeric);
        if run >= DIGEST && !inside && !goes_on {
            let from = if text[..at].ends_with(ALGORITHM) { at - ALGORITHM.len() } else { at };
            pieces.push(Piece::Plain(&text[plain_from..from]));
            pieces.push(Piece::Digest(&text[from..at + run]));
            plain_from = at + run;
        }
        at += run.max(1);
    }
    pieces.push(Piece::Plain(&text[plain_from..]));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_short_and_whole_ones_at_hand() {
        let whole = format!("sha256:{}", "ab12".repeat(16));
        let text = prose(&format!("the champion {whole} is 12 % off")).into_string();
        assert_eq!(
            text,
            format!(
                "the champion <code class=\"digest\" title=\"{whole}\">ab12ab12ab12</code> is 12\u{a0}% off"
            )
        );
        assert!(
            value(&whole).into_string().contains(&format!("<code class=\"copy\">{whole}</code>"))
        );
        assert_eq!(plain(&format!("Canary of {whole}")), "Canary of ab12ab12ab12");
        for same in ["deadbeef", "sha256:1", "", "ä sha256: b", &"z".repeat(64)] {
            assert_eq!(plain(same), same);
        }
    }

    #[test]
    fn no_character_hides_and_no_text_is_endless() {
        assert_eq!(plain("a\u{1b}[31m\0b\nc\u{202e}d"), "a␛[31m␀b c�d");
        let long = plain(&"x".repeat(1_000_000));
        assert!(
            long.len() < 2_100 && long.ends_with("… (cut, 998,000 more characters)"),
            "{}",
            long.len()
        );
    }
}
