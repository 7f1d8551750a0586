//! Registry credentials out of the files that Docker, Podman and Kubernetes pull secrets use.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use crate::{Error, Result};

/// What proves who we are.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// A user and password, or a robot account and its key.
    Basic {
        /// The user.
        username: String,
        /// The secret.
        password: String,
    },
    /// A refresh token, exchanged at the token service.
    IdentityToken(String),
}

/// Where credentials are looked up; none of the files is read before a registry asks.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    files: Vec<PathBuf>,
}

impl Credentials {
    /// No credentials: every registry is asked anonymously.
    pub fn none() -> Self {
        Self::default()
    }

    /// The usual files: `$DOCKER_CONFIG/config.json` (else `~/.docker/config.json`), `$REGISTRY_AUTH_FILE`,
    /// `$XDG_RUNTIME_DIR/containers/auth.json`, `~/.config/containers/auth.json`. The first that knows the
    /// registry is believed.
    pub fn from_environment() -> Self {
        let var = |name| std::env::var_os(name).map(PathBuf::from);
        let home = var("HOME").unwrap_or_default();
        let docker = var("DOCKER_CONFIG").unwrap_or_else(|| home.join(".docker"));
        let config = var("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config"));
        let runtime = var("XDG_RUNTIME_DIR").map(|dir| dir.join("containers/auth.json"));
        let mut files = vec![docker.join("config.json")];
        files.extend(var("REGISTRY_AUTH_FILE"));
        files.extend(runtime);
        files.push(config.join("containers/auth.json"));
        Credentials { files }
    }

    /// One file in the form of Docker's `config.json`.
    pub fn from_file(path: impl Into<PathBuf>) -> Self {
        Credentials { files: vec![path.into()] }
    }

    /// The credential for a repository, if any file has one. A file that cannot be read is an error, for going
    /// on anonymously would end in a misleading refusal.
    pub fn find(&self, host: &str, repository: &str) -> Result<Option<Credential>> {
        for path in &self.files {
            let text = match fs::read(path) {
                Ok(text) => text,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(Error::io(path, error)),
            };
            let broken = |why: String| Error::invalid(format!("{}", path.display()), why);
            let file: Value = serde_json::from_slice(&text).map_err(|e| broken(e.to_string()))?;
            match choose(&file, host, repository).map_err(broken)? {
                Some(Found::Here(credential)) => return Ok(Some(credential)),
                Some(Found::Helper(helper)) => return ask_helper(&helper, host).map(Some),
                None => {}
            }
        }
        Ok(None)
    }
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Credential::Basic { username, .. } => write!(out, "Basic({username:?}, …)"),
            Credential::IdentityToken(_) => write!(out, "IdentityToken(…)"),
        }
    }
}

#[derive(Debug, PartialEq)]
enum Found {
    Here(Credential),
    Helper(String),
}

/// Looks a repository up: a helper for the host, then the most specific entry, then the general helper.
fn choose(file: &Value, host: &str, repository: &str) -> Result<Option<Found>, String> {
    if let Some(helper) = file["credHelpers"][host].as_str() {
        return Ok(Some(Found::Helper(helper.to_owned())));
    }
    let full = format!("{host}/{repository}");
    let entries = file["auths"].as_object().into_iter().flatten();
    let best = entries
        .map(|(key, entry)| (plain_key(key), entry))
        .filter(|(key, _)| covers(key, &full))
        .max_by_key(|(key, _)| key.len());
    if let Some((key, entry)) = best
        && let Some(credential) =
            read_entry(entry).ok_or(format!("auths[{key:?}] is not readable"))?
    {
        return Ok(Some(Found::Here(credential)));
    }
    Ok(file["credsStore"].as_str().map(|helper| Found::Helper(helper.to_owned())))
}

/// Docker writes some keys as an address, such as `https://host/v1/`.
fn plain_key(key: &str) -> &str {
    let key = key.strip_prefix("https://").or(key.strip_prefix("http://")).unwrap_or(key);
    key.trim_end_matches('/').trim_end_matches("/v1").trim_end_matches("/v2")
}

/// Whether `key` is the host of `full`, a path above it, or, as in Kubernetes, a host with `*` for one part.
fn covers(key: &str, full: &str) -> bool {
    let (host, path) = full.split_once('/').unwrap_or((full, ""));
    let (key_host, key_path) = key.split_once('/').unwrap_or((key, ""));
    let parts_match = key_host.split('.').count() == host.split('.').count()
        && key_host.split('.').zip(host.split('.')).all(|(key, part)| key == "*" || key == part);
    let below = path
        .strip_prefix(key_path)
        .is_some_and(|rest| key_path.is_empty() || rest.is_empty() || rest.starts_with('/'));
    parts_match && below
}

