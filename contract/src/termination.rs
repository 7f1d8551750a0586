//! The last words of a container: Kubernetes shows them as its state, Argo as the message of the node.

use std::fs::OpenOptions;
use std::io::Write as _;

use fault::redact;
use words::text;

/// Where Kubernetes looks, unless a pod says otherwise; it makes the file before the container starts.
const PLACE: &str = "/dev/termination-log";
/// Kubernetes cuts longer messages off.
const LONGEST: usize = 4_096;

/// Leaves `text` as the container's last words; without Kubernetes there is no such file, and nothing happens.
///
/// Whoever shows them may be a terminal or a page, and they hold what others said.
pub(crate) fn say(text: &str) {
    let text = text::lines(&redact::redact(text), LONGEST);
    let Ok(mut file) = OpenOptions::new().write(true).truncate(true).open(PLACE) else { return };
    // The same text stands in the log, so a file that takes no more loses nothing.
    let _written = file.write_all(cut(&text).as_bytes());
}

/// The text up to the longest length, cut between two characters.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_two_characters() {
        assert_eq!(cut("harm at 5 %"), "harm at 5 %");
        assert_eq!(cut(&"é".repeat(3_000)).len(), 4_096);
        assert_eq!(cut(&format!("a{}", "é".repeat(3_000))).len(), 4_095);
    }
}
