//! A broker that speaks encrypted and wants to know who asks.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use contract::kafka::{Kafka, KafkaArgs, Outgoing, Start, TopicSpec};
use harness::kafka::OwnBroker;
use pipeline_tests::binaries;

use crate::live::{Live, until};

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
    let usage = i32::from(contract::exit::USAGE);
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
    assert_eq!(code, Some(i32::from(contract::exit::PASSING)), "{log}");
    assert!(log.contains("security.protocol") && log.contains("hint: "), "{log}");
}

#[test]
fn a_missing_right_is_named_and_is_no_missing_topic() {
    let broker = OwnBroker::with_rights();
    let all = std::fs::read_to_string(broker.client_properties()).unwrap();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let client = |user: &str| {
        let path = folder.path().join(user);
        std::fs::write(&path, all.replace("username=headgate", &format!("username={user}")))
            .unwrap();
        Kafka::new(&KafkaArgs {
            brokers: broker.bootstrap.clone(),
            kafka_config: Some(path),
            kafka_timeout: Duration::from_secs(20),
            events_topic: "t".to_owned(),
        })
        .unwrap()
    };
    client("headgate").create_topics(&[TopicSpec::new("t", 1)]).unwrap();
    let stranger = client("stranger");
    let record = || Outgoing {
        topic: "t".into(),
        partition: Some(0),
        key: None,
        value: Some(b"1".to_vec()),
        headers: vec![],
    };
    let write = || -> anyhow::Result<()> {
        let mut writer = stranger.writer()?;
        writer.send(&record())?;
        writer.flush()
    };
    let read = || stranger.reader("t", &Start::Beginning)?.read_to_end(drop);
    let own = || stranger.fenced_writer("headgate-routes-s").map(drop);
    let lacks = |done: anyhow::Result<()>, act: &str, right: &str| {
        let begun = Instant::now();
        let error = done.unwrap_err();
        let said = contract::fault::render(&error);
        assert_eq!(contract::fault::exit_code(&error), contract::exit::USAGE, "{said}");
        assert!(said.contains(&format!("cannot {act} at {}", broker.bootstrap)), "{said}");
        assert!(said.contains(right) && !said.contains("create it"), "{said}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    };
    lacks(read(), "ask for topic t", "DESCRIBE on Topic:t");
    lacks(
        stranger.partitions("absent").map(drop),
        "ask for topic absent",
        "DESCRIBE on Topic:absent",
    );
    lacks(write(), "write to t", "WRITE on Topic:t");
    lacks(own(), "write as headgate-routes-s", "WRITE on TransactionalId:headgate-routes-s");
    broker.grant_stranger(&["--operation", "Describe", "--topic", "t"]);
    let eventually = |done: &dyn Fn() -> anyhow::Result<()>, right: &str| {
        // A right that was granted is in force a moment later.
        until(right, || {
            done().err().filter(|e| contract::fault::render(e).contains(right)).map(drop)
        });
    };
    eventually(&read, "READ on Topic:t");
    lacks(read(), "read t", "READ on Topic:t");
    broker.grant_stranger(&["--operation", "Read", "--topic", "t", "--group", "headgate-reader"]);
    until("the right to read", || read().ok());
    lacks(write(), "write to t", "WRITE on Topic:t");
    // Who may see that a topic is not there is told so, with the other thing that it may be.
    broker.grant_stranger(&["--operation", "Describe", "--topic", "*"]);
    until("a topic that is not there", || {
        let said = stranger.partitions("absent").unwrap_err().to_string();
        said.contains("topic absent does not exist").then_some(())
    });
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
