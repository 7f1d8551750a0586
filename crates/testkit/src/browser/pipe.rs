//! A browser that is asked through a pipe, by the DevTools protocol: one process looks at a page in many ways.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

/// The browser, with one page open. It ends with this value.
pub(super) struct Browser {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    session: String,
    asked: u64,
    /// Complaints on the page's console, such as a load that its policy forbids.
    pub(super) complaints: Vec<String>,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts a browser that keeps to itself: a profile in a new folder, no updates, no sync, no first-run pages.
    ///
    /// # Errors
    /// When chromium is missing or does not answer.
    pub(super) fn start() -> Result<Self> {
        let profile = tempfile::tempdir()?;
        // The pipe is at descriptors 3 and 4, where a shell puts it; `timeout` bounds a browser that hangs.
        let mut process = Command::new("timeout")
            .args([
                "--kill-after=5",
                "600",
                "sh",
                "-c",
                r#"exec "$@" 3<&0 4>&1 0</dev/null 1>&2"#,
                "sh",
            ])
            .arg(program()?)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"])
            .args(["--hide-scrollbars", "--remote-debugging-pipe", "--disable-dev-shm-usage"])
            .args(["--disable-background-networking", "--disable-component-update"])
            .args(["--disable-sync"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("run `timeout`, of coreutils")?;
        let to = process.stdin.take().context("a pipe to the browser")?;
        let from = BufReader::new(process.stdout.take().context("a pipe from the browser")?);
        let mut browser = Self {
            process,
            to,
            from,
            session: String::new(),
            asked: 0,
            complaints: Vec::new(),
            _profile: profile,
        };
        let page = browser.ask("Target.createTarget", json!({ "url": "about:blank" }))?;
        let target = json!({ "targetId": page["targetId"], "flatten": true });
        let session = browser.ask("Target.attachToTarget", target)?;
        browser.session = session["sessionId"].as_str().context("a session")?.to_owned();
        for domain in ["Page.enable", "Log.enable", "Runtime.enable"] {
            browser.ask(domain, json!({}))?;
        }
        Ok(browser)
    }

    /// Asks one thing and waits for its answer.
    ///
    /// # Errors
    /// When the browser refuses or has ended.
    pub(super) fn ask(&mut self, method: &str, params: Value) -> Result<Value> {
        self.asked += 1;
        let mut message = json!({ "id": self.asked, "method": method, "params": params });
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        let mut bytes = serde_json::to_vec(&message)?;
        bytes.push(0);
        self.to.write_all(&bytes).with_context(|| format!("ask the browser for {method}"))?;
        loop {
            let answer = self.next()?;
            if answer["id"] != self.asked {
                continue;
            }
            if answer["error"].is_object() {
                bail!("the browser refuses {method}: {}", answer["error"]);
            }
            return Ok(answer["result"].clone());
        }
    }

    /// Opens a local file and waits until it is loaded.
    ///
    /// # Errors
    /// When the browser cannot show it.
    pub(super) fn open(&mut self, page: &Path) -> Result<()> {
        self.complaints.clear();
        let url = format!("file://{}", std::path::absolute(page)?.display());
        let answer = self.ask("Page.navigate", json!({ "url": url }))?;
        ensure!(answer["errorText"].is_null(), "{url}: {}", answer["errorText"]);
        while self.next()?["method"] != "Page.loadEventFired" {}
        Ok(())
    }

    /// The value of a script's last expression. A page's own policy does not bind it.
    ///
    /// # Errors
    /// When the script throws.
    pub(super) fn evaluate(&mut self, script: &str) -> Result<Value> {
        let params = json!({ "expression": script, "returnByValue": true });
        let answer = self.ask("Runtime.evaluate", params)?;
        ensure!(answer["exceptionDetails"].is_null(), "{}", answer["exceptionDetails"]);
        Ok(answer["result"]["value"].clone())
    }

    fn next(&mut self) -> Result<Value> {
        let mut bytes = Vec::new();
        self.from.read_until(0, &mut bytes).context("read what the browser says")?;
        ensure!(bytes.pop() == Some(0), "the browser has ended before it answered");
        let message: Value = serde_json::from_slice(&bytes)?;
        match message["method"].as_str() {
            Some("Log.entryAdded") => {
                let entry = &message["params"]["entry"];
                self.complaints.push(entry["text"].as_str().unwrap_or_default().to_owned());
            }
            Some("Runtime.exceptionThrown") => {
                self.complaints.push(message["params"]["exceptionDetails"].to_string());
            }
            _ => {}
        }
        Ok(message)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _closed = self.ask("Browser.close", json!({}));
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

fn program() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    ["chromium", "chromium-browser", "google-chrome"]
        .iter()
        .flat_map(|name| std::env::split_paths(&path).map(move |folder| folder.join(name)))
        .find(|file| file.is_file())
        .context("no chromium on this machine, and pages are looked at in a real browser; hint: `apt-get install chromium`")
}
