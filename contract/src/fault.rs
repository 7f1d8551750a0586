//! Faults: why a step could not reach a verdict.
//!
//! A rejected model is not a fault but a verdict. Everything else ends here, and the kind of fault alone
//! decides the exit code.

use crate::exit;

/// A reason for reaching no verdict, with the hint that says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The caller has to change something; exit 2.
    #[error("{what}")]
    Usage { what: String, hint: String },
    /// Likely gone at the next try; exit 75.
    #[error("{what}")]
    Passing { what: String, hint: String },
    /// SIGTERM or SIGINT arrived; exit 75.
    #[error("stopped by a signal before a verdict was reached")]
    Stopped,
}

/// Wrong usage or configuration: `what` is wrong, `hint` says how to mend it.
pub fn usage(what: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
    Fault::Usage { what: what.into(), hint: hint.into() }.into()
}

/// A fault that the next try may not meet.
pub fn passing(what: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
    Fault::Passing { what: what.into(), hint: hint.into() }.into()
}

impl Fault {
    fn hint(&self) -> &str {
        match self {
            Self::Usage { hint, .. } | Self::Passing { hint, .. } => hint,
            Self::Stopped => "run the step again; it starts from a consistent state",
        }
    }
}

/// The exit code of an error: that of the first [`Fault`] in its chain, else [`exit::BUG`].
pub fn exit_code(error: &anyhow::Error) -> u8 {
    match find(error) {
        Some(Fault::Usage { .. }) => exit::USAGE,
        Some(Fault::Passing { .. } | Fault::Stopped) => exit::PASSING,
        None => exit::BUG,
    }
}

/// The error as people read it: what, the causes, and the hint.
pub fn render(error: &anyhow::Error) -> String {
    let mut text = format!("error: {error}");
    for cause in error.chain().skip(1) {
        text.push_str(&format!("\ncaused by: {cause}"));
    }
    let hint = find(error)
        .map_or("this is a bug in the step: please report it with this output", Fault::hint);
    text.push_str(&format!("\nhint: {hint}"));
    text
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
        assert_eq!(exit_code(&context(passing("broker away", "try again"))), exit::PASSING);
        assert_eq!(exit_code(&Fault::Stopped.into()), exit::PASSING);
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
}