/// The credential of one entry: none if it is empty, an error (`None` outside) if it is broken.
fn read_entry(entry: &Value) -> Option<Option<Credential>> {
    if let Some(token) = entry["identitytoken"].as_str().filter(|token| !token.is_empty()) {
        return Some(Some(Credential::IdentityToken(token.to_owned())));
    }
    if let Some(auth) = entry["auth"].as_str().filter(|auth| !auth.is_empty()) {
        let decoded = String::from_utf8(BASE64_STANDARD.decode(auth.trim()).ok()?).ok()?;
        let (username, password) = decoded.split_once(':')?;
        return Some(Some(basic(username, password)));
    }
    let pair = entry["username"].as_str().zip(entry["password"].as_str());
    Some(pair.map(|(username, password)| basic(username, password)))
}

fn basic(username: &str, password: &str) -> Credential {
    Credential::Basic { username: username.to_owned(), password: password.to_owned() }
}

/// Runs `docker-credential-<helper> get`, which reads the host on stdin and answers JSON.
fn ask_helper(helper: &str, host: &str) -> Result<Credential> {
    let program = format!("docker-credential-{helper}");
    let failed = |why: String| Error::invalid(format!("{program} get for {host}"), why);
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !helper.bytes().all(safe) {
        return Err(failed("not a helper's name".to_owned()));
    }
    let mut child = Command::new(&program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(host.as_bytes()).map_err(|error| failed(error.to_string()))?;
    }
    let output = child.wait_with_output().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(output.status.to_string()));
    }
    let answer: Value =
        serde_json::from_slice(&output.stdout).map_err(|_| failed("no JSON answer".to_owned()))?;
    match (answer["Username"].as_str(), answer["Secret"].as_str()) {
        (Some("<token>"), Some(secret)) => Ok(Credential::IdentityToken(secret.to_owned())),
        (Some(username), Some(secret)) => Ok(basic(username, secret)),
        _ => Err(failed("no Username and Secret in its answer".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use serde_json::json;

    use super::*;

    fn user_for(file: &Value, host: &str, repository: &str) -> Option<String> {
        match choose(file, host, repository).unwrap()? {
            Found::Here(Credential::Basic { username, .. }) => Some(username),
            Found::Here(Credential::IdentityToken(token)) => Some(format!("token {token}")),
            Found::Helper(helper) => Some(format!("helper {helper}")),
        }
    }

    #[test]
    fn the_most_specific_entry_wins() {
        let auth = |user: &str| json!({"auth": BASE64_STANDARD.encode(format!("{user}:p:w"))});
        let file = json!({
            "auths": {
                "https://registry.test/v1/": auth("host"),
                "registry.test/team": auth("team"),
                "*.pull.test": auth("glob"),
                "token.test": {"identitytoken": "t"},
                "plain.test": {"username": "u", "password": "p"},
                "empty.test": {},
            },
            "credHelpers": {"cloud.test": "cloud"},
        });
        for (host, repository, expected) in [
            ("registry.test", "other/model", Some("host")),
            ("registry.test", "team/model", Some("team")),
            ("registry.test", "teamwork/model", Some("host")),
            ("eu.pull.test", "model", Some("glob")),
            ("a.eu.pull.test", "model", None),
            ("token.test", "model", Some("token t")),
            ("plain.test", "model", Some("u")),
            ("empty.test", "model", None),
            ("cloud.test", "model", Some("helper cloud")),
            ("localhost:5000", "model", None),
        ] {
            assert_eq!(
                user_for(&file, host, repository).as_deref(),
                expected,
                "{host}/{repository}"
            );
        }
    }

    #[test]
    fn a_password_may_hold_colons_and_is_never_printed() {
        let entry = json!({"auth": BASE64_STANDARD.encode("user:p:w")});
        let credential = read_entry(&entry).unwrap().unwrap();
        assert_eq!(credential, basic("user", "p:w"));
        assert!(!format!("{credential:?}").contains("p:w"));
    }

    #[test]
    fn a_broken_file_is_an_error_and_not_anonymous() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "{").unwrap();
        assert!(Credentials::from_file(file.path()).find("h.test", "r").is_err());
        fs::write(file.path(), r#"{"auths":{"h.test":{"auth":"%%%"}}}"#).unwrap();
        assert!(Credentials::from_file(file.path()).find("h.test", "r").is_err());
    }
}
