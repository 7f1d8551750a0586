//! Running a command with a limit, and keeping what it did.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::evidence::Run;

/// A command line, as a shell takes it, and what every run of it shares.
#[derive(Clone, Debug)]
pub(crate) struct Program<'a> {
    pub command: &'a str,
    pub folder: &'a Path,
    pub limit: Duration,
}

/// A program that was started.
pub(crate) struct Running {
    child: Child,
    started: Instant,
    limit: Duration,
    scratch: tempfile::TempDir,
}

/// What a step may see of the machine it is checked on.
const KEPT: [&str; 4] = ["PATH", "ORT_DYLIB_PATH", "LANG", "LD_LIBRARY_PATH"];
const PAUSE: Duration = Duration::from_millis(5);

impl Program<'_> {
    pub(crate) fn run(
        &self,
        flags: &[String],
        env: &BTreeMap<String, String>,
    ) -> anyhow::Result<Run> {
        self.start(flags, env)?.end()
    }

    pub(crate) fn start(
        &self,
        flags: &[String],
        env: &BTreeMap<String, String>,
    ) -> anyhow::Result<Running> {
        let scratch = tempfile::tempdir()?;
        let file = |name: &str| File::create(scratch.path().join(name));
        let child = Command::new("sh")
            // The shell takes the command line apart and gives its place to the step.
            .args(["-c", &format!("exec {} \"$@\"", self.command), "step"])
            .args(flags)
            .env_clear()
            .envs(KEPT.iter().filter_map(|name| Some((*name, std::env::var_os(name)?))))
            .env("HOME", scratch.path())
            .envs(env)
            .current_dir(self.folder)
            .stdin(Stdio::null())
            .stdout(file("stdout")?)
            .stderr(file("stderr")?)
            .process_group(0)
            .spawn()
            .with_context(|| format!("start `{}`", self.command))?;
        Ok(Running { child, started: Instant::now(), limit: self.limit, scratch })
    }
}

impl Running {
    /// Waits for the end; a program that exceeds the limit is killed and has no exit code.
    pub(crate) fn end(mut self) -> anyhow::Result<Run> {
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break Some(status);
            }
            if self.started.elapsed() > self.limit {
                break None;
            }
            std::thread::sleep(PAUSE);
        };
        let took = self.started.elapsed();
        // Also ends what the step left behind.
        self.signal("KILL");
        if status.is_none() {
            self.child.wait()?;
        }
        let read = |name: &str| -> anyhow::Result<String> {
            Ok(String::from_utf8_lossy(&std::fs::read(self.scratch.path().join(name))?)
                .into_owned())
        };
        let (stdout, stderr) = (read("stdout")?, read("stderr")?);
        let signal = status.as_ref().and_then(ExitStatus::signal);
        Ok(Run { code: status.and_then(|status| status.code()), signal, took, stdout, stderr })
    }

    /// Sends SIGTERM to the step alone, as a container runtime does, and counts the time from now.
    pub(crate) fn terminate(&mut self) -> anyhow::Result<()> {
        kill("TERM", &self.child.id().to_string())?;
        self.started = Instant::now();
        Ok(())
    }

    pub(crate) fn is_running(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    fn signal(&self, signal: &str) {
        // Mostly there is nobody left in the group.
        let _sent = kill(signal, &format!("-{}", self.child.id()));
    }
}

/// The standard library sends no signals but KILL.
fn kill(signal: &str, whom: &str) -> anyhow::Result<()> {
    let line = format!("kill -s {signal} -- {whom} 2>/dev/null");
    let sent = Command::new("sh").args(["-c", &line]).status().context("send a signal")?;
    anyhow::ensure!(sent.success(), "nobody took SIG{signal} at {whom}");
    Ok(())
}
