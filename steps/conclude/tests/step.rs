//! The step as a black box, on the in-memory broker.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::process::Command;

use contract::kafka::TopicSpec;
use contract::kafka::memory::MemoryBroker;

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
    let reason = "no step of this release told anything".to_owned();
    assert_eq!(conclude(&[]), (Some(0), "fail".into(), reason.clone()));
    assert_eq!(conclude(&["--fail-on-verdict"]), (Some(10), "fail".into(), reason.clone()));
    // An earlier conclusion of the same release is not what it concludes from.
    assert_eq!(conclude(&["--failures=[]"]), (Some(0), "fail".into(), reason));
}
