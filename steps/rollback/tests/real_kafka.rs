//! What only a real Kafka can show: the scan begins where the bad model first may have answered, and however much it
//! reads, it holds little.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::{Duration, Instant};

use kafka::{Kafka, KafkaArgs, Outgoing, Window};
use stream::{Prediction, PredictionHeaders, RecordId, SourceOffset, Topics, Variant};
use testkit::{Behaviour, Stage, model};

const ROLLBACK: &str = env!("CARGO_BIN_EXE_rollback");
/// Predictions of a long stream: several times what a reader may have at hand.
const LONG: i32 = 400_000;

#[test]
fn a_candidate_is_taken_off_and_its_ranges_are_reported() {
    let stage =
        Stage::on(testkit::kafka::bootstrap(), &testkit::kafka::unique("rollback")).unwrap();
    let champion = stage.bootstrap(1).unwrap();
    let trial = champion.with_candidate(model(2), 0.5);
    stage.write(trial, "r-1", "canary").unwrap();
    let scorer = stage.scorer(Behaviour::default()).unwrap();
    let mut reader = stage
        .kafka
        .reader(&Topics::of(&stage.stream).predictions, &kafka::Start::Beginning)
        .unwrap();
    let (candidate, mut seen) = (model(2).digest, 0);
    let started = Instant::now();
    while seen < 100 {
        assert!(started.elapsed() < Duration::from_secs(120), "{seen} answers");
        let record = reader.next(Duration::from_millis(100)).unwrap();
        seen += u32::from(record.is_some_and(|r| {
            PredictionHeaders::of(&r.headers).stated_model() == Some(&*candidate)
        }));
    }
    let flags = ["--confirm-timeout=1m", "--observe=5s", "--observe-records=200"];
    let ran = stage.run(ROLLBACK, "r-1", &flags).unwrap();
    assert_eq!(ran.verdict, "pass", "{} {}", ran.reason, ran.log);
    assert_eq!(stage.route().unwrap().candidate, None);
    drop(scorer);

    let details = &ran.record["details"];
    assert!(details["proof"]["predictions"]["read_since_ms"].as_i64() > Some(0));
    assert_eq!(details["proof"]["predictions"]["incomplete"], false);
    let event = stage.events().unwrap().pop().unwrap().custom_data;
    let ranges: Window = event.outputs["ranges"].parse().unwrap();
    let answers: u64 = event.outputs["answers"].parse().unwrap();
    assert!(answers >= 100 && ranges.len() >= answers, "{answers} in {ranges}");
}

#[test]
fn a_long_stream_is_scanned_in_half_the_memory_that_the_template_gives() {
    let stage = Stage::on(testkit::kafka::bootstrap(), &testkit::kafka::unique("long")).unwrap();
    let champion = stage.bootstrap(1).unwrap();
    stage.write(champion.with_candidate(model(2), 0.5), "r-1", "canary").unwrap();
    let _scorer = stage.scorer(Behaviour::default()).unwrap();
    // As a scorer writes them: compressed, which on a stream of one customer's telemetry is ten to one.
    let folder = tempfile::tempdir().unwrap();
    let properties = folder.path().join("properties");
    std::fs::write(&properties, "compression.type=lz4").unwrap();
    let kafka = Kafka::new(&KafkaArgs {
        brokers: stage.brokers().to_owned(),
        kafka_config: Some(properties),
        kafka_timeout: Duration::from_secs(60),
        events_topic: "headgate.events".into(),
    });
    let mut writer = kafka.unwrap().writer().unwrap();
    let (topics, digest) = (Topics::of(&stage.stream), model(1).digest);
    for n in 0..LONG {
        let (partition, offset) = (n % 4, i64::from(n / 4));
        let prediction = Prediction {
            model: (&*digest).try_into().unwrap(),
            variant: Variant::Champion,
            generation: 1,
            source: SourceOffset { topic: &topics.features, partition, offset },
            id: RecordId::Place(partition, offset),
            took: None,
            fallback: None,
        };
        let headers = prediction.to_headers();
        let value = Some(br#"{"label":0,"score":0.0123}"#.to_vec());
        let (topic, partition) = (topics.predictions.clone(), Some(partition));
        writer.send(&Outgoing { topic, partition, value, headers, ..Outgoing::default() }).unwrap();
    }
    writer.flush().unwrap();

    let ran = stage.run(ROLLBACK, "r-1", &["--confirm-timeout=1m", "--observe=1s"]).unwrap();
    assert_eq!(ran.code, Some(0), "{}", ran.log);
    let read: Window =
        ran.record["details"]["proof"]["predictions"]["read"].as_str().unwrap().parse().unwrap();
    assert!(read.len() >= LONG as u64, "{read}");
    // Argo's executor runs in the same container, and needs the other half.
    let template = include_str!("../../../workflow-templates/rollback.yaml");
    assert!(template.contains("limits: {memory: 128Mi}"), "mend this test's limit");
    assert!(ran.memory_kib > 1000, "nothing was measured");
    assert!(ran.memory_kib < 64 << 10, "{} KiB", ran.memory_kib);
}

#[test]
fn offsets_by_time_are_those_of_the_first_record_from_then_on() {
    let stage = Stage::on(testkit::kafka::bootstrap(), &testkit::kafka::unique("times")).unwrap();
    let topic = Topics::of(&stage.stream).predictions;
    let record = |partition| Outgoing {
        topic: topic.clone(),
        partition: Some(partition),
        value: Some(b"1".to_vec()),
        ..Outgoing::default()
    };
    stage.send(&record(0)).unwrap();
    stage.send(&record(1)).unwrap();
    let mut times = Vec::new();
    let mut reader = stage.kafka.reader(&topic, &kafka::Start::Beginning).unwrap();
    reader.read_to_end(|record| times.push((record.partition, record.timestamp_ms))).unwrap();
    let at = |partition| times.iter().find(|(p, _)| *p == partition).unwrap().1;
    let asked = |ms| stage.kafka.offsets_at(&topic, ms).unwrap();

    let from_the_first = asked(at(0).min(at(1))).unwrap();
    assert_eq!((from_the_first[&0], from_the_first[&1], from_the_first[&2]), (0, 0, 0));
    assert_eq!(asked(at(0).max(at(1)) + 1), None, "nothing is that young");
}
