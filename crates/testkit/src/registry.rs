//! A real registry for tests: Debian's `docker-registry` on a free loopback port, with a folder of its own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
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
    folder: TempDir,
}

impl OwnRegistry {
    /// One that lets everybody read and write.
    ///
    /// # Panics
    /// When it does not start; the message says how to get it.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "starting a registry is no default")]
    pub fn new() -> Self {
        Self::start(new_folder(), "", "")
    }

    /// One that knows the user `robot` with the password `secret` and nobody else.
    ///
    /// # Panics
    /// When it does not start; the message says how to get it.
    #[must_use]
    pub fn with_password() -> Self {
        let folder = new_folder();
        let password = "robot:$2b$12$f0HSPfofvtlRV1l1iWfd9uY8fZFnDy9icYhpnErrAwgCrVYKZeQbG\n";
        let path = write(&folder, "htpasswd", password);
        let auth = format!("auth: {{htpasswd: {{realm: test, path: {}}}}}\n", path.display());
        Self::start(folder, "", &auth)
    }

    /// One that speaks TLS, with the certificate in [`OwnRegistry::certificate`].
    ///
    /// # Panics
    /// When it does not start, or there is no `openssl`; the message says how to get it.
    #[must_use]
    pub fn with_tls() -> Self {
        let folder = new_folder();
        let settings = "[req]\nprompt=no\ndistinguished_name=name\nx509_extensions=leaf\n\
                        [name]\nCN=registry\n\
                        [leaf]\nbasicConstraints=CA:FALSE\nsubjectAltName=IP:127.0.0.1\n";
        let settings = write(&folder, "openssl.cnf", settings);
        let (key, certificate) = (folder.path().join("key.pem"), folder.path().join("tls.pem"));
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-config"])
            .arg(settings)
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .output()
            .unwrap_or_else(|error| {
                panic!("openssl does not run ({error}): apt-get install openssl")
            });
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let (key, certificate) = (key.display(), certificate.display());
        let tls = format!(", tls: {{certificate: {certificate}, key: {key}}}");
        Self::start(folder, &tls, "")
    }

    /// The registry's own certificate in PEM form, where it has one.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("tls.pem")
    }

    fn start(folder: TempDir, http: &str, more: &str) -> Self {
        let root = folder.path().display();
        let config = format!(
            "version: 0.1\nlog: {{level: info}}\n\
             storage: {{filesystem: {{rootdirectory: {root}/data}}}}\n\
             http: {{addr: '127.0.0.1:0'{http}}}\n{more}"
        );
        let path = write(&folder, "config.yml", &config);
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
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if let Some(at) = line.find("listening on ") {
                    let rest = &line[at + "listening on ".len()..];
                    let end = rest.find([' ', '"', ',']).unwrap_or(rest.len());
                    let _ = sender.send(rest[..end].to_owned());
                }
            }
        });
        let host = receiver.recv_timeout(Duration::from_secs(120));
        let Ok(host) = host else {
            let _ = child.kill();
            panic!("docker-registry did not say where it listens");
        };
        OwnRegistry { host, child, folder }
    }
}

impl Drop for OwnRegistry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn new_folder() -> TempDir {
    tempfile::tempdir().expect("a folder for the registry")
}

fn write(folder: &TempDir, name: &str, content: &str) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, content).expect("write to the registry's folder");
    path
}
