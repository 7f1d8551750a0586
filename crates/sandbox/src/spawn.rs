//! The parent's side.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
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
    command(argument, environment, scratch)?.start(Stdio::piped(), Stdio::piped())
}

/// As [`spawn`], with one end of a socket as both stdin and stdout, for a parent that waits with time-outs.
///
/// The child reads and writes it as a file, since it may not `send` and `recv`.
///
/// # Errors
/// As [`spawn`].
pub fn spawn_over<K, V>(
    socket: OwnedFd,
    argument: &str,
    environment: impl IntoIterator<Item = (K, V)>,
    scratch: &Path,
) -> io::Result<Child>
where
    K: AsRef<OsStr>,
    V: AsRef<OsStr>,
{
    let stdin = Stdio::from(socket.try_clone()?);
    command(argument, environment, scratch)?.start(stdin, Stdio::from(socket))
}

/// A command and the folder that it starts in, which is gone with this value.
struct Prepared {
    command: Command,
    _folder: tempfile::TempDir,
}

fn command<K, V>(
    argument: &str,
    environment: impl IntoIterator<Item = (K, V)>,
    scratch: &Path,
) -> io::Result<Prepared>
where
    K: AsRef<OsStr>,
    V: AsRef<OsStr>,
{
    privileges::hide()?;
    inherited::close_at_exec()?;
    let folder = tempfile::tempdir_in(scratch)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(argument).env_clear().envs(environment).current_dir(folder.path());
    Ok(Prepared { command, _folder: folder })
}

impl Prepared {
    fn start(mut self, stdin: Stdio, stdout: Stdio) -> io::Result<Child> {
        self.command.stdin(stdin).stdout(stdout).stderr(Stdio::piped()).spawn()
    }
}
