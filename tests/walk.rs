//! What a newcomer does beside a kept demo: samples, and the commands of the papers.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use pipeline_tests::{binaries, root};

use crate::papers;

/// `make demo ARGS=--keep`, its story over.
pub(crate) struct Kept {
    demo: Child,
    enter: ChildStdin,
    printed: ChildStdout,
}

impl Kept {
    /// Starts it and waits until the story is over.
    pub(crate) fn start() -> Self {
        let running = root().join("target/demo/brokers");
        if let Ok(address) = std::fs::read_to_string(running) {
            let answers = std::net::TcpStream::connect(address.trim());
            assert!(answers.is_err(), "a demo runs at {address}: end it, this test starts its own");
        }
        let mut demo = shell("exec make --silent demo ARGS=--keep")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut found = BufReader::new(demo.stderr.take().unwrap());
        let (mut log, mut line) = (String::new(), String::new());
        while !line.contains("press Enter to end") {
            line.clear();
            assert!(found.read_line(&mut line).unwrap() > 0, "the demo ended:\n{log}");
            log.push_str(&line);
        }
        // A full pipe must not hold it back, and what goes wrong later has to be seen.
        std::thread::spawn(move || std::io::copy(&mut found, &mut std::io::stderr()));
        let (enter, printed) = (demo.stdin.take().unwrap(), demo.stdout.take().unwrap());
        Self { demo, enter, printed }
    }

    /// Runs the sample of a step as a person does, and holds it to the verdict that it promises.
    pub(crate) fn sample(&self, step: &str) {
        let file = root().join(format!("steps/{step}/samples/run.env"));
        let text = std::fs::read_to_string(&file).unwrap();
        let promised = text.lines().find_map(|line| line.strip_prefix("# It ends with: "));
        let promised = promised.unwrap_or_else(|| panic!("{}: # It ends with: …", file.display()));
        let found = succeeds(&format!("make --silent run-step STEP={step}"));
        let wanted = format!("verdict   {promised}");
        assert!(found.lines().any(|line| line == wanted), "{step}: not {wanted}:\n{found}");
    }

    /// Runs a command of a paper.
    pub(crate) fn run(&self, command: &papers::Command) {
        let text = match command.runs_on {
            true => format!("timeout --preserve-status 5 {}", command.text),
            false => command.text.clone(),
        };
        succeeds(&text);
    }

    /// Presses Enter; what the demo printed.
    pub(crate) fn end(&mut self) -> String {
        self.enter.write_all(b"\n").unwrap();
        let mut found = String::new();
        self.printed.read_to_string(&mut found).unwrap();
        let ended = self.demo.wait().unwrap();
        assert!(ended.success(), "{ended}\n{found}");
        found
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // After a failure it would run on: without Enter a signal ends it, which make does not pass on.
        let found = Command::new("pgrep").args(["-P", &self.demo.id().to_string()]).output();
        let children = found.map(|found| String::from_utf8_lossy(&found.stdout).into_owned());
        for child in children.unwrap_or_default().split_whitespace() {
            let _ended = Command::new("kill").arg(child).status();
        }
        let _ended = self.demo.wait();
    }
}

fn succeeds(text: &str) -> String {
    let output = shell(text).stdin(Stdio::null()).output().unwrap();
    let found = String::from_utf8_lossy(&output.stdout).into_owned();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}: {}\n{found}\n{log}", output.status);
    found
}

fn shell(text: &str) -> Command {
    let mut command = Command::new("bash");
    command
        .args(["-euo", "pipefail", "-c", text])
        .current_dir(root())
        .env("STEP_BIN_DIR", binaries())
        .env_remove("HEADGATE_BROKERS")
        .env_remove("KAFKA");
    command
}
