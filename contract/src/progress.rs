//! Progress for people: Argo's progress file, and a bar on a terminal.

use std::cell::RefCell;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

const BAR_WIDTH: usize = 30;
const REFRESH: Duration = Duration::from_millis(200);

/// Reports how far a run is.
#[derive(Debug)]
pub struct Progress {
    file: Option<PathBuf>,
    bar: bool,
    last: RefCell<Option<Instant>>,
}

impl Progress {
    /// Writes to the file that Argo names in `ARGO_PROGRESS_FILE`, and draws on stderr when that is a terminal.
    pub fn from_environment() -> Self {
        let file = std::env::var_os("ARGO_PROGRESS_FILE").map(PathBuf::from);
        Self { file, bar: std::io::stderr().is_terminal(), last: RefCell::new(None) }
    }

    /// `done` of `total`, and in a few words what is going on. A refusal to take it is no fault.
    pub fn report(&self, done: u64, total: u64, what: &str) {
        let done = done.min(total);
        if done < total && self.last.borrow().is_some_and(|last| last.elapsed() < REFRESH) {
            return;
        }
        *self.last.borrow_mut() = Some(Instant::now());
        if let Some(file) = &self.file
            && let Err(error) = std::fs::write(file, format!("{done}/{total}"))
        {
            tracing::debug!(%error, "progress file");
        }
        if self.bar {
            let line = bar(done, total, what);
            let end = if done == total { "\n" } else { "" };
            let _drawn = write!(std::io::stderr(), "\r\x1b[2K{line}{end}");
        }
    }
}

fn bar(done: u64, total: u64, what: &str) -> String {
    let part = if total == 0 { 0.0 } else { done as f64 / total as f64 };
    let full = (part * BAR_WIDTH as f64) as usize;
    format!("{}{} {:>3.0} % {what}", "━".repeat(full), "╌".repeat(BAR_WIDTH - full), part * 100.0)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_argo_file_holds_done_of_total() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("progress");
        let progress = Progress { file: Some(file.clone()), bar: false, last: RefCell::new(None) };
        progress.report(3, 10, "records");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "3/10");
        progress.report(10, 10, "records");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "10/10");
    }

    #[test]
    fn a_bar_never_overflows() {
        assert!(bar(0, 0, "").starts_with('╌'));
        assert_eq!(bar(5, 5, "x").chars().filter(|c| *c == '━').count(), BAR_WIDTH);
    }
}
