//! The programs that are measured.

use std::io::{BufRead as _, BufReader, Lines, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

use anyhow::{Context as _, ensure};

/// A program that is ended with this value.
pub struct Running(Child);

/// The scorer, and where it serves its metrics.
pub struct Scorer {
    process: Running,
    http: String,
}

/// `python_consumer.py`.
pub struct Python {
    process: Running,
    lines: Lines<BufReader<ChildStdout>>,
}

/// The environment that the Python consumer runs in.
pub struct Venv(PathBuf);

/// Builds the scorer for release and returns its binary.
///
/// # Errors
/// It does not build.
pub fn scorer_binary() -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(testkit::root())
        .args(["build", "--quiet", "--release", "--package", "scorer"])
        .status()
        .context("run cargo")?;
    ensure!(status.success(), "the scorer does not build");
    // The bench's own binary lies beside it.
    let beside = std::env::current_exe()?.with_file_name("scorer");
    ensure!(beside.exists(), "{} is missing: run the bench with --release", beside.display());
    Ok(beside)
}

impl Scorer {
    /// Starts the scorer with these arguments and waits until it serves its metrics.
    ///
    /// # Errors
    /// It ends instead; what it said is on stderr.
    pub fn start(binary: &Path, args: &[String]) -> anyhow::Result<Self> {
        let mut child = Command::new(binary)
            .args(args)
            .arg("--http=127.0.0.1:0")
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("start {}", binary.display()))?;
        let stderr = child.stderr.take().context("stderr was asked for")?;
        let process = Running(child);
        let mut lines = BufReader::new(stderr).lines();
        let http = address(&mut lines)?;
        // Somebody must go on reading, else the scorer would wait for room in the pipe.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| complain(&line)));
        Ok(Self { process, http })
    }

    /// The metric `name`, over all its labels; 0 where there is none yet.
    ///
    /// # Errors
    /// The scorer does not answer.
    pub fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let mut stream = TcpStream::connect(&self.http)?;
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: scorer\r\nConnection: close\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        let lines = text.lines().filter(|line| line.starts_with(name));
        lines.map(|line| Ok(line.rsplit(' ').next().unwrap_or_default().parse::<f64>()?)).sum()
    }

    /// Its process number.
    pub fn id(&self) -> u32 {
        self.process.0.id()
    }

    /// Asks it to end and waits.
    ///
    /// # Errors
    /// It did not end in order.
    pub fn end(self) -> anyhow::Result<()> {
        self.process.end()
    }
}

impl Python {
    /// Starts the consumer with these arguments; it has joined nothing yet.
    ///
    /// # Errors
    /// Python cannot be started.
    pub fn start(venv: &Venv, args: &[String]) -> anyhow::Result<Self> {
        let mut child = Command::new(venv.0.join("bin/python"))
            .arg(testkit::root().join("benches/python_consumer.py"))
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .context("start the Python consumer")?;
        let stdout = child.stdout.take().context("stdout was asked for")?;
        Ok(Self { process: Running(child), lines: BufReader::new(stdout).lines() })
    }

    /// Waits until it has answered all that it was asked to and says when that was, in seconds since 1970.
    ///
    /// # Errors
    /// It ended before.
    pub fn done(mut self) -> anyhow::Result<f64> {
        for line in self.lines.by_ref() {
            if let Some(at) = line?.strip_prefix("done ") {
                let at = at.parse()?;
                self.process.0.wait()?;
                return Ok(at);
            }
        }
        anyhow::bail!("the Python consumer ended early")
    }

    /// Asks it to end, as an orchestrator does, and waits.
    ///
    /// # Errors
    /// It cannot be asked.
    pub fn end(self) -> anyhow::Result<()> {
        let _code = self.process.end();
        Ok(())
    }
}

impl Venv {
    /// A command that runs its Python.
    pub fn python(&self) -> Command {
        Command::new(self.0.join("bin/python"))
    }

    /// Makes `target/bench-venv` with the pinned packages, unless it is there.
    ///
    /// # Errors
    /// Python 3 or its pip is missing, or the packages cannot be fetched.
    pub fn ready() -> anyhow::Result<Self> {
        let pinned = testkit::root().join("benches/requirements.txt");
        let folder = testkit::root().join("target/bench-venv");
        let stamp = folder.join("requirements.txt");
        let wanted = std::fs::read_to_string(&pinned)?;
        if std::fs::read_to_string(&stamp).is_ok_and(|there| there == wanted) {
            return Ok(Self(folder));
        }
        complain("making target/bench-venv, once");
        let run = |command: &mut Command| -> anyhow::Result<()> {
            let status = command.stdout(Stdio::null()).status().context(
                "run python3 (hint: install python3 with venv and pip; Debian: python3-venv)",
            )?;
            ensure!(status.success(), "{command:?} failed");
            Ok(())
        };
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
        run(Command::new(folder.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(["--only-binary=:all:", "--requirement"])
            .arg(&pinned))?;
        std::fs::write(stamp, wanted)?;
        Ok(Self(folder))
    }
}

/// Seconds of processor time that a process has used so far; 0 when it is gone.
pub fn processor_seconds(process: u32) -> f64 {
    processor_seconds_of(Path::new(&format!("/proc/{process}")))
}

/// The same for a process or a thread by its folder of `/proc`.
pub(crate) fn processor_seconds_of(folder: &Path) -> f64 {
    let stat = std::fs::read_to_string(folder.join("stat")).unwrap_or_default();
    // The program's name may hold spaces, so fields count from behind its closing parenthesis.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: f64 = fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    ticks / TICKS
}

/// Linux counts processor time in hundredths of a second, on every platform that it runs on.
const TICKS: f64 = 100.0;

impl Running {
    fn end(mut self) -> anyhow::Result<()> {
        let status = Command::new("kill").arg(self.0.id().to_string()).status()?;
        ensure!(status.success(), "process {} cannot be asked to end", self.0.id());
        let status = self.0.wait()?;
        ensure!(status.success(), "process {} ended with {status}", self.0.id());
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = (self.0.kill(), self.0.wait());
    }
}

/// Reads the log up to the line that says where metrics are served.
fn address(lines: &mut Lines<BufReader<ChildStderr>>) -> anyhow::Result<String> {
    for line in lines.by_ref() {
        let line = line?;
        let log: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        match log["http"].as_str() {
            Some(address) => return Ok(address.to_owned()),
            None => complain(&line),
        }
    }
    anyhow::bail!("the scorer ended before it was ready")
}

/// Log lines below a warning are of no interest to whoever reads the figures.
#[expect(clippy::print_stderr, reason = "the logs of what is measured, passed on")]
pub fn complain(line: &str) {
    if !line.contains(r#""level":"INFO""#) {
        eprintln!("{line}");
    }
}
