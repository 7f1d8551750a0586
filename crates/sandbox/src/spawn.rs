//! The parent's side.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::{inherited, privileges};

/// Starts this very program again with one argument, so that it can [`crate::enter`].
///
/// It has nothing of this process: only the variables of `environment`, pipes for stdin, stdout and stderr, and an
/// empty working folder that is gone from `scratch`, where folders can be made, as soon as it runs.
/// What it writes to any pipe is as foreign as what it was given: read it with a bound.
///
/// The child is killed when the thread that called this ends, so that must be one that outlives the child.
/// This process becomes one that others of the same user cannot look into.
///
/// # Errors
/// There is no such program any more, `scratch` takes no folder, or the system has no process to give.
pub fn spawn<K, V>(
    argument: &str,
    environment: impl IntoIterator<Item = (K, V)>,
    scratch: &Path,
) -> io::Result<Child>
where
    K: AsRef<OsStr>,
    V: AsRef<OsStr>,
{
    privileges::hide()?;
    inherited::close_at_exec()?;
    let folder = tempfile::tempdir_in(scratch)?;
    Command::new(std::env::current_exe()?)
        .arg(argument)
        .env_clear()
        .envs(environment)
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}
