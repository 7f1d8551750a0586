//! Tries from within the sandbox what a hostile model would, and says what came of it on this machine.
//!
//! `try-sandbox` tries everything; `try-sandbox free:exec` tries one thing without the sandbox, to compare.

#![expect(clippy::print_stdout, reason = "what it prints is what it is for")]

use std::fs;
use std::hint::black_box;
use std::io::{self, Read as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::os::unix::process::parent_id;
use std::process::{Command, ExitCode};
use std::ptr;

use rustix::process::{Pid, Resource, Rlimit, setrlimit, test_kill_process};
use sandbox::Limits;

const LIMITS: Limits = Limits { memory: 64 << 20, cpu_seconds: Some(1), threads: false };

/// Whether it could be done.
type Attempt = fn() -> io::Result<()>;

/// By name.
const ATTEMPTS: [(&str, Attempt); 18] = [
    ("read-file", || fs::read("/etc/passwd").map(drop)),
    ("list-folder", || fs::read_dir("/").map(drop)),
    ("write-file", || fs::write("taken", "")),
    ("write-elsewhere", || tempfile::tempfile().map(drop)),
    ("parent-environment", || fs::read(format!("/proc/{}/environ", parent_id())).map(drop)),
    ("parent-memory", || fs::File::open(format!("/proc/{}/mem", parent_id())).map(drop)),
    ("parent-memory-by-call", || read_memory(parent_id())),
    ("trace-parent", || {
        call(libc::SYS_ptrace, [libc::PTRACE_SEIZE as u64, parent_id().into(), 0, 0])
    }),
    ("signal-parent", signal_parent),
    ("connect", || TcpStream::connect(listener()).map(drop)),
    ("send-datagram", || UdpSocket::bind("127.0.0.1:0").map(drop)),
    ("unix-socket", || UnixStream::pair().map(drop)),
    ("exec", || Command::new("/proc/self/exe").arg("nothing").status().map(drop)),
    ("thread", || std::thread::Builder::new().spawn(|| ()).map(drop)),
    ("executable-memory", executable_memory),
    ("raise-limits", raise_limits),
    ("take-memory", take_memory),
    ("spin", spin),
];

fn main() -> ExitCode {
    let Some(task) = std::env::args().nth(1) else { return all() };
    let (held, name) = match task.split_once(':') {
        Some(("held", name)) => (true, name),
        Some(("free", name)) => (false, name),
        _ => return ExitCode::SUCCESS,
    };
    if held {
        match sandbox::enter(&LIMITS) {
            Ok(report) => println!("{report}"),
            Err(error) => {
                println!("{error}");
                return ExitCode::FAILURE;
            }
        }
    }
    let Some((_, attempt)) = ATTEMPTS.iter().find(|(known, _)| *known == name) else {
        println!("there is no attempt `{name}`");
        return ExitCode::FAILURE;
    };
    match attempt() {
        Ok(()) => println!("done"),
        Err(error) => println!("refused: {error}"),
    }
    ExitCode::SUCCESS
}

/// Tries everything, each in a process of its own; fails if one thing could be done.
fn all() -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for (name, _) in ATTEMPTS {
        let outcome = run(&format!("held:{name}")).unwrap_or_else(|error| error.to_string());
        let (report, outcome) = outcome.split_once('\n').unwrap_or(("", &outcome));
        if name == ATTEMPTS[0].0 {
            println!("{report}");
        }
        println!("{name}: {outcome}");
        if outcome == "done" {
            code = ExitCode::FAILURE;
        }
    }
    code
}

/// What the child printed, or how it ended.
fn run(task: &str) -> io::Result<String> {
    let mut child = sandbox::spawn(task, [("PORT", port()?)], &std::env::temp_dir())?;
    let mut text = String::new();
    if let Some(out) = &mut child.stdout {
        out.take(1 << 16).read_to_string(&mut text)?;
    }
    let status = child.wait()?;
    let ended = if status.success() { String::new() } else { format!("stopped: {status}") };
    Ok(format!("{text}{ended}").trim_end().to_owned())
}

/// The port of something that listens as long as this process lives.
fn port() -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    Ok(port.to_string())
}

fn listener() -> (&'static str, u16) {
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok());
    ("127.0.0.1", port.unwrap_or_default())
}

fn signal_parent() -> io::Result<()> {
    let parent = Pid::from_raw(parent_id().cast_signed()).ok_or(io::ErrorKind::NotFound)?;
    Ok(test_kill_process(parent)?)
}

fn raise_limits() -> io::Result<()> {
    let more = Rlimit { current: Some(64), maximum: Some(64) };
    setrlimit(Resource::Nofile, more)?;
    fs::read("/proc/self/status").map(drop)
}

/// Takes four times of what it may, and writes to all of it.
fn take_memory() -> io::Result<()> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    for _ in 0..64 {
        let mut piece = Vec::new();
        piece.try_reserve_exact(4 << 20)?;
        piece.resize(4 << 20, 1);
        all.push(piece);
    }
    black_box(&all);
    Ok(())
}

/// For so long that even on a busy machine it is more than a second of processor time.
fn spin() -> io::Result<()> {
    let start = std::time::Instant::now();
    while start.elapsed().as_secs() < 60 {
        black_box(&start);
    }
    Ok(())
}

fn executable_memory() -> io::Result<()> {
    let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as u64;
    call(libc::SYS_mmap, [0, 4_096, (libc::PROT_READ | libc::PROT_EXEC) as u64, flags])
}

fn read_memory(process: u32) -> io::Result<()> {
    let mut byte = 0_u8;
    let here = libc::iovec { iov_base: ptr::from_mut(&mut byte).cast(), iov_len: 1 };
    // Nothing is mapped there: who may ask hears that the address is bad.
    let there = libc::iovec { iov_base: ptr::null_mut(), iov_len: 1 };
    let (here, there) = (ptr::from_ref(&here) as u64, ptr::from_ref(&there) as u64);
    match call_six(libc::SYS_process_vm_readv, [process.into(), here, 1, there, 1, 0]) {
        Err(error) if error.raw_os_error() == Some(libc::EFAULT) => Ok(()),
        other => other,
    }
}

fn call(number: libc::c_long, [a, b, c, d]: [u64; 4]) -> io::Result<()> {
    call_six(number, [a, b, c, d, u64::MAX, 0])
}

#[expect(unsafe_code, reason = "there are no safe calls for what nobody should do")]
fn call_six(number: libc::c_long, [a, b, c, d, e, f]: [u64; 6]) -> io::Result<()> {
    // SAFETY: the calls made here write to no memory but the one byte that `read_memory` gives, and map what nobody
    // knows of.
    let done = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    if done == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
