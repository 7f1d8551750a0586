//! Into the sandbox; there is no way out.

use std::fs;
use std::io;

use crate::limits::Taken;
use crate::{Guard, Limits, Report, calls, files, limits, privileges};

/// A guard that every Linux has could not be set: nothing foreign may be looked at.
#[derive(Debug, thiserror::Error)]
#[error("the process that is to hold the model cannot give up its {what}: {source}")]
pub struct Error {
    what: &'static str,
    source: io::Error,
}

/// Gives up, for good, whatever this process does not need to compute and to speak over what is open.
///
/// To be called while the process has one thread, after everything is open and before anything foreign is read.
/// A file that is read later, such as `/proc/self/status`, has to be open by now.
/// Sockets can be read and written, but not by `send` and `recv`: pipes are meant.
///
/// # Errors
/// A limit or a privilege could not be given up. Landlock and seccomp are no errors where the kernel has none:
/// [`Report::lacking`] says so.
pub fn enter(bounds: &Limits) -> Result<Report, Error> {
    let failed = |what| move |source| Error { what, source };
    let threads = fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    let environment = environment();
    let taken = Taken::now().map_err(failed("memory"))?;
    let privileges = privileges::drop_all().map_err(failed("privileges"))?;
    let files = files::forbid(threads);
    let limits = limits::apply(bounds, taken).map_err(failed("memory, time and descriptors"))?;
    // Last: it refuses what the others need.
    let calls = calls::forbid(bounds.threads);
    Ok(Report { guards: vec![files, calls, limits, privileges, environment] })
}

/// The names of the variables, which are few where [`crate::spawn`] started the process; never a value.
fn environment() -> Guard {
    const MAX: usize = 8;
    let mut names: Vec<String> =
        std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    let effect = match names.len() {
        0 => "empty".to_owned(),
        1..=MAX => format!("only {}", names.join(", ")),
        more => format!("{more} variables"),
    };
    Guard::had("environment", effect)
}
