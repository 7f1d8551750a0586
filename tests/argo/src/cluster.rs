//! The cluster, through `kubectl` and `argo`, in one namespace of this run.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::Value;

/// How long to wait for what comes by itself. No scenario passes or fails by how fast the machine is, so this is only
/// for what would never come.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// A namespace on the cluster of `KUBECONFIG`.
#[derive(Clone, Debug)]
pub struct Cluster {
    pub namespace: String,
}

impl Cluster {
    /// Runs `kubectl` in the namespace; what it printed.
    ///
    /// # Errors
    /// It failed; the error holds what it said.
    pub fn kubectl(&self, args: &[&str]) -> anyhow::Result<String> {
        run(Command::new("kubectl").args(["--namespace", &self.namespace]).args(args), None)
    }

    /// Runs `argo` in the namespace; what it printed.
    ///
    /// # Errors
    /// As [`Self::kubectl`].
    pub fn argo(&self, args: &[&str]) -> anyhow::Result<String> {
        run(Command::new("argo").args(args).args(["--namespace", &self.namespace]), None)
    }

    /// Applies a manifest.
    ///
    /// # Errors
    /// As [`Self::kubectl`].
    pub fn apply(&self, manifest: &str) -> anyhow::Result<String> {
        let mut command = Command::new("kubectl");
        command.args(["--namespace", &self.namespace, "apply", "--server-side", "--filename", "-"]);
        run(&mut command, Some(manifest))
    }

    /// Asks the API server what it would say to a manifest.
    ///
    /// # Errors
    /// It would refuse it.
    pub fn dry_run(&self, manifest: &str) -> anyhow::Result<String> {
        let mut command = Command::new("kubectl");
        command.args(["--namespace", &self.namespace, "apply", "--server-side"]);
        command.args(["--force-conflicts", "--dry-run=server", "--filename", "-"]);
        run(&mut command, Some(manifest))
    }

    /// An object as JSON; `None` where there is none.
    ///
    /// # Errors
    /// As [`Self::kubectl`].
    pub fn get(&self, kind: &str, name: &str) -> anyhow::Result<Option<Value>> {
        let text = self.kubectl(&["get", kind, name, "--ignore-not-found", "--output", "json"])?;
        if text.trim().is_empty() {
            return Ok(None);
        }
        Ok(Some(serde_json::from_str(&text)?))
    }

    /// Every object of a kind with these labels.
    ///
    /// # Errors
    /// As [`Self::kubectl`].
    pub fn list(&self, kind: &str, labels: &str) -> anyhow::Result<Vec<Value>> {
        let text = self.kubectl(&["get", kind, "--selector", labels, "--output", "json"])?;
        let list: Value = serde_json::from_str(&text)?;
        Ok(list["items"].as_array().cloned().unwrap_or_default())
    }
}

/// A kustomization rendered, as `kubectl apply -k` would.
///
/// # Errors
/// It does not render.
pub fn kustomize(folder: &Path) -> anyhow::Result<String> {
    run(Command::new("kubectl").arg("kustomize").arg(folder), None)
}

/// Asks until there is an answer.
///
/// # Errors
/// There was none in time; or asking failed.
pub fn until<T>(
    limit: Duration,
    what: &str,
    mut ask: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if Instant::now() >= deadline {
            bail!("{what} did not come about within {limit:?}");
        }
        // Each question is a process, and what it asks shares the machine with all that it waits for.
        std::thread::sleep(Duration::from_secs(1));
    }
}

pub(crate) fn run(command: &mut Command, input: Option<&str>) -> anyhow::Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {program}"))?;
    if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
        stdin.write_all(input.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        let args: Vec<_> = command.get_args().map(|arg| arg.to_string_lossy()).collect();
        bail!("{program} {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
