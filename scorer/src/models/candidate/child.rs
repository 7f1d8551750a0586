//! The scorer's side of a candidate's process: started, asked with patience, killed.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::io::{self, BufRead as _, BufReader, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{self, ChildStderr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use model::{Answers, LIBRARY_VARIABLE};

use crate::models::candidate::inside::{ANSWER, MEMORY};
use crate::models::candidate::wire::{self, Reply};

/// What a child is given and held to.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// How long it may take for its part of a batch.
    pub(crate) deadline: Duration,
    /// Bytes of memory that it may ask the system for.
    pub(crate) memory: u64,
    /// ONNX Runtime's library.
    pub(crate) library: PathBuf,
}

/// A running child; it is killed with this value.
#[derive(Debug)]
pub(crate) struct Child {
    process: Option<process::Child>,
    /// The child's stdin and stdout.
    socket: UnixStream,
    buffer: Vec<u8>,
    last_words: Arc<Mutex<String>>,
}

/// How long an answer is waited for.
pub(crate) struct Patience<'a> {
    pub(crate) until: Instant,
    /// Asked now and then: whether nobody wants the answer any more.
    pub(crate) give_up: &'a dyn Fn() -> bool,
}

/// Why a child is of no use any more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    Late,
    /// Nobody wanted the answer any more.
    GaveUp,
    /// The process ended or broke the protocol, in words.
    Broken(String),
}

/// How often a wait looks whether it is still wanted.
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// How long a process that has closed its socket may take to end, so that its exit can be given as the reason.
const ENDING: Duration = Duration::from_millis(30);
/// The most lines of a child's stderr that are logged; a model that warns at every batch would fill the disk.
const LOGGED: usize = 10;
/// The longest line, in bytes.
const MAX_LINE: u64 = 2000;

impl Child {
    /// Starts a child, which then waits for its model.
    ///
    /// The kernel kills a child when the *thread* that started it ends, so this must be a thread that stays.
    ///
    /// # Errors
    /// The system has no room for a process.
    pub(crate) fn start(limits: &Limits, digest: &str) -> io::Result<Self> {
        let (socket, theirs) = UnixStream::pair()?;
        socket.set_read_timeout(Some(POLL_INTERVAL))?;
        socket.set_write_timeout(Some(POLL_INTERVAL))?;
        let memory = limits.memory.to_string();
        let environment =
            [(LIBRARY_VARIABLE, limits.library.as_os_str()), (MEMORY, OsStr::new(&memory))];
        let mut process =
            sandbox::spawn_over(OwnedFd::from(theirs), ANSWER, environment, &std::env::temp_dir())?;
        let stderr =
            process.stderr.take().ok_or_else(|| io::Error::other("stderr is not piped"))?;
        let last_words = Arc::new(Mutex::new(String::new()));
        let (words, digest) = (Arc::clone(&last_words), digest.to_owned());
        std::thread::Builder::new()
            .name("candidate-log".into())
            .spawn(move || pass_on(stderr, &words, &digest))?;
        Ok(Self { process: Some(process), socket, buffer: Vec::new(), last_words })
    }

    /// Its process number.
    pub(crate) fn id(&self) -> u32 {
        self.process.as_ref().map_or(0, process::Child::id)
    }

    /// Has it load a model and warm up; the inner error is the model's.
    pub(crate) fn load(
        &mut self,
        schema: &[u8],
        model: &[u8],
        patience: &Patience<'_>,
    ) -> Result<Reply, Lost> {
        let result =
            wire::write_start(&mut Patient { socket: &self.socket, patience }, schema, model)
                .and_then(|()| self.read(0, &mut Answers::default(), patience));
        result.map_err(|error| self.lost(&error))
    }

    /// Asks for rows; [`Child::answer`] has what comes.
    pub(crate) fn ask(
        &mut self,
        rows: &[f32],
        n: usize,
        patience: &Patience<'_>,
    ) -> Result<(), Lost> {
        let to = &mut Patient { socket: &self.socket, patience };
        wire::write_rows(to, &mut self.buffer, rows, n).map_err(|error| self.lost(&error))
    }

