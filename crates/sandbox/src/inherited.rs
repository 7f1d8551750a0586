//! File descriptors that a parent does not mean to give.

use std::fs;
use std::io;
use std::os::fd::RawFd;

/// Has every descriptor beyond stdin, stdout and stderr closed where another program begins.
///
/// What Rust opens ends there anyway; what C libraries within this program opened may not.
pub(crate) fn close_at_exec() -> io::Result<()> {
    for entry in fs::read_dir("/proc/self/fd")? {
        let name = entry?.file_name();
        if let Some(number) = name.to_str().and_then(|name| name.parse().ok()).filter(|fd| *fd > 2)
        {
            mark(number);
        }
    }
    Ok(())
}

#[expect(
    unsafe_code,
    reason = "descriptors that this program did not open have no owner to borrow from"
)]
fn mark(number: RawFd) {
    // SAFETY: it touches no memory, and a descriptor that was closed meanwhile is an error, not another file's end.
    let _closed_meanwhile = unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
}
