//! Programs that are started and ended.

use std::fs::File;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

/// Where the built binaries and the files of a run are.
#[derive(Clone, Debug)]
pub struct Places {
    /// The built steps and the scorer.
    pub binaries: PathBuf,
    /// The checkout.
    pub root: PathBuf,
    /// What is written: images, reports, logs.
    pub out: PathBuf,
}

/// A program that runs; it is killed with this value.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Places {
    /// A command for the binary `name`, with nothing inherited but what it needs.
    pub fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.binaries.join(name));
        command.env_clear().current_dir(&self.root).stdin(Stdio::null());
        for kept in ["PATH", "ORT_DYLIB_PATH", "HOME"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        command
    }

    /// A file below the output folder, its folder made.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn file(&self, path: impl AsRef<Path>) -> anyhow::Result<PathBuf> {
        let path = self.out.join(path);
        let folder = path.parent().context("a file lies in a folder")?;
        std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        Ok(path)
    }
}

impl Running {
    /// Starts `command`; what it logs goes to `log`, what it gives out nowhere.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> anyhow::Result<Self> {
        let stderr = File::create(log).with_context(|| format!("write {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .with_context(|| format!("start {name}: is it built? run `cargo build --bins`"))?;
        Ok(Self { name: name.to_owned(), child, log: log.to_owned() })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it ended by itself, and how.
    ///
    /// # Errors
    /// The system does not say.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Sends a signal: `TERM`, `STOP`, `CONT`.
    ///
    /// # Errors
    /// It has ended, or there is no `kill` on this machine.
    pub fn signal(&self, signal: &str) -> anyhow::Result<()> {
        let process = self.child.id().to_string();
        let status = Command::new("kill").args([&format!("-{signal}"), &process]).status();
        let status = status.context("run kill")?;
        anyhow::ensure!(status.success(), "kill -{signal} of {} ended with {status}", self.name);
        Ok(())
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// The system does not say.
    pub fn wait(mut self) -> anyhow::Result<ExitStatus> {
        Ok(self.child.wait()?)
    }

    /// Asks it to end and waits up to `grace`; then it is killed.
    ///
    /// # Errors
    /// It had to be killed, or ended badly.
    pub fn stop(mut self, grace: Duration) -> anyhow::Result<()> {
        self.signal("TERM")?;
        let deadline = Instant::now() + grace;
        while Instant::now() < deadline {
            if let Some(status) = self.ended()? {
                anyhow::ensure!(status.success(), "{} ended with {status}", self.name);
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        anyhow::bail!("{} did not end within {}", self.name, words::duration(grace))
    }

    /// Ends it without asking.
    ///
    /// # Errors
    /// It was over before.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        let status = self.child.wait()?;
        let killed = status.signal() == Some(9);
        anyhow::ensure!(killed, "{} was over before: {status}\n{}", self.name, self.log());
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Already ended is as good.
        let _killed = self.child.kill();
        let _reaped = self.child.wait();
    }
}
