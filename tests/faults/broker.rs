//! Writers that were fenced, and a broker that is away.

use std::net::TcpListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use kafka::{Outgoing, Start, TopicSpec};
use pipeline_tests::{binaries, root, steps};

#[test]
fn a_later_writer_shuts_out_an_earlier_one() {
    let (kafka, topic) = (
        testkit::kafka::client(testkit::kafka::bootstrap(), None).unwrap(),
        testkit::kafka::unique("fenced"),
    );
    kafka.create_topics(&[TopicSpec::new(&topic, 1)]).unwrap();
    let record = |text: &str| Outgoing {
        topic: topic.clone(),
        value: Some(text.as_bytes().to_vec()),
        ..Outgoing::default()
    };
    let mut first = kafka.fenced_writer(&topic).unwrap();
    first.write(&record("first")).unwrap();
    let mut second = kafka.fenced_writer(&topic).unwrap();

    let refused = first.write(&record("first again")).unwrap_err();
    assert_eq!(fault::exit_code(&refused), fault::exit::TRANSIENT, "{refused:#}");
    second.write(&record("second")).unwrap();
    let refused = first.write(&record("and again")).unwrap_err();
    assert_eq!(fault::exit_code(&refused), fault::exit::TRANSIENT, "{refused:#}");

    let mut values = Vec::new();
    let mut reader = kafka.reader(&topic, &Start::Beginning).unwrap();
    reader
        .read_to_end(|record| values.push(String::from_utf8(record.value.unwrap()).unwrap()))
        .unwrap();
    assert_eq!(values, ["first", "second"]);
}

#[test]
fn topics_can_be_used_as_soon_as_they_are_made() {
    let kafka = testkit::kafka::client(testkit::kafka::bootstrap(), None).unwrap();
    for _ in 0..5 {
        let topic = testkit::kafka::unique("new");
        kafka.create_topics(&[TopicSpec::new(&topic, 32)]).unwrap();
        assert_eq!(kafka.extent(&topic).unwrap().0.len(), 32);
    }
}

#[test]
fn every_step_ends_with_75_and_in_time_when_the_broker_is_away() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    // A port that was free a moment ago: nobody listens there.
    let away = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for step in steps() {
        let outputs = folder.path().join(step.name);
        let mut command = std::process::Command::new(binaries().join(step.name));
        command.env_clear().current_dir(root()).stdin(Stdio::null());
        let samples = root().join("steps").join(step.name).join("samples/run.env");
        for line in std::fs::read_to_string(samples).unwrap().lines() {
            if let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
                command.env(name, value);
            }
        }
        if step.name == "build-image" {
            command
                .env("HEADGATE_IMAGE", format!("oci:{}:x", folder.path().join("image").display()));
        }
        if let Some(engine) = std::env::var_os("ORT_DYLIB_PATH") {
            command.env("ORT_DYLIB_PATH", engine);
        }
        let started = Instant::now();
        let ended = command
            .env("HEADGATE_BROKERS", away.to_string())
            .env("HEADGATE_KAFKA_TIMEOUT", "2s")
            .env("HEADGATE_OUTPUTS", &outputs)
            .output()
            .unwrap();
        let log = String::from_utf8_lossy(&ended.stderr);
        let transient = i32::from(fault::exit::TRANSIENT);
        assert_eq!(ended.status.code(), Some(transient), "{}: {log}", step.name);
        assert!(log.contains("hint: "), "{}: {log}", step.name);
        assert!(ended.stdout.is_empty(), "{} emitted an outcome that nobody got", step.name);
        let took = started.elapsed();
        assert!(took < Duration::from_secs(20), "{} took {took:?}", step.name);
    }
}
