//! Records that cannot be answered go to the dead letters, and the stream goes on.

use kafka::{Outgoing, Record};

use stream::DeadLetter;

use testkit::live::Live;

/// The most that the client sends in one record is 1,000,000 bytes with headers; a dead letter has more of them.
const LARGE: usize = 999_800;

#[test]
fn records_that_cannot_be_answered_are_told_with_their_reason_and_hold_up_nothing() {
    let live = Live::new("bad");
    let scorer = live.scorer("a");
    live.bootstrap("boosting");
    let nine = |last: &str| {
        let fields: Vec<String> = (1..9).map(|n| format!("\"f{n}\":1")).collect();
        format!("{{{},\"f9\":{last}}}", fields.join(","))
    };
    // Value, part of the reason.
    let bad = [
        ("not json".to_owned(), "JSON"),
        (r#"{"f1":1}"#.to_owned(), "missing"),
        (nine("NaN"), ""),
        (nine("1e99"), "f9"),
        (nine("\"1\""), "f9"),
        (format!("{{\"x\":\"{}\"}}", "x".repeat(LARGE)), "missing"),
    ];
    let mut writer = live.kafka().writer().unwrap();
    let mut send = |id: String, value: &str| {
        let record = Outgoing {
            topic: live.topics().features,
            // All in one partition: what follows a bad record has to wait for it.
            partition: Some(0),
            key: Some(id.clone().into_bytes()),
            value: Some(value.as_bytes().to_vec()),
            headers: vec![("id".into(), id.into_bytes())],
        };
        writer.send(&record).unwrap();
    };
    for (n, (value, _)) in bad.iter().enumerate() {
        (0..10).for_each(|i| send(format!("good-{n}-{i}"), &nine("1")));
        send(format!("bad-{n}"), value);
    }
    send("last".into(), &nine("1"));
    writer.flush().unwrap();

    let id = |record: &Record| record.header("id").unwrap().to_owned();
    let answered: Vec<String> =
        live.read(&live.topics().predictions, 10 * bad.len() + 1).iter().map(id).collect();
    let good = (0..bad.len()).flat_map(|n| (0..10).map(move |i| format!("good-{n}-{i}")));
    let wanted: Vec<String> = good.chain(["last".to_owned()]).collect();
    assert_eq!(answered, wanted, "once each and in their order");

    let topic = live.topics().features;
    let dead = live.read(&live.topics().dead_letters, bad.len());
    assert_eq!(dead.len(), bad.len());
    for (n, ((value, part), letter)) in bad.iter().zip(&dead).enumerate() {
        assert_eq!(id(letter), format!("bad-{n}"));
        let value_of = letter.value.as_deref();
        let read = DeadLetter::read(&letter.headers, letter.key.as_deref(), value_of).unwrap();
        let reason = read.reason;
        assert!(!reason.is_empty() && reason.contains(part), "{n}: {reason}");
        assert_eq!((read.source.topic, read.source.partition), (&*topic, 0));
        let whole = value_of == Some(value.as_bytes());
        assert_eq!(whole, value.len() < LARGE, "{n}");
        assert_eq!(read.truncated, !whole, "{n}");
    }
    scorer.end();
}
