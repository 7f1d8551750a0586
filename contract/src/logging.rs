//! Logs go to stderr: text for a terminal, JSON lines otherwise.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Installs the subscriber; `filter` as in `--log`.
///
/// # Errors
/// The filter does not parse.
pub fn init(filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        crate::usage(
            format!("--log {filter}: {error}"),
            "write a level (info) or module=level pairs",
        )
    })?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second call happens only in tests that share a process; the first subscriber stays.
    let _installed = if std::io::stderr().is_terminal() {
        logs.with_target(false).try_init()
    } else {
        logs.json().flatten_event(true).try_init()
    };
    Ok(())
}