    /// Waits for the reply to `n` rows that were asked for.
    pub(crate) fn answer(
        &mut self,
        n: usize,
        answers: &mut Answers,
        patience: &Patience<'_>,
    ) -> Result<Reply, Lost> {
        self.read(n, answers, patience).map_err(|error| self.lost(&error))
    }

    fn read(
        &mut self,
        n: usize,
        answers: &mut Answers,
        patience: &Patience<'_>,
    ) -> io::Result<Reply> {
        let from = &mut Patient { socket: &self.socket, patience };
        wire::read_reply(from, &mut self.buffer, n, answers)
    }

    fn lost(&mut self, error: &io::Error) -> Lost {
        match error.kind() {
            ErrorKind::TimedOut => Lost::Late,
            ErrorKind::ConnectionAborted => Lost::GaveUp,
            ErrorKind::InvalidData => Lost::Broken(error.to_string()),
            _ => Lost::Broken(self.ending()),
        }
    }

    /// How a process that closed its socket has ended, with the last that it wrote.
    fn ending(&mut self) -> String {
        let Some(process) = &mut self.process else { return "it is gone".into() };
        let until = Instant::now() + ENDING;
        let status = loop {
            match process.try_wait() {
                Ok(Some(status)) => break status.to_string(),
                _ if Instant::now() >= until => break "it closed its socket".into(),
                _ => std::thread::sleep(Duration::from_millis(1)),
            }
        };
        let words = self.last_words.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let said = if words.is_empty() { words } else { format!("; its last line was: {words}") };
        format!("its process ended ({status}){said}")
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        let _dead_already = process.kill();
        // A process that held much memory takes its time to end, which the stream must not wait for.
        let reap = move || drop(process.wait());
        // Without a thread it stays a zombie until the scorer ends, which costs one entry of a table.
        let _reaper = std::thread::Builder::new().name("reaper".into()).spawn(reap);
    }
}

/// The socket, with patience in place of errors about its short time-outs.
struct Patient<'a> {
    socket: &'a UnixStream,
    patience: &'a Patience<'a>,
}

impl Patient<'_> {
    fn patiently<T>(&self, mut once: impl FnMut(&UnixStream) -> io::Result<T>) -> io::Result<T> {
        loop {
            match once(self.socket) {
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    if (self.patience.give_up)() {
                        return Err(ErrorKind::ConnectionAborted.into());
                    }
                    if Instant::now() >= self.patience.until {
                        return Err(ErrorKind::TimedOut.into());
                    }
                }
                done => return done,
            }
        }
    }
}

impl Read for Patient<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.patiently(|mut socket| socket.read(into))
    }
}

impl Write for Patient<'_> {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.patiently(|mut socket| socket.write(from))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Logs the first lines of a child and remembers the last, until it ends.
fn pass_on(stderr: ChildStderr, last_words: &Mutex<String>, digest: &str) {
    let mut from = BufReader::new(stderr);
    let mut line = Vec::new();
    let mut count = 0;
    loop {
        line.clear();
        match from.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
            Ok(1..) => {}
            Ok(0) | Err(_) => return,
        }
        let (text, calm) = message(&line);
        if text.is_empty() {
            continue;
        }
        match count.cmp(&LOGGED) {
            Ordering::Less if calm => {
                tracing::info!(model = digest, "the candidate's process: {text}")
            }
            Ordering::Less => tracing::warn!(model = digest, "the candidate's process: {text}"),
            Ordering::Equal => {
                tracing::warn!(
                    model = digest,
                    "the candidate's process writes more, which is not logged"
                );
            }
            Ordering::Greater => {}
        }
        count += 1;
        if !calm {
            *last_words.lock().unwrap_or_else(PoisonError::into_inner) = text;
        }
    }
}

/// The message of a line of log, or the line; and whether it is no warning.
fn message(line: &[u8]) -> (String, bool) {
    let log: Option<serde_json::Value> = serde_json::from_slice(line).ok();
    let message = log.as_ref().and_then(|log| log["message"].as_str());
    let calm = log.as_ref().is_some_and(|log| log["level"] == "INFO");
    (wire::sentence(message.map_or(line, str::as_bytes)).trim().to_owned(), calm)
}
