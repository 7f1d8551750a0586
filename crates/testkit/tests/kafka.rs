//! The brokers that other tests stand on.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output};

use testkit::kafka::{OwnBroker, bootstrap, unique};

/// Asks a broker for its version and tells whether it answered: the protocol's ApiVersions request, version 0.
fn answers(address: &str) -> bool {
    let request = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 42, 0xff, 0xff];
    let mut reply = [0; 8];
    TcpStream::connect(address)
        .and_then(|mut stream| {
            stream.write_all(&request)?;
            stream.read_exact(&mut reply)
        })
        .is_ok_and(|()| reply[4..] == [0, 0, 0, 42])
}

#[test]
fn one_broker_serves_the_whole_run() {
    let address = bootstrap();
    assert!(answers(address));
    assert_eq!(bootstrap(), address);
}

#[test]
fn a_killed_broker_comes_back_at_its_address_and_a_dropped_one_leaves_nothing() {
    let broker = OwnBroker::new();
    let address = broker.bootstrap.clone();
    assert_ne!(address, bootstrap());
    broker.kill();
    broker.start_again();
    assert!(answers(&address));
    drop(broker);
    assert!(!answers(&address));
}

#[test]
fn names_are_unique_within_a_run() {
    let mut names: Vec<String> = (0..9).map(|_| unique("stream")).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 9);
    assert!(names.iter().all(|name| name.starts_with("stream-")));
}

#[test]
fn the_script_says_what_is_missing_and_how_to_get_it() {
    let bare = tempfile::tempdir().unwrap();
    for tool in ["bash", "dirname", "env"] {
        let found = std::env::split_paths(&std::env::var_os("PATH").unwrap())
            .map(|folder| folder.join(tool))
            .find(|file| file.is_file())
            .unwrap();
        std::os::unix::fs::symlink(found, bare.path().join(tool)).unwrap();
    }
    let output = Command::new(testkit::root().join("scripts/kafka"))
        .args(["up", "nothing"])
        .env("PATH", bare.path())
        .output()
        .unwrap();
    let stated = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stated.contains("java is missing") && stated.contains("apt-get install"), "{stated}");
}

/// Runs `scripts/kafka` with a folder of its own for an instance, which ends with this process at the latest.
fn script(folder: &Path, action: &str, settings: &[(&str, &str)]) -> Output {
    Command::new(testkit::root().join("scripts/kafka"))
        .args([action, "own"])
        .env("KAFKA_HOME_DIR", folder)
        .envs([("KAFKA_PORT", "0"), ("KAFKA_WIPE", "1")])
        .env("KAFKA_WITH_PID", std::process::id().to_string())
        .envs(settings.iter().copied())
        .output()
        .unwrap()
}

#[test]
fn a_broker_whose_process_takes_its_time_to_become_java_is_awaited() {
    let folder = tempfile::tempdir().unwrap();
    let slow = folder.path().join("slow");
    std::fs::write(&slow, "setsid() { sleep 1; exec setsid \"$@\"; }").unwrap();
    let up = script(folder.path(), "up", &[("BASH_ENV", slow.to_str().unwrap())]);
    let address = String::from_utf8(up.stdout).unwrap();
    assert!(up.status.success(), "{}", String::from_utf8_lossy(&up.stderr));
    assert!(answers(address.trim()));
    assert!(script(folder.path(), "down", &[]).status.success());
    assert!(!answers(address.trim()));
}

#[test]
fn a_broker_that_does_not_start_tells_its_last_words() {
    let folder = tempfile::tempdir().unwrap();
    let up = script(folder.path(), "up", &[("KAFKA_HEAP", "1k")]);
    let stated = String::from_utf8(up.stderr).unwrap();
    assert_eq!(up.status.code(), Some(2));
    assert!(stated.contains("its process ended") && stated.contains("Too small"), "{stated}");
}
