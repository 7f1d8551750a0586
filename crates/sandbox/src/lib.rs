//! A process without rights, for code that nobody trusts.
//!
//! A model is foreign input to a large C++ library, so what the library does to it happens in a process that has
//! nothing to lose: no files, no network, no environment, no right over another process, bounded memory and time.
//!
//! The parent calls [`spawn`], which starts the parent's own program again.
//! The child opens what it needs, the engine's library before all, and then calls [`enter`], which cannot be undone;
//! only after that may it look at the first foreign byte.
//! Everything else reaches it over pipes or memory that were open before.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use sandbox::Limits;
//!
//! // In the parent:
//! let child = sandbox::spawn("probe-model", [("LANG", "C")], std::env::temp_dir().as_path())?;
//! // In the child, after the engine's library was opened:
//! let report = sandbox::enter(&Limits { memory: 512 << 20, cpu_seconds: Some(120), threads: false })?;
//! eprintln!("{report}");
//! # Ok(()) }
//! ```
//!
//! # What holds where
//!
//! The limits of a process, above all "no new file descriptor", hold on every Linux and without any privilege;
//! they alone leave no way to a file, a socket or a program.
//! Landlock and seccomp say the same again, each by itself, where the kernel has them.
//! [`Report`] says which were had.

mod calls;
mod enter;
mod files;
mod inherited;
mod limits;
mod privileges;
mod report;
mod spawn;

pub use enter::{Error, enter};
pub use limits::Limits;
pub use report::{Guard, Report};
pub use spawn::{spawn, spawn_over};
