//! The step's side of the second process: starts it, waits, and takes a crash for an answer.

use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use contract::Context;
use contract::stop::Stop;

use crate::args::Args;
use crate::decide::Asked;
use crate::probe::{PROBE, Reply, Request, Stage};

/// Asks a model in a process of its own.
///
/// # Errors
/// The engine is not there, the file was changed meanwhile, or the run was stopped.
pub(crate) fn ask(request: &Request, args: &Args, context: &Context) -> anyhow::Result<Asked> {
    let program = std::env::current_exe().context("find the step's own binary")?;
    let mut child = Command::new(program)
        .arg(PROBE)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("start the second process")?;
    let line = format!("{}\n", serde_json::to_string(request)?);
    let told = converse(&mut child, line, args.answer_timeout, &context.stop);
    if told.is_err() {
        // It may have ended meanwhile; either way it is not left behind.
        let _killed = child.kill();
    }
    let status = child.wait().context("wait for the second process")?;
    match told? {
        None => Ok(Asked::Died(format!("it gave no answer within {:?}", args.answer_timeout))),
        Some(text) if status.success() => {
            let reply: Reply = serde_json::from_str(&text).context("read the second process")?;
            refuse_what_says_nothing_about_the_model(request, &reply)?;
            Ok(Asked::Replied(Box::new(reply)))
        }
        Some(_) => Ok(Asked::Died(death(status))),
    }
}

/// Gives the request and takes what comes back; `None` when the time is up.
fn converse(
    child: &mut Child,
    request: String,
    limit: Duration,
    stop: &Stop,
) -> anyhow::Result<Option<String>> {
    const ASK_WHETHER_STOPPED: Duration = Duration::from_millis(100);
    let mut stdin = child.stdin.take().context("the second process has no stdin")?;
    let mut stdout = child.stdout.take().context("the second process has no stdout")?;
    // The pipe stays open until the thread is joined: its end tells the child that its parent is gone.
    let writer = thread::spawn(move || {
        let _dead_already = stdin.write_all(request.as_bytes());
        stdin
    });
    let (sender, receiver) = mpsc::channel::<io::Result<String>>();
    thread::spawn(move || {
        let mut text = String::new();
        let read = stdout.read_to_string(&mut text).map(|_| text);
        // Nobody waits any more when the run was stopped.
        let _sent = sender.send(read);
    });
    let deadline = Instant::now() + limit;
    let reply = loop {
        match receiver.recv_timeout(ASK_WHETHER_STOPPED) {
            Ok(text) => break Some(text.context("read from the second process")?),
            Err(RecvTimeoutError::Timeout) if Instant::now() < deadline => stop.check()?,
            Err(RecvTimeoutError::Timeout) => {
                child.kill().context("end the second process")?;
                break None;
            }
            Err(RecvTimeoutError::Disconnected) => anyhow::bail!("the reader thread is gone"),
        }
    };
    drop(writer.join());
    Ok(reply)
}

fn refuse_what_says_nothing_about_the_model(
    request: &Request,
    reply: &Reply,
) -> anyhow::Result<()> {
    match &reply.failure {
        Some(failure) if failure.stage == Stage::Engine => {
            Err(contract::usage(failure.reason.clone(), "the engine is needed to judge a model"))
        }
        Some(failure) if failure.stage == Stage::Changed => Err(contract::passing(
            format!("{} changed while it was judged: {}", request.model.display(), failure.reason),
            "run again once nothing writes to it",
        )),
        _ => Ok(()),
    }
}

fn death(status: ExitStatus) -> String {
    match status.signal() {
        Some(9) => {
            "the process that asked it was killed (signal 9): likely out of memory".to_owned()
        }
        Some(signal) => format!("the engine crashed on it (signal {signal})"),
        None => format!("the process that asked it ended with {status}"),
    }
}
