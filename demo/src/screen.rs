//! Shows how a release goes: one live line on a terminal, a line per step elsewhere.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::Instant;

const BAR_WIDTH: usize = 12;
/// Where the text of a line begins, after its time.
const MARGIN: usize = 12;
/// For a terminal that does not say how wide it is.
const USUAL_WIDTH: usize = 80;

/// Where the story is told: stderr, for stdout is for data.
pub(crate) struct Screen {
    started: Instant,
    live: bool,
}

/// What the live line says of a step that is under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doing<'a> {
    pub(crate) release: &'a str,
    /// The step's program.
    pub(crate) step: &'a str,
    /// Of the keys, that the candidate answers now.
    pub(crate) share: Option<f64>,
}

impl Screen {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), live: std::io::stderr().is_terminal() }
    }

    /// Seconds since the demo began.
    pub(crate) fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// A line that stays.
    pub(crate) fn say(&self, text: &str) {
        let line = format!("{:>6.1} s    {text}", self.seconds());
        match self.live {
            true => self.put(&format!("\r\x1b[2K{}\n", wrapped(&line, width(), MARGIN))),
            false => self.put(&format!("{line}\n")),
        }
    }

    /// The line that is replaced by the next.
    pub(crate) fn progress(&self, what: &str, done: u64, total: u64) {
        if self.live {
            let line = live_line(self.seconds(), what, done, total, width());
            self.put(&format!("\r\x1b[2K{line}"));
        }
    }

    fn put(&self, text: &str) {
        // A closed terminal is no reason to end the demo.
        let _shown = std::io::stderr().write_all(text.as_bytes());
    }
}

impl Default for Screen {
    fn default() -> Self {
        Self::new()
    }
}

impl Doing<'_> {
    /// Such as `2-boosting  canary-gate  5 % of the keys, 312 of 500`.
    pub(crate) fn text(&self, done: u64, total: u64) -> String {
        let share = self.share.map(|share| format!("{} % of the keys", hundredths(share)));
        let count = (total > 1).then(|| format!("{} of {}", grouped(done), grouped(total)));
        let known: Vec<String> = share.into_iter().chain(count).collect();
        format!("{}  {}  {}", self.release, self.step, known.join(", ")).trim_end().to_owned()
    }
}

/// `text` for a line on a screen: digests cut to 12 digits, paths from `root` on.
pub(crate) fn brief(text: &str, root: &Path) -> String {
    let text = text.replace(&format!("{}/", root.display()), "");
    let mut parts = text.split("sha256:");
    let mut short = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let hex = part.chars().take_while(char::is_ascii_hexdigit).count();
        let rest = &part[hex..];
        short.push_str(&match hex {
            64 => format!("sha256:{}…{rest}", &part[..12]),
            _ => format!("sha256:{part}"),
        });
    }
    short
}

/// `text` in lines of at most `width` characters, broken between words; lines after the first begin at `margin`.
///
/// A word that is longer than a line stays whole: a terminal breaks it, and it can still be copied.
pub(crate) fn wrapped(text: &str, width: usize, margin: usize) -> String {
    let (mut lines, mut line) = (Vec::new(), String::new());
    for (at, word) in text.split(' ').enumerate() {
        let begins = line.trim().is_empty();
        if !begins && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(line.trim_end().to_owned());
            line = " ".repeat(margin);
        } else if at > 0 && (lines.is_empty() || !begins) {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines.join("\n")
}

/// One line and never more: what does not fit is cut at a word, so that the next line can replace all of it.
fn live_line(seconds: f64, what: &str, done: u64, total: u64, width: usize) -> String {
    let bar = if total > 1 { format!("{} ", bar(done, total)) } else { String::new() };
    let line = format!("{seconds:>6.1} s    {bar}{what}");
    // The last column stays free: a terminal may begin a new line after it.
    if line.chars().count() < width {
        return line;
    }
    let kept: String = line.chars().take(width.saturating_sub(2)).collect();
    let kept =
        kept.rsplit_once(' ').map_or(&*kept, |(words, _)| words).trim_end_matches([',', ' ']);
    format!("{kept}…")
}

fn width() -> usize {
    let size = terminal_size::terminal_size_of(std::io::stderr());
    size.map_or(USUAL_WIDTH, |(width, _)| usize::from(width.0))
}

fn hundredths(share: f64) -> String {
    format!("{:.1}", share * 100.0).trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn bar(done: u64, total: u64) -> String {
    let full = if total == 0 { 0 } else { (done.min(total) as usize * BAR_WIDTH) / total as usize };
    format!("{}{}", "━".repeat(full), "╌".repeat(BAR_WIDTH - full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_and_paths_are_cut() {
        let text = format!("oci:/home/me/x@sha256:{} is there, sha256:12 is not", "ab".repeat(32));
        let short = brief(&text, Path::new("/home/me"));
        assert_eq!(short, "oci:x@sha256:abababababab… is there, sha256:12 is not");
    }

    #[test]
    fn the_live_line_says_the_share_and_how_many_of_how_many() {
        let doing = Doing { release: "2-boosting", step: "canary-gate", share: Some(0.05) };
        let line = live_line(12.3, &doing.text(312, 1_500), 312, 1_500, 80);
        assert_eq!(
            line,
            "  12.3 s    ━━╌╌╌╌╌╌╌╌╌╌ 2-boosting  canary-gate  5 % of the keys, 312 of 1,500"
        );
        let early = Doing { release: "1-linear", step: "promote", share: None };
        assert_eq!(live_line(0.9, &early.text(0, 1), 0, 1, 80), "   0.9 s    1-linear  promote");
        let half = Doing { share: Some(0.005), ..doing };
        assert!(half.text(0, 1).ends_with("0.5 % of the keys"));
    }

    #[test]
    fn the_live_line_fits_any_terminal_and_is_cut_between_words() {
        let doing = Doing { release: "5-blind-spot", step: "canary-gate", share: Some(0.25) };
        let what = doing.text(1_312, 217_320);
        for width in 20..140 {
            let line = live_line(12.3, &what, 1, 2, width);
            assert!(line.chars().count() < width, "{width}: {line}");
            let cut = line.trim_end_matches('…');
            let whole = live_line(12.3, &what, 1, 2, 200);
            let next = whole[cut.len()..].chars().next();
            assert!(next.is_none_or(|next| " ,".contains(next)), "{width}: {line}");
        }
    }

    #[test]
    fn lines_break_between_words_and_lose_none() {
        let text = "  15.5 s    canary-gate     pass  not worse than the champion by 25 % up to a share of 50 %";
        for width in [30, 40, 80, 120] {
            let shown = wrapped(text, width, MARGIN);
            let words = |text: &str| -> Vec<String> {
                text.split_whitespace().map(str::to_owned).collect()
            };
            assert_eq!(words(&shown), words(text));
            for (at, line) in shown.lines().enumerate() {
                assert!(line.chars().count() <= width, "{width}: {line}");
                assert!(at == 0 || line.starts_with(&" ".repeat(MARGIN)), "{line}");
            }
        }
        assert_eq!(wrapped(text, 120, MARGIN), text, "what fits stays as it is");
    }
}
