//! The step as a black box, on the in-memory broker.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::process::Command;

use kafka::TopicSpec;
use kafka::memory::MemoryBroker;

#[test]
fn a_release_of_which_nothing_was_told_fails_by_exit_code_only_if_asked() {
    let broker = MemoryBroker::start(&TopicSpec::of_stream("s", 1)).unwrap();
    let outputs = tempfile::tempdir().unwrap();
    let conclude = |more: &[&str]| {
        let status = Command::new(env!("CARGO_BIN_EXE_conclude"))
            .env_clear()
            .args(["--release=r", "--stream=s"])
            .arg(format!("--brokers={}", broker.brokers()))
            .arg(format!("--outputs={}", outputs.path().display()))
            .args(more)
            .status();
        let read = |name: &str| std::fs::read_to_string(outputs.path().join(name)).unwrap();
        (status.unwrap().code(), read("verdict"), read("reason"))
    };
    let reason = "no step of this release said anything".to_owned();
    assert_eq!(conclude(&[]), (Some(0), "fail".into(), reason.clone()));
    assert_eq!(conclude(&["--fail-on-verdict"]), (Some(10), "fail".into(), reason.clone()));
    // An earlier conclusion of the same release is not what it concludes from.
    assert_eq!(conclude(&["--failures=[]"]), (Some(0), "fail".into(), reason));
}

#[test]
fn a_release_whose_model_was_rolled_back_by_another_since_says_so() {
    let broker = MemoryBroker::start(&TopicSpec::of_stream("s", 1)).unwrap();
    let kafka = kafka::Kafka::new(&kafka::KafkaArgs {
        brokers: broker.brokers(),
        kafka_config: None,
        kafka_timeout: std::time::Duration::from_secs(60),
        events_topic: "headgate.events".into(),
    })
    .unwrap();
    let outputs = tempfile::tempdir().unwrap();
    let conclude = || {
        let status = Command::new(env!("CARGO_BIN_EXE_conclude"))
            .env_clear()
            .args(["--release=r", "--stream=s"])
            .arg(format!("--brokers={}", broker.brokers()))
            .arg(format!("--outputs={}", outputs.path().display()))
            .status();
        assert!(status.unwrap().success());
        let read = |name: &str| std::fs::read_to_string(outputs.path().join(name)).unwrap();
        (read("verdict"), read("reason"), read("event-id"))
    };
    let emit = |step: &str, release: &str, at: &str, inputs, outputs| {
        let event: contract::event::OutcomeEvent = serde_json::from_value(serde_json::json!({
            "context": {
                "specversion": "0.5.1", "id": format!("{step}-{release}"), "source": "/headgate/dev/x",
                "type": "dev.cdeventsx.x-y.z.0.1.0", "timestamp": at,
            },
            "subject": { "id": "s", "content": {} },
            "customDataContentType": "application/json",
            "customData": {
                "contract": "1.0", "step": step, "step-version": "0.1.0", "release": release, "stream": "s",
                "environment": "dev", "verdict": "pass", "reason": format!("{step} says so"),
                "inputs": inputs, "outputs": outputs, "report": { "digest": "" },
            },
        }))
        .unwrap();
        let mut writer = kafka.writer().unwrap();
        writer.send(&event.to_record("headgate.events").unwrap()).unwrap();
        writer.flush().unwrap();
    };
    let model = serde_json::json!({ "model": "sha256:2", "image": "oci:m2" });
    emit("promote", "r", "2026-01-01T00:00:00Z", model, serde_json::json!({}));
    let other = serde_json::json!({ "bad": "sha256:3" });
    emit("rollback", "r", "2026-01-01T12:00:00Z", serde_json::json!({}), other);
    let (verdict, reason, before) = conclude();
    assert_eq!((verdict.as_str(), reason.as_str()), ("pass", "promoted: promote says so"));

    let bad = serde_json::json!({ "bad": "sha256:2" });
    emit("rollback", "night-watch", "2026-01-02T03:00:00Z", serde_json::json!({}), bad);
    let (verdict, reason, after) = conclude();
    assert_eq!(verdict, "fail");
    assert_eq!(
        reason,
        "promoted at 2026-01-01 00:00:00 UTC, and taken back since: by the rollback of release night-watch at \
         2026-01-02 03:00:00 UTC: rollback says so"
    );
    assert_ne!(before, after, "readers drop an event whose id they have met");
}
