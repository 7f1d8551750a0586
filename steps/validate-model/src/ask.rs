//! The step's side of the second process: starts it, waits, and takes a crash for an answer.

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use contract::Context;
use contract::stop::Stop;
use model::Engine;
use regular_file::Bounded;
use sandbox::{Limits, Report};
use words::text;

use crate::args::Args;
use crate::death;
use crate::decide::Asked;
use crate::probe::{Opening, PROBE, Reply, Request, Stage};

/// Asks a model in a process of its own, which holds nothing that is worth taking.
///
/// # Errors
/// The engine is not there, the file was changed meanwhile, or the run was stopped.
pub(crate) fn ask(
    request: Request,
    path: &Path,
    args: &Args,
    context: &Context,
) -> anyhow::Result<(Asked, Report)> {
    let model = regular_file::open(path, regular_file::MODEL)
        .map_err(|error| changed(path, &error.to_string()))?;
    let limits = limits(args);
    let most = most_said(&request);
    let library = Engine::locate().map_err(no_engine)?;
    let library = std::path::absolute(library).context("name the engine's library")?;
    let environment = [(model::LIBRARY_VARIABLE, library.as_os_str())];
    let scratch = &context.common.outputs;
    let mut child = sandbox::spawn(PROBE, environment, scratch)
        .map_err(|error| fault::of_disk("start the second process from", scratch, &error))?;
    let lines =
        format!("{}\n{}\n", serde_json::to_string(&limits)?, serde_json::to_string(&request)?);
    let said = converse(&mut child, lines, model, most, args.answer_timeout, &context.stop);
    let patience = if matches!(said, Ok(Some(_))) { TO_END } else { Duration::ZERO };
    let status = end(&mut child, patience).context("wait for the second process")?;
    let Some(Said { out, err }) = said? else {
        let how = format!("it gave no answer within {}", words::duration(args.answer_timeout));
        return Ok((Asked::Died(how), Report::default()));
    };
    let (opening, reply) = out.split_once('\n').unwrap_or((&out, ""));
    let report = match serde_json::from_str(opening) {
        Ok(Opening::Held(report)) => report,
        Ok(Opening::Failed(why)) => return Err(no_engine(why)),
        Err(_) => {
            let how = death::of(status, &err, &limits);
            anyhow::bail!("the second process ended before it saw the model: {how}")
        }
    };
    let asked = match serde_json::from_str::<Reply>(reply) {
        Ok(mut reply) if status.success() && is_whole(&reply) => {
            if let Some(failure) = &mut reply.failure {
                failure.reason = text::line(&failure.reason, text::MAX_REASON);
            }
            match &reply.failure {
                Some(failure) if failure.stage == Stage::Changed => {
                    return Err(changed(path, &failure.reason));
                }
                Some(failure) if failure.stage == Stage::Engine => {
                    return Err(no_engine(&failure.reason));
                }
                _ => {}
            }
            Asked::Replied(Box::new(death::for_lack_of_memory(reply, &limits)))
        }
        _ if out.len() as u64 >= most => Asked::Died("it says more than was asked".to_owned()),
        _ => Asked::Died(death::of(status, &err, &limits)),
    };
    Ok((asked, report))
}

/// More than the memory budget, so that a model that is somewhat too large is measured and not only stopped; and no
/// more than a pod that has twice the default has to give.
fn limits(args: &Args) -> Limits {
    const LEAST_MORE: u64 = 128 << 20;
    let memory = args.memory_budget.saturating_add((args.memory_budget / 4).max(LEAST_MORE));
    // It has one thread, so it cannot take more processor time than there is time.
    let seconds = args.answer_timeout.as_secs().saturating_add(1);
    Limits { memory, cpu_seconds: Some(seconds), threads: false }
}

/// Bytes that an honest answer has at most: an answer to every record, the times, and what the model declares.
fn most_said(request: &Request) -> u64 {
    const A_RECORD: u64 = 64;
    const ALL_ELSE: u64 = 4 << 20;
    ((request.golden.len() + request.holdout.len()) as u64).saturating_mul(A_RECORD) + ALL_ELSE
}

/// A label for every score, or none at all: what comes from there is not taken on trust.
fn is_whole(reply: &Reply) -> bool {
    [&reply.golden, &reply.holdout].iter().all(|answered| {
        answered.labels.as_ref().is_none_or(|labels| labels.len() == answered.score.len())
    })
}

/// For a process to end that has said all it has to say.
const TO_END: Duration = Duration::from_secs(2);

/// How it ended; it is not left behind, whatever it does.
fn end(child: &mut Child, patience: Duration) -> io::Result<ExitStatus> {
    const LOOK_AGAIN: Duration = Duration::from_millis(2);
    let deadline = Instant::now() + patience;
    loop {
        match child.try_wait()? {
            Some(status) => return Ok(status),
            None if Instant::now() < deadline => thread::sleep(LOOK_AGAIN),
            None => {
                child.kill()?;
                return child.wait();
            }
        }
    }
}

/// What the process said until it ended.
struct Said {
    out: String,
    err: String,
}

/// Gives the request and the model, and takes what comes back; `None` when the time is up.
fn converse(
    child: &mut Child,
    lines: String,
    mut model: Bounded,
    most: u64,
    limit: Duration,
    stop: &Stop,
) -> anyhow::Result<Option<Said>> {
    const ASK_WHETHER_STOPPED: Duration = Duration::from_millis(100);
    let mut stdin = child.stdin.take().context("the second process has no stdin")?;
    let stdout = child.stdout.take().context("the second process has no stdout")?;
    let stderr = child.stderr.take().context("the second process has no stderr")?;
    thread::spawn(move || {
        let _dead_already = stdin
            .write_all(lines.as_bytes())
            .and_then(|()| io::copy(&mut model, &mut stdin).map(drop));
    });
    let (said, errors) = mpsc::channel();
    thread::spawn(move || {
        let _sent = said.send(death::last_words(stderr));
    });
    let (sender, receiver) = mpsc::channel::<io::Result<Vec<u8>>>();
    thread::spawn(move || {
        let mut text = Vec::new();
        let read = stdout.take(most).read_to_end(&mut text).map(|_| text);
        // Nobody waits any more when the run was stopped.
        let _sent = sender.send(read);
    });
    let deadline = Instant::now() + limit;
    loop {
        match receiver.recv_timeout(ASK_WHETHER_STOPPED) {
            Ok(text) => {
                let out = text.context("read from the second process")?;
                let out = String::from_utf8_lossy(&out).into_owned();
                // A process that closed one pipe and keeps the other is ended by the caller.
                let err = errors.recv_timeout(TO_END).unwrap_or_default();
                return Ok(Some(Said { out, err }));
            }
            Err(RecvTimeoutError::Timeout) if Instant::now() < deadline => stop.check()?,
            Err(RecvTimeoutError::Timeout) => return Ok(None),
            Err(RecvTimeoutError::Disconnected) => anyhow::bail!("the reader thread is gone"),
        }
    }
}

fn no_engine(why: impl ToString) -> anyhow::Error {
    fault::usage(why.to_string(), "the engine is needed to judge a model")
}

fn changed(path: &Path, why: &str) -> anyhow::Error {
    fault::transient(
        format!("{} changed while it was judged: {why}", path.display()),
        "run again once nothing writes to it",
    )
}
