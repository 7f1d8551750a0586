//! A real Prometheus, with or without passwords and TLS.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;

use super::MetricsPage;

/// Who a server with a password knows.
pub const USERNAME: &str = "robot";
/// See [`USERNAME`].
pub const PASSWORD: &str = "secret";
const BCRYPT: &str = "$2b$12$f0HSPfofvtlRV1l1iWfd9uY8fZFnDy9icYhpnErrAwgCrVYKZeQbG";

/// What a server asks of its clients.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setup {
    /// [`USERNAME`] and [`PASSWORD`].
    pub password: bool,
    /// TLS with [`OwnPrometheus::certificate`].
    pub tls: bool,
    /// TLS, and the client shows [`OwnPrometheus::certificate`] too.
    pub client_certificate: bool,
    /// A second store that is not there, over which every answer carries a warning.
    pub broken_store: bool,
}

/// A running server that scrapes one page five times a second; it goes away, with its data, when dropped.
#[derive(Debug)]
pub struct OwnPrometheus {
    /// `127.0.0.1:<port>`.
    pub host: String,
    tls: bool,
    child: Child,
    folder: TempDir,
}

impl OwnPrometheus {
    /// Starts it and waits until it is ready.
    ///
    /// # Panics
    /// When it does not start; the message says how to get it.
    #[must_use]
    pub fn new(page: &MetricsPage, setup: Setup) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the server");
        let path = |name: &str| folder.path().join(name);
        let store = if setup.broken_store {
            "remote_read: [{url: 'http://127.0.0.1:1/', read_recent: true, remote_timeout: 1s}]\n"
        } else {
            ""
        };
        let config = format!(
            "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\n\
             scrape_configs: [{{job_name: page, static_configs: [{{targets: ['{}']}}]}}]\n{store}",
            page.address
        );
        fs::write(path("prometheus.yml"), config).expect("write the settings");
        let tls = setup.tls || setup.client_certificate;
        let mut web = String::new();
        if tls {
            make_certificate(&folder);
            let pair = "cert_file: tls.pem, key_file: key.pem";
            let client = ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: tls.pem";
            let client = if setup.client_certificate { client } else { "" };
            web.push_str(&format!("tls_server_config: {{{pair}{client}}}\n"));
        }
        if setup.password {
            web.push_str(&format!("basic_auth_users: {{{USERNAME}: '{BCRYPT}'}}\n"));
        }
        fs::write(path("web.yml"), web).expect("write the settings");
        let mut child = Command::new("prometheus")
            .arg(format!("--config.file={}", path("prometheus.yml").display()))
            .arg(format!("--web.config.file={}", path("web.yml").display()))
            .arg(format!("--storage.tsdb.path={}", path("data").display()))
            .arg("--web.listen-address=127.0.0.1:0")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("prometheus does not start ({error}): apt-get install prometheus")
            });
        let stderr = child.stderr.take().expect("it was piped");
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let (mut host, mut log) = (None, String::new());
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if let Some((_, address)) = line.split_once("msg=\"Listening on\" address=") {
                    host = Some(address.trim().to_owned());
                }
                // The newest lines say why it did not start; later they are read so that it can go on writing.
                if let (true, Some(host)) = (line.contains("Server is ready"), &host) {
                    let _ = sender.send(Ok(host.clone()));
                }
                log = line;
            }
            let _ = sender.send(Err(log));
        });
        // Longer than it takes on two processors that other tests are busy on as well.
        match receiver.recv_timeout(Duration::from_secs(120)) {
            Ok(Ok(host)) => Self { host, tls, child, folder },
            failed => {
                let _ = child.kill();
                let _ = child.wait();
                panic!("prometheus did not get ready: {failed:?}");
            }
        }
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", if self.tls { "https" } else { "http" }, self.host)
    }

    /// Its own certificate in PEM form, where it speaks TLS.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("tls.pem")
    }

    /// The private key of [`OwnPrometheus::certificate`].
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }
}

impl Drop for OwnPrometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn make_certificate(folder: &TempDir) {
    let settings = folder.path().join("openssl.cnf");
    let text = "[req]\nprompt=no\ndistinguished_name=name\nx509_extensions=leaf\n\
                [name]\nCN=prometheus\n\
                [leaf]\nbasicConstraints=CA:FALSE\nsubjectAltName=IP:127.0.0.1\n";
    fs::write(&settings, text).expect("write the settings");
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-config"])
        .arg(settings)
        .arg("-keyout")
        .arg(folder.path().join("key.pem"))
        .arg("-out")
        .arg(folder.path().join("tls.pem"))
        .output()
        .unwrap_or_else(|error| panic!("openssl does not run ({error}): apt-get install openssl"));
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}
