//! The Kafka module against the in-memory broker.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use kafka::memory::MemoryBroker;
use kafka::{Kafka, KafkaArgs, Outgoing, Reader, Start, TopicSpec, Window};

fn kafka(brokers: &str, timeout: Duration) -> Kafka {
    let events_topic = "headgate.events".into();
    Kafka::new(&KafkaArgs {
        brokers: brokers.into(),
        kafka_config: None,
        kafka_timeout: timeout,
        events_topic,
    })
    .unwrap()
}

fn record(partition: i32, value: &str) -> Outgoing {
    Outgoing {
        topic: "t".into(),
        partition: Some(partition),
        key: Some(b"k".to_vec()),
        value: Some(value.as_bytes().to_vec()),
        headers: vec![("h".into(), b"1".to_vec())],
    }
}

#[test]
fn what_was_written_is_read_to_the_end_and_by_window() {
    let broker = MemoryBroker::start(&[TopicSpec::new("t", 2)]).unwrap();
    let kafka = kafka(&broker.brokers(), Duration::from_secs(10));
    let mut writer = kafka.writer().unwrap();
    for n in 0..10 {
        writer.send(&record(n % 2, &n.to_string())).unwrap();
    }
    writer.flush().unwrap();

    let mut all = Vec::new();
    kafka.reader("t", &Start::Beginning).unwrap().read_to_end(|record| all.push(record)).unwrap();
    assert_eq!(all.len(), 10);
    assert!(all.iter().all(|record| record.header("h") == Some("1")));
    assert_eq!(kafka.extent("t").unwrap().to_string(), "0:0-5,1:0-5");

    let window: Window = "0:1-3,1:4-5".parse().unwrap();
    let mut inside = Vec::new();
    let each = |record: kafka::Record| {
        inside.push(String::from_utf8(record.value.unwrap()).unwrap());
        Ok(())
    };
    Reader::read_window(&kafka, "t", &window, each).unwrap();
    inside.sort();
    assert_eq!(inside, ["2", "4", "9"]);

    let beyond =
        Reader::read_window(&kafka, "t", &"0:0-99".parse().unwrap(), |_| Ok(())).unwrap_err();
    assert_eq!(fault::exit_code(&beyond), fault::exit::USAGE);
}

// That a later writer fences an earlier one is tested on a real Kafka: the in-memory broker keeps no epochs.
#[test]
fn a_reader_that_was_given_up_leaves_nothing_to_the_next() {
    let topics = [TopicSpec::new("t", 2), TopicSpec::new("u", 1)];
    let broker = MemoryBroker::start(&topics).unwrap();
    let kafka = kafka(&broker.brokers(), Duration::from_secs(10));
    let mut writer = kafka.writer().unwrap();
    for n in 0..400 {
        writer.send(&record(n % 2, &n.to_string())).unwrap();
    }
    writer.send(&Outgoing { topic: "u".into(), ..record(0, "other") }).unwrap();
    writer.flush().unwrap();

    for round in 0..20 {
        // With hundreds of records read ahead, and in every second round all ends seen.
        let mut given_up = kafka.reader("t", &Start::Beginning).unwrap();
        given_up.next(Duration::from_secs(10)).unwrap().unwrap();
        if round % 2 == 0 {
            given_up.read_to_end(drop).unwrap();
        }
        drop(given_up);

        let mut other = Vec::new();
        let mut reader = kafka.reader("u", &Start::Beginning).unwrap();
        assert!(!reader.at_end());
        reader.read_to_end(|record| other.push(record.value)).unwrap();
        assert_eq!(other, [Some(b"other".to_vec())]);
        drop(reader);

        let (mut again, from) = (Vec::new(), [(0, 150), (1, 190)].into());
        let mut reader = kafka.reader("t", &Start::At(from)).unwrap();
        reader.read_to_end(|record| again.push((record.partition, record.offset))).unwrap();
        again.sort_unstable();
        let expected = (150..200).map(|n| (0, n)).chain((190..200).map(|n| (1, n)));
        assert_eq!(again, expected.collect::<Vec<_>>());
    }
}

#[test]
fn a_fenced_writer_writes_one_record_a_transaction() {
    let broker = MemoryBroker::start(&[TopicSpec::new("t", 1)]).unwrap();
    let kafka = kafka(&broker.brokers(), Duration::from_secs(5));
    let mut first = kafka.fenced_writer("routes-s").unwrap();
    first.write(&record(0, "1")).unwrap();
    first.write(&record(0, "2")).unwrap();
    kafka.fenced_writer("routes-s").unwrap().write(&record(0, "3")).unwrap();
    let mut read = Vec::new();
    let each = |record: kafka::Record| read.push(record.value.unwrap());
    kafka.reader("t", &Start::Beginning).unwrap().read_to_end(each).unwrap();
    assert_eq!(read, [b"1", b"2", b"3"]);
}

#[test]
fn a_broker_that_is_away_is_a_transient_failure_and_a_missing_topic_is_not() {
    let away = kafka("127.0.0.1:1", Duration::from_millis(300)).partitions("t").unwrap_err();
    assert_eq!(fault::exit_code(&away), fault::exit::TRANSIENT);

    let broker = MemoryBroker::start(&[]).unwrap();
    let missing =
        kafka(&broker.brokers(), Duration::from_secs(5)).reader("nope", &Start::End).err().unwrap();
    assert_eq!(fault::exit_code(&missing), fault::exit::USAGE);
}

#[test]
fn a_writer_names_the_broker_and_the_cause_as_a_reader_does() {
    let away = kafka("127.0.0.1:1", Duration::from_millis(500));
    let mut writer = away.writer().unwrap();
    writer.send(&record(0, "1")).unwrap();
    let errors = [writer.flush().unwrap_err(), away.partitions("t").unwrap_err()];
    for (error, act) in errors.iter().zip(["write to t", "ask for topic t"]) {
        let said = fault::render(error);
        assert!(said.starts_with(&format!("error: cannot {act} at 127.0.0.1:1: ")), "{said}");
        assert!(said.contains("Connection refused"), "{said}");
        assert_eq!(fault::exit_code(error), fault::exit::TRANSIENT);
    }

    // A broker that answers, without the topic.
    let broker = MemoryBroker::start(&[]).unwrap();
    let kafka = kafka(&broker.brokers(), Duration::from_secs(2));
    let mut writer = kafka.writer().unwrap();
    let refused = writer.send(&record(0, "1")).and_then(|()| writer.flush()).unwrap_err();
    let said = fault::render(&refused);
    assert!(said.contains("t at 127.0.0.1:") || said.contains("topic t does not exist"), "{said}");
}

// What a real Kafka answers is tested with the pipeline: the in-memory broker knows no times.
#[test]
fn a_broker_that_knows_no_times_is_not_taken_for_an_empty_topic() {
    let broker = MemoryBroker::start(&[TopicSpec::new("t", 2)]).unwrap();
    let kafka = kafka(&broker.brokers(), Duration::from_secs(5));
    let mut writer = kafka.writer().unwrap();
    writer.send(&record(0, "1")).unwrap();
    writer.flush().unwrap();
    assert_eq!(kafka.offsets_at("t", 1).unwrap(), None);
}
