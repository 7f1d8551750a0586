//! Logs go to stderr: text for a terminal, JSON lines otherwise; neither with what is to be kept out.

use std::io::{self, IsTerminal, Write};

use tracing_subscriber::EnvFilter;

use fault::redact::redact;

/// Installs the subscriber; `filter` as in `--log`.
///
/// # Errors
/// The filter does not parse.
pub fn init(filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        fault::usage(
            format!("--log {filter}: {error}"),
            "write a level (info) or module=level pairs",
        )
    })?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| Redacted);
    // A second call happens only in tests that share a process; the first subscriber stays.
    let _installed = if std::io::stderr().is_terminal() {
        logs.with_target(false).try_init()
    } else {
        logs.json().flatten_event(true).try_init()
    };
    Ok(())
}

/// stderr, which gets each event at once.
struct Redacted;

impl Write for Redacted {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        match str::from_utf8(event) {
            Ok(text) => io::stderr().write_all(redact(text).as_bytes())?,
            Err(_) => io::stderr().write_all(event)?,
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
