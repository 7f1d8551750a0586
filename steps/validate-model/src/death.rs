//! How the process ended that asked a model, in words about the model.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use sandbox::Limits;

use crate::probe::Reply;

/// Bytes of stderr that are kept: the last ones say why it ended.
const KEPT: usize = 2_048;

/// Reads until the end and keeps the last of it.
pub(crate) fn last_words(mut stderr: impl Read) -> String {
    let (mut kept, mut chunk) = (Vec::new(), [0; 8_192]);
    // It cannot be read any further when the process is gone.
    while let Ok(read @ 1..) = stderr.read(&mut chunk) {
        kept.extend_from_slice(&chunk[..read]);
        kept.drain(..kept.len().saturating_sub(KEPT));
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// How it ended without an answer.
pub(crate) fn of(status: ExitStatus, last_words: &str, limits: &Limits) -> String {
    if is_lack_of_memory(last_words) {
        return too_much_memory(limits);
    }
    let said = match last_words.lines().rev().find(|line| !line.trim().is_empty()) {
        Some(line) => format!(": {}", line.trim()),
        None => String::new(),
    };
    match status.signal() {
        Some(libc::SIGKILL) => {
            "the process that asked it was killed (signal 9): likely out of memory".to_owned()
        }
        Some(libc::SIGXCPU) => {
            let seconds = limits.cpu_seconds.unwrap_or_default();
            format!("it takes more than {seconds} s of processor time")
        }
        Some(signal) => format!("the engine crashed on it (signal {signal}){said}"),
        None => format!("the process that asked it ended with {status}{said}"),
    }
}

/// The reply, with the engine's words for "no more memory" put as what they are.
pub(crate) fn for_lack_of_memory(mut reply: Reply, limits: &Limits) -> Reply {
    if let Some(failure) = &mut reply.failure
        && is_lack_of_memory(&failure.reason)
    {
        failure.reason = too_much_memory(limits);
    }
    reply
}

fn too_much_memory(limits: &Limits) -> String {
    let most = limits.memory.div_ceil(1 << 20);
    format!(
        "it takes more memory than the {most} MiB that a model may take while it is judged, a quarter more than \
         --memory-budget"
    )
}

/// What C++, the engine and Rust say when an allocation fails.
fn is_lack_of_memory(text: &str) -> bool {
    ["bad_alloc", "bad allocation", "Failed to allocate memory", "memory allocation of"]
        .iter()
        .any(|words| text.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::{Failure, Stage};

    const LIMITS: Limits = Limits { memory: 640 << 20, cpu_seconds: Some(121), threads: false };

    #[test]
    fn a_death_is_put_in_words_about_the_model() {
        for (status, words, expected) in [
            (9, "", "killed (signal 9)"),
            (24, "", "more than 121 s of processor time"),
            (11, "", "the engine crashed on it (signal 11)"),
            (6, "first\nboom\n\n", "the engine crashed on it (signal 6): boom"),
            (
                6,
                "terminate called after throwing an instance of 'std::bad_alloc'",
                "more memory than the 640 MiB",
            ),
            (6, "memory allocation of 99 bytes failed", "more memory than the 640 MiB"),
            (1 << 8, "", "ended with exit status: 1"),
        ] {
            let how = of(ExitStatus::from_raw(status), words, &LIMITS);
            assert!(how.contains(expected), "{how}");
        }
    }

    #[test]
    fn an_allocation_that_the_engine_could_not_make_is_said_so() {
        let failed = |reason: &str| Reply {
            failure: Some(Failure { stage: Stage::Golden, reason: reason.to_owned() }),
            ..Reply::default()
        };
        let reason = |reply: Reply| reply.failure.map(|failure| failure.reason).unwrap_or_default();
        assert!(reason(for_lack_of_memory(failed("std::bad_alloc"), &LIMITS)).contains("640 MiB"));
        assert_eq!(reason(for_lack_of_memory(failed("other"), &LIMITS)), "other");
    }

    #[test]
    fn of_many_words_the_last_are_kept() {
        let many = format!("{}the end", "x".repeat(20_000));
        let kept = last_words(many.as_bytes());
        assert!(kept.len() == KEPT && kept.ends_with("the end"));
    }
}
