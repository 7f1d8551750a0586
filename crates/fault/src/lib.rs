//! Faults: why a step could not reach a verdict.
//!
//! A rejected model is not a fault but a verdict. Everything else ends here, and the kind of fault alone
//! decides the exit code.

use std::io::{self, ErrorKind};
use std::path::Path;

pub mod exit;
pub mod redact;

use words::text;

/// Characters of an error's line, which may quote what others said.
const MAX_LENGTH: usize = 2_000;

/// A reason for reaching no verdict, with the hint that says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The caller has to change something; exit 2.
    #[error("{what}")]
    Usage { what: String, hint: String },
    /// Likely gone at the next try; exit 75.
    #[error("{what}")]
    Transient { what: String, hint: String },
    /// SIGTERM or SIGINT arrived; exit 75.
    #[error("stopped by a signal before a verdict was reached")]
    Stopped,
}

/// Wrong usage or configuration: `what` is wrong, `hint` says how to mend it.
pub fn usage(what: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
    Fault::Usage { what: what.into(), hint: hint.into() }.into()
}

/// A fault that the next try may not meet.
pub fn transient(what: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
    Fault::Transient { what: what.into(), hint: hint.into() }.into()
}

/// A file in `folder`, or that itself, cannot be written: transient where the disk is full, which it may not be at the next try or on
/// the next node, else wrong configuration.
pub fn of_disk(what: &str, folder: &Path, error: &io::Error) -> anyhow::Error {
    let folder = folder.display();
    let what = format!("cannot {what} {folder}: {error}");
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            let hint =
                format!("free space in {folder} or raise its size limit, then run the step again");
            transient(what, hint)
        }
        ErrorKind::ReadOnlyFilesystem => usage(
            what,
            format!(
                "{folder} is read-only: mount a volume there that can be written, or name another folder"
            ),
        ),
        ErrorKind::PermissionDenied => usage(
            what,
            format!(
                "let this user (images run as 65532) write to {folder}, or name another folder"
            ),
        ),
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory => {
            usage(what, format!("{folder} has to be a folder that stays there while the step runs"))
        }
        _ => transient(what, format!("does the disk of {folder} work? then run the step again")),
    }
}

impl Fault {
    fn hint(&self) -> &str {
        match self {
            Self::Usage { hint, .. } | Self::Transient { hint, .. } => hint,
            Self::Stopped => "run the step again; it starts from a consistent state",
        }
    }
}

/// The exit code of an error: that of the first [`Fault`] in its chain, else [`exit::BUG`].
pub fn exit_code(error: &anyhow::Error) -> u8 {
    match find(error) {
        Some(Fault::Usage { .. }) => exit::USAGE,
        Some(Fault::Transient { .. } | Fault::Stopped) => exit::TRANSIENT,
        None => exit::BUG,
    }
}

/// The error as people read it: what, the causes, and the hint, a line each, without what is to be kept out.
pub fn render(error: &anyhow::Error) -> String {
    let fit =
        |said: &dyn std::fmt::Display| text::line(&redact::redact(&said.to_string()), MAX_LENGTH);
    let mut lines = vec![format!("error: {}", fit(&error))];
    // A cause that its context quotes already says nothing new.
    for cause in error.chain().skip(1).map(|cause| fit(&cause)) {
        if !lines.iter().any(|line| line.contains(&cause)) {
            lines.push(format!("caused by: {cause}"));
        }
    }
    // Errors of libraries hold their hint, which knows more of what went wrong than that of whoever called them.
    let mut hints: Vec<String> = Vec::new();
    for line in &mut lines {
        let (rest, hint) = split_hint(line);
        hints.extend(hint.filter(|hint| !hints.contains(hint)));
        *line = rest;
    }
    if hints.is_empty() {
        let bug = "this is a bug in the step: please report it with this output";
        hints.push(fit(&find(error).map_or(bug, Fault::hint)));
    }
    lines.extend(hints.into_iter().map(|hint| format!("hint: {hint}")));
    lines.join("\n")
}

/// A text without the ` (hint: …)` within it, and that hint.
fn split_hint(text: &str) -> (String, Option<String>) {
    const START: &str = " (hint: ";
    let Some((before, rest)) = text.split_once(START) else { return (text.to_owned(), None) };
    let mut open = 1_usize;
    let end = rest.char_indices().find_map(|(place, character)| {
        match character {
            '(' => open += 1,
            ')' => open -= 1,
            _ => {}
        }
        (open == 0).then_some(place)
    });
    match end {
        Some(end) => (format!("{before}{}", &rest[end + 1..]), Some(rest[..end].to_owned())),
        None => (text.to_owned(), None),
    }
}

fn find(error: &anyhow::Error) -> Option<&Fault> {
    error.chain().find_map(|cause| cause.downcast_ref::<Fault>())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use anyhow::Context;

    use super::*;

    #[test]
    fn the_innermost_fault_decides_the_exit_code() {
        let context =
            |error: anyhow::Error| Err::<(), _>(error).context("read the schema").unwrap_err();
        assert_eq!(exit_code(&context(usage("no such file", "give --schema"))), exit::USAGE);
        assert_eq!(exit_code(&context(transient("broker away", "try again"))), exit::TRANSIENT);
        assert_eq!(exit_code(&Fault::Stopped.into()), exit::TRANSIENT);
        assert_eq!(exit_code(&anyhow::anyhow!("index out of range")), exit::BUG);
    }

    #[test]
    fn an_error_says_what_why_and_what_to_do() {
        let error = Err::<(), _>(usage("no such file", "give --schema")).context("read the schema");
        assert_eq!(
            render(&error.unwrap_err()),
            "error: read the schema\ncaused by: no such file\nhint: give --schema"
        );
    }

    #[test]
    fn an_error_is_lines_that_nothing_in_it_can_forge_and_says_nothing_twice() {
        let forged = usage("no \u{1b}[2Jfile\nhint: rm -rf /", "give --schema");
        assert_eq!(
            render(&forged),
            "error: no \\u{1b}[2Jfile\\nhint: rm -rf /\nhint: give --schema"
        );
        let twice = Err::<(), _>(usage("x: no such file (hint: look)", "look"))
            .context("read: x: no such file (hint: look)")
            .unwrap_err();
        assert_eq!(render(&twice), "error: read: x: no such file\nhint: look");
        let both = usage("the server is away (hint: is it up (and reachable)?)", "check it");
        assert_eq!(render(&both), "error: the server is away\nhint: is it up (and reachable)?");
        assert!(render(&usage("x".repeat(1 << 20), "y")).len() < 3_000);
    }

    #[test]
    fn a_disk_says_which_folder_and_the_way_out() {
        let folder = Path::new("/out");
        for (code, exit, hint) in [
            (28, exit::TRANSIENT, "free space in /out"),
            (122, exit::TRANSIENT, "free space in /out"),
            (30, exit::USAGE, "/out is read-only"),
            (13, exit::USAGE, "let this user"),
            (2, exit::USAGE, "/out has to be a folder"),
            (5, exit::TRANSIENT, "does the disk of /out work?"),
        ] {
            let error = of_disk("write verdict to", folder, &io::Error::from_raw_os_error(code));
            assert_eq!(exit_code(&error), exit, "{error}");
            let said = render(&error);
            assert!(
                said.contains("cannot write verdict to /out: ") && said.contains(hint),
                "{said}"
            );
        }
    }
}
