//! The working folder in which a model is loaded: one that holds nothing and cannot be read.
//!
//! Nothing that a model names by a relative path can then be found, whatever the engine takes for a path.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

/// Makes an empty folder that cannot be read the working folder of this process, for a process that does nothing but
/// ask models.  Relative paths mean nothing afterwards; open the engine before if its library is named by one.
///
/// # Errors
/// No folder can be made in the system's temporary one.
pub fn enter_empty_folder() -> io::Result<()> {
    if !holds_nothing(Path::new(".")) {
        enter()?;
    }
    ENTERED.store(true, Ordering::Relaxed);
    Ok(())
}

/// Whether the whole process is there.
static ENTERED: AtomicBool = AtomicBool::new(false);

fn enter() -> io::Result<()> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("headgate-empty-{}-{count}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    // It fails where something of that name is there already.
    DirBuilder::new().mode(0o700).create(&folder)?;
    let entered = std::env::set_current_dir(&folder);
    // Who is in a folder that is gone finds nothing in it, and nobody can put anything into it.
    let shut = fs::set_permissions(&folder, Permissions::from_mode(0o000));
    let gone = fs::remove_dir(&folder);
    entered.and(shut).and(gone)
}

/// Does `work` where relative paths lead nowhere.
///
/// The process's other threads keep their working folder.
///
/// # Errors
/// There is no such place.
pub(crate) fn in_empty_folder<T: Send>(work: impl FnOnce() -> T + Send) -> io::Result<T> {
    if ENTERED.load(Ordering::Relaxed) || holds_nothing(Path::new(".")) {
        return Ok(work());
    }
    let apart = || -> io::Result<T> {
        own_working_folder()?;
        enter()?;
        Ok(work())
    };
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("load".into()).spawn_scoped(scope, apart)?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// An image's working folder is of this kind already; containers may not be allowed to do more about it.
fn holds_nothing(folder: &Path) -> bool {
    match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        // A folder that cannot be listed may hold what can be named.
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// Gives the calling thread a working folder of its own, which all threads of a process share otherwise.
fn own_working_folder() -> io::Result<()> {
    #[expect(unsafe_code, reason = "a system call without a safe function")]
    // SAFETY: the call takes no pointers; it changes which working folder, root and umask this thread shares.
    match unsafe { libc::unshare(libc::CLONE_FS) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn nothing_is_found_by_a_relative_path_and_other_threads_find_it_still() {
        assert!(fs::exists("Cargo.toml").unwrap());
        let (found, listed, made) = in_empty_folder(|| {
            let found = ["Cargo.toml", "./Cargo.toml", "src/lib.rs", "."].map(fs::read);
            (found.iter().any(Result::is_ok), holds_nothing(Path::new(".")), fs::write("x", "x"))
        })
        .unwrap();
        assert!(!found && listed && made.is_err(), "{found} {listed} {made:?}");
        assert!(fs::exists("Cargo.toml").unwrap());
    }
}
