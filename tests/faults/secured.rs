//! A broker that speaks encrypted and wants to know who asks.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use pipeline_tests::binaries;
use testkit::kafka::OwnBroker;

use testkit::live::{Live, until};

#[test]
fn a_stream_lives_on_an_encrypted_broker() {
    let broker = OwnBroker::secured();
    let live = Live::on(&broker.bootstrap, Some(broker.client_properties()), "secured");
    let scorer = live.scorer("a");
    live.bootstrap("boosting");
    let audit = live.audit();
    let replay = live.replay(2_000);
    until("answers", || (audit.count() > 4_000).then_some(()));
    live.assert_exactly_once(replay.finish().unwrap(), audit);
    scorer.end();
}

#[test]
fn who_may_not_speak_to_the_broker_is_told_why() {
    let broker = OwnBroker::secured();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let properties = std::fs::read_to_string(broker.client_properties()).unwrap();
    let with = |name: &str, change: &dyn Fn(&str) -> Option<String>| -> PathBuf {
        let lines: Vec<String> = properties.lines().filter_map(change).collect();
        let path = folder.path().join(name);
        std::fs::write(&path, lines.join("\n")).unwrap();
        path
    };
    let line = |line: &str, starts: &str, instead: &str| {
        Some(if line.starts_with(starts) { instead } else { line }.to_owned())
    };
    let usage = i32::from(fault::exit::USAGE);
    // Which part of the properties is wrong, and what the error names.
    let cases = [
        (with("password", &|l| line(l, "sasl.password", "sasl.password=hunter2")), "SASL"),
        // The machine's own authorities, none of which has signed for a broker made just now.
        (with("authority", &|l| line(l, "ssl.ca", "ssl.ca.location=probe")), "certificate"),
    ];
    for (config, named) in cases {
        let (code, log) = rollback(&broker, &config);
        assert_eq!(code, Some(usage), "{}: {log}", config.display());
        assert!(log.contains(named) && log.contains("hint: "), "{}: {log}", config.display());
        assert!(!log.contains("hunter2"), "{log}");
    }
    let plain = with("plain", &|l| l.starts_with('#').then(String::new));
    let (code, log) = rollback(&broker, &plain);
    assert_eq!(code, Some(i32::from(fault::exit::TRANSIENT)), "{log}");
    assert!(log.contains("security.protocol") && log.contains("hint: "), "{log}");
}

/// Exit code and log of a step that is a client with this configuration.
fn rollback(broker: &OwnBroker, config: &Path) -> (Option<i32>, String) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let ended = Command::new(binaries().join("rollback"))
        .env_clear()
        .stdin(Stdio::null())
        .args([format!("--brokers={}", broker.bootstrap), "--stream=s".into()])
        .args(["--release=r", "--kafka-timeout=5s"])
        .arg(format!("--kafka-config={}", config.display()))
        .arg(format!("--outputs={}", folder.path().join("outputs").display()))
        .output()
        .unwrap();
    (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
}
