//! The processes that the demo starts and ends.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

/// Where the built binaries and the demo's own files are.
#[derive(Clone, Debug)]
pub struct Places {
    /// The built steps and the scorer.
    pub binaries: PathBuf,
    /// The checkout.
    pub root: PathBuf,
    /// What the demo writes: images, reports, logs.
    pub out: PathBuf,
}

/// A started process, asked to end (and ended) with this value.
pub struct Running {
    name: String,
    child: Child,
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
    /// Starts `command`; what it says goes to `log`.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> anyhow::Result<Self> {
        let log = File::create(log).with_context(|| format!("write {}", log.display()))?;
        let child = command
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("start {name}: is it built? run `cargo build --bins`"))?;
        Ok(Self { name: name.to_owned(), child })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it ended by itself, and how.
    ///
    /// # Errors
    /// The system does not say.
    pub fn ended(&mut self) -> anyhow::Result<Option<std::process::ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Asks it to end and waits up to `grace`; then it is killed.
    ///
    /// # Errors
    /// It had to be killed, or ended badly.
    pub fn stop(mut self, grace: Duration) -> anyhow::Result<()> {
        terminate(&self.child)?;
        let deadline = Instant::now() + grace;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                anyhow::ensure!(status.success(), "{} ended with {status}", self.name);
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        anyhow::bail!("{} did not end within {}", self.name, words::duration(grace))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Already ended is as good.
        let _killed = self.child.kill();
        let _reaped = self.child.wait();
    }
}

pub fn terminate(child: &Child) -> anyhow::Result<()> {
    let status = Command::new("kill").arg(child.id().to_string()).status().context("run kill")?;
    anyhow::ensure!(status.success(), "kill ended with {status}");
    Ok(())
}
