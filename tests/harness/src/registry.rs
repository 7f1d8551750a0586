//! A real registry for tests: Debian's `docker-registry` on a free loopback port, with a folder of its own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;

/// A running registry; it goes away, with its data, when dropped.
#[derive(Debug)]
pub struct OwnRegistry {
    /// `127.0.0.1:<port>`.
    pub host: String,
    child: Child,
    _folder: TempDir,
}

impl OwnRegistry {
    /// One that lets everybody read and write.
    ///
    /// # Panics
    /// When it does not start; the message says how to get it.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "starting a registry is no default")]
    pub fn new() -> Self {
        Self::start_with("")
    }

    /// One that knows the user `robot` with the password `secret` and nobody else.
    ///
    /// # Panics
    /// When it does not start; the message says how to get it.
    #[must_use]
    pub fn with_password() -> Self {
        Self::start_with("auth: {htpasswd: {realm: test, path: FOLDER/htpasswd}}\n")
    }

    fn start_with(more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the registry");
        let root = folder.path().display().to_string();
        let password = "robot:$2b$12$f0HSPfofvtlRV1l1iWfd9uY8fZFnDy9icYhpnErrAwgCrVYKZeQbG\n";
        fs::write(folder.path().join("htpasswd"), password)
            .expect("write to the registry's folder");
        let config = format!(
            "version: 0.1\nlog: {{level: info}}\n\
             storage: {{filesystem: {{rootdirectory: {root}/data}}}}\n\
             http: {{addr: '127.0.0.1:0'}}\n{}",
            more.replace("FOLDER", &root)
        );
        let path = folder.path().join("config.yml");
        fs::write(&path, config).expect("write to the registry's folder");
        let mut child = Command::new("docker-registry")
            .arg("serve")
            .arg(&path)
            .env_clear()
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("docker-registry does not start ({error}): apt-get install docker-registry")
            });
        let stderr = child.stderr.take().expect("it was piped");
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if let Some(at) = line.find("listening on ") {
                    let rest = &line[at + "listening on ".len()..];
                    let end = rest.find([' ', '"', ',']).unwrap_or(rest.len());
                    let _ = tell.send(rest[..end].to_owned());
                }
            }
        });
        let host = told.recv_timeout(Duration::from_secs(20));
        let Ok(host) = host else {
            let _ = child.kill();
            panic!("docker-registry did not say where it listens");
        };
        OwnRegistry { host, child, _folder: folder }
    }
}

impl Drop for OwnRegistry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
