//! Whom a program calls over the network, as the kernel sees it, where a call to others leads nowhere.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command};

/// Set for a test that runs in a network of its own.
const APART: &str = "HEADGATE_TEST_APART";

/// Whether the test `name`, as in `room::what_it_holds`, has a network with nothing but a loopback of its own.
///
/// The first time it starts itself there, holds that it passed, and is false: nothing is left to be done. Where the
/// machine grants no network to a user, it says so and is true: calls are seen all the same, but not prevented.
///
/// # Panics
/// The test fails there, or there is no test of this name.
#[must_use]
pub fn is_apart(name: &str) -> bool {
    if std::env::var_os(APART).is_some() {
        return true;
    }
    let apart = |command: &[&str]| {
        let mut unshare = Command::new("unshare");
        unshare.args(["--map-root-user", "--net"]).args(command).env(APART, name);
        unshare
    };
    let granted = apart(&["ip", "link", "set", "lo", "up"]).output();
    if !granted.as_ref().is_ok_and(|output| output.status.success()) {
        eprintln!(
            "{name}: no network of its own (hint: apt-get install iproute2 util-linux): {granted:?}"
        );
        return true;
    }
    let test = std::env::current_exe().expect("a running test has a path");
    let script = r#"ip link set lo up && exec "$0" --exact "$1" --nocapture"#;
    let output = apart(&["sh", "-c", script]).arg(test).arg(name).output().expect("it was there");
    let said = String::from_utf8_lossy(&output.stdout);
    let is_passed = output.status.success() && said.contains("1 passed");
    assert!(
        is_passed,
        "{name}, in a network of its own: {said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    false
}

/// The same command under `strace`, which writes into `trace` whom it and its children connect to or send to.
#[must_use]
pub fn traced(command: &Command, trace: &Path) -> Command {
    let mut traced = Command::new("strace");
    traced
        .args([
            "-f",
            "-qq",
            "-e",
            "trace=connect,sendto,sendmsg,sendmmsg",
            "-e",
            "signal=none",
            "-o",
        ])
        .arg(trace)
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear();
    traced.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(path) = std::env::var_os("PATH") {
        traced.env("PATH", path);
    }
    traced
}

/// A program that runs under `strace`; both are ended with this value.
#[derive(Debug)]
pub struct Watched(Child);

impl Watched {
    /// Starts what [`traced`] made.
    ///
    /// # Panics
    /// There is no `strace`.
    #[must_use]
    pub fn start(command: &mut Command) -> Self {
        Self(command.spawn().expect("strace (hint: apt-get install strace)"))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // `strace` ends with its program, and keeps no signal for itself; killed, it would leave the program behind.
        let strace = self.0.id();
        let children = std::fs::read_to_string(format!("/proc/{strace}/task/{strace}/children"));
        for child in children.unwrap_or_default().split_whitespace() {
            let _ended = Command::new("kill").arg(child).status();
        }
        let _status = self.0.wait();
    }
}

/// The addresses in a trace, as `address:port`.
///
/// # Panics
/// There is no trace (hint: apt-get install strace).
#[must_use]
pub fn addresses(trace: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(trace).expect("a trace (hint: apt-get install strace)");
    text.lines().filter_map(address).collect()
}

fn address(line: &str) -> Option<String> {
    let between = |after: &str| {
        let (_, rest) = line.split_once(after)?;
        rest.split_once(')').map(|(found, _)| found.trim_matches('"'))
    };
    let port = between("sin_port=htons(").or_else(|| between("sin6_port=htons("))?;
    let address = between("inet_addr(").or_else(|| {
        let (_, rest) = line.split_once("inet_pton(AF_INET6, \"")?;
        rest.split_once('"').map(|(found, _)| found)
    })?;
    Some(format!("{address}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_whatever_the_call() {
        for (line, found) in [
            (
                r#"7 connect(8, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("10.0.0.5")}, 16 <unfinished ...>"#,
                Some("10.0.0.5:53"),
            ),
            (
                r#"7 connect(8, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "::1", &sin6_addr), sin6_scope_id=0}, 28) = 0"#,
                Some("::1:443"),
            ),
            (r#"7 connect(8, {sa_family=AF_UNIX, sun_path="/var/run/x"}, 110) = -1"#, None),
            (r#"7 sendto(9, "\246G", 50, MSG_NOSIGNAL, NULL, 0) = 50"#, None),
        ] {
            assert_eq!(address(line).as_deref(), found);
        }
    }
}
