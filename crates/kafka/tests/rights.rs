//! What a real Kafka with ACLs says to who lacks a right, and what we make of it.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::{Duration, Instant};

use kafka::{Kafka, KafkaArgs, Outgoing, Start, TopicSpec};
use testkit::kafka::OwnBroker;

/// Waits for a right to be in force, of which the broker gives no sign.
fn until(what: &str, mut ask: impl FnMut() -> Option<()>) {
    let started = Instant::now();
    while ask().is_none() {
        assert!(started.elapsed() < Duration::from_secs(120), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_missing_right_is_named_and_is_no_missing_topic() {
    let broker = OwnBroker::with_rights();
    let all = std::fs::read_to_string(broker.client_properties()).unwrap();
    let folder = tempfile::tempdir().unwrap();
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
        let said = fault::render(&error);
        assert_eq!(fault::exit_code(&error), fault::exit::USAGE, "{said}");
        assert!(said.contains(&format!("cannot {act} at {}", broker.bootstrap)), "{said}");
        assert!(said.contains(right) && !said.contains("create it"), "{said}");
        assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
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
        until(right, || done().err().filter(|e| fault::render(e).contains(right)).map(drop));
    };
    eventually(&read, "READ on Topic:t");
    lacks(read(), "read t", "READ on Topic:t");
    broker.grant_stranger(&["--operation", "Read", "--topic", "t", "--group", "headgate-reader"]);
    until("the right to read", || read().ok());
    lacks(write(), "write to t", "WRITE on Topic:t");
    // Who may see that a topic is not there gets an answer that says so, with the other thing that it may be.
    broker.grant_stranger(&["--operation", "Describe", "--topic", "*"]);
    until("a topic that is not there", || {
        let said = stranger.partitions("absent").unwrap_err().to_string();
        said.contains("topic absent does not exist").then_some(())
    });
}
