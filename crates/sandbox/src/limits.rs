//! How much a process may take.

use std::fs;
use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};

use crate::Guard;

/// Memory and time of the process, from the moment it enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes that it may take beyond what it has when it enters; an allocation beyond fails.
    pub memory: u64,
    /// Seconds of processor time from its start on, after which it is killed; `None` where somebody else watches it.
    pub cpu_seconds: Option<u64>,
    /// Whether it may start threads; it never may start processes.
    pub threads: bool,
}

/// What the stacks of threads and their allocators reserve without using it.
const RESERVED_BY_THREADS: u64 = 1 << 30;

/// What a process has already.
pub(crate) struct Taken {
    /// Bytes of address space.
    size: u64,
    /// Bytes of writable private memory.
    data: u64,
}

/// Sets every limit for good: the hard ones too.
pub(crate) fn apply(limits: &Limits, Taken { size, data }: Taken) -> io::Result<Guard> {
    let reserved = if limits.threads { RESERVED_BY_THREADS } else { 0 };
    let address_space = size.saturating_add(limits.memory).saturating_add(reserved);
    lower(Resource::As, address_space)?;
    lower(Resource::Data, data.saturating_add(limits.memory).saturating_add(reserved))?;
    if let Some(seconds) = limits.cpu_seconds {
        // At the first the process hears that it has taken too long, which ends it; a second later nothing saves it.
        let seconds = seconds.max(1);
        lower_both(Resource::Cpu, seconds, seconds.saturating_add(1))?;
    }
    for none in [Resource::Core, Resource::Fsize, Resource::Memlock, Resource::Msgqueue] {
        lower(none, 0)?;
    }
    if !limits.threads {
        // The count is of all processes of the user on the machine: nothing but none can be asked for.
        lower(Resource::Nproc, 0)?;
    }
    // What is open stays open; nothing can be opened, listened at or connected to any more.
    lower(Resource::Nofile, 0)?;
    let threads = if limits.threads { "threads only" } else { "no threads" };
    let time = limits
        .cpu_seconds
        .map_or_else(String::new, |seconds| format!(", {seconds} s of processor"));
    let memory = limits.memory.div_ceil(1 << 20);
    Ok(Guard::had(
        "limits",
        format!("{memory} MiB of memory{time}, no new files or sockets, {threads}"),
    ))
}

/// Lowers a limit, as far as it is not lower already.
fn lower(resource: Resource, to: u64) -> io::Result<()> {
    lower_both(resource, to, to)
}

fn lower_both(resource: Resource, soft: u64, hard: u64) -> io::Result<()> {
    let least = |now: Option<u64>, to: u64| Some(now.map_or(to, |now| now.min(to)));
    let Rlimit { current, maximum } = getrlimit(resource);
    let lowered = Rlimit { current: least(current, soft), maximum: least(maximum, hard) };
    Ok(setrlimit(resource, lowered)?)
}

impl Taken {
    /// Reads a file, so that it has to be asked before files are out of reach.
    pub(crate) fn now() -> io::Result<Taken> {
        let pages = fs::read_to_string("/proc/self/statm")?;
        let field = |index: usize| {
            let text = pages.split_ascii_whitespace().nth(index);
            text.and_then(|text| text.parse::<u64>().ok())
                .map(|pages| pages.saturating_mul(rustix::param::page_size() as u64))
                .ok_or_else(|| io::Error::other("/proc/self/statm is not as expected"))
        };
        Ok(Taken { size: field(0)?, data: field(5)? })
    }
}
