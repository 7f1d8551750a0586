//! A step as a black box: a program that leaves outputs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{PATIENCE, programs};

/// A step that runs; it is killed with this value.
pub struct Running {
    pub program: programs::Running,
    folder: PathBuf,
}

/// A step that ended.
#[derive(Debug)]
pub struct Ran {
    /// `None` when a signal ended it.
    pub code: Option<i32>,
    /// The outputs; empty where the step wrote none.
    pub verdict: String,
    pub reason: String,
    pub event: String,
    /// report.json.
    pub record: Value,
    pub outputs: PathBuf,
    pub log: String,
    /// Most that it had at a time.
    pub memory_kib: u64,
}

impl Running {
    /// Starts a step whose outputs, progress and log go into `folder`.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(command: &mut Command, folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let name = command.get_program().to_string_lossy().into_owned();
        command.arg(format!("--outputs={}", folder.join("outputs").display()));
        command.env("ARGO_PROGRESS_FILE", folder.join("progress"));
        let program = programs::Running::start(&name, command, &folder.join("log"))?;
        Ok(Self { program, folder: folder.to_owned() })
    }

    /// Whether it has said how far it is.
    pub fn has_progress(&self) -> bool {
        self.folder.join("progress").exists()
    }

    /// Whether it has left a verdict.
    pub fn has_verdict(&self) -> bool {
        self.folder.join("outputs/verdict").exists()
    }

    /// Waits until it ends.
    ///
    /// # Errors
    /// It does not.
    pub fn end(mut self) -> anyhow::Result<Ran> {
        let (started, mut memory) = (Instant::now(), 0);
        let status = loop {
            memory = crate::peak_memory_kib(self.program.id()).unwrap_or(memory);
            if let Some(status) = self.program.ended()? {
                break status;
            }
            let late = started.elapsed() > PATIENCE;
            anyhow::ensure!(!late, "it does not end; its log:\n{}", self.program.log());
            std::thread::sleep(Duration::from_millis(10));
        };
        let outputs = self.folder.join("outputs");
        let read = |name: &str| std::fs::read_to_string(outputs.join(name)).unwrap_or_default();
        Ok(Ran {
            code: status.code(),
            verdict: read("verdict"),
            reason: read("reason"),
            event: read("event-id"),
            record: serde_json::from_str(&read("report.json")).unwrap_or_default(),
            log: self.program.log(),
            memory_kib: memory,
            outputs,
        })
    }

    /// Asks it to end.
    ///
    /// # Errors
    /// It has ended already.
    pub fn terminate(&self) -> anyhow::Result<()> {
        self.program.signal("TERM")
    }

    /// Ends it without asking.
    ///
    /// # Errors
    /// It was over before.
    pub fn kill(self) -> anyhow::Result<()> {
        self.program.kill()
    }
}

impl Ran {
    /// An output; empty where the step wrote none.
    pub fn output(&self, name: &str) -> String {
        std::fs::read_to_string(self.outputs.join(name)).unwrap_or_default()
    }
}
