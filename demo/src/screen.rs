//! Shows how a release goes: one live line on a terminal, a line per step elsewhere.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::Instant;

const BAR_WIDTH: usize = 24;

/// Where the story is told: stderr, for stdout is for data.
pub struct Screen {
    started: Instant,
    live: bool,
}

impl Screen {
    pub fn new() -> Self {
        Self { started: Instant::now(), live: std::io::stderr().is_terminal() }
    }

    /// Seconds since the demo began.
    pub fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// A line that stays.
    pub fn say(&self, text: &str) {
        let clear = if self.live { "\r\x1b[2K" } else { "" };
        self.put(&format!("{clear}{:>6.1} s  {text}\n", self.seconds()));
    }

    /// The line that is replaced by the next.
    pub fn progress(&self, what: &str, done: u64, total: u64) {
        if self.live {
            self.put(&format!("\r\x1b[2K{:>6.1} s  {} {what}", self.seconds(), bar(done, total)));
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

/// `text` for a line on a screen: digests cut to 12 digits, paths from `root` on.
pub fn brief(text: &str, root: &Path) -> String {
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
}
