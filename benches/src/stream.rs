//! A stream filled with the demo's telemetry, and what was answered to it.

use std::time::Duration;

use ::stream::{PredictionHeaders, StatedValue};
use anyhow::ensure;
use kafka::{Kafka, KafkaArgs, Outgoing, Record, Start, Window};
use testkit::telemetry;

/// A connection to the broker at `brokers`.
///
/// # Errors
/// The address is no address.
pub fn kafka(brokers: &str) -> anyhow::Result<Kafka> {
    Kafka::new(&KafkaArgs {
        brokers: brokers.to_owned(),
        kafka_config: None,
        kafka_timeout: Duration::from_secs(30),
        events_topic: "headgate.events".to_owned(),
    })
}

/// The values of feature records: the demo's live telemetry, from the beginning again when it is over.
///
/// # Errors
/// The telemetry file is missing.
pub fn telemetry() -> anyhow::Result<impl Iterator<Item = Vec<u8>> + Clone> {
    let file = testkit::root().join("demo/shuttle/shuttle.csv.gz");
    let values: Vec<Vec<u8>> =
        telemetry::live_part(&file)?.into_iter().map(|reading| reading.json.into_bytes()).collect();
    Ok(values.into_iter().cycle())
}

/// A feature record; its key is its number.
pub fn feature(topic: &str, partition: i32, n: u64, value: Vec<u8>) -> Outgoing {
    Outgoing {
        topic: topic.to_owned(),
        partition: Some(partition),
        key: Some(n.to_string().into_bytes()),
        value: Some(value),
        headers: Vec::new(),
    }
}

/// Every committed record of `topic` in `window`.
///
/// # Errors
/// The broker is away.
pub fn read(kafka: &Kafka, topic: &str, window: &Window) -> anyhow::Result<Vec<Record>> {
    let mut records = Vec::new();
    let starts = window.0.iter().map(|(partition, (from, _))| (*partition, *from)).collect();
    let mut reader = kafka.reader(topic, &Start::At(starts))?;
    reader.read_to_end(|record| {
        if window.contains(record.partition, record.offset) {
            records.push(record);
        }
    })?;
    Ok(records)
}

/// What was written between two looks at a topic.
pub fn between(before: &Window, after: &Window) -> Window {
    let from = |partition: &i32| before.0.get(partition).map_or(0, |(_, end)| *end);
    Window(
        after.0.iter().map(|(partition, (_, end))| (*partition, (from(partition), *end))).collect(),
    )
}

/// Checks that each of `count` records was answered exactly once, and returns the scores by offset.
///
/// # Errors
/// One was not, or not with a number.
pub fn exactly_once(predictions: &[Record], count: usize) -> anyhow::Result<Vec<f64>> {
    let mut scores = vec![f64::NAN; count];
    for record in predictions {
        let source = PredictionHeaders::of(&record.headers).source()?;
        let offset = usize::try_from(source.offset)?;
        let value = StatedValue::read(record.value.as_deref().unwrap_or_default());
        ensure!(offset < count && scores[offset].is_nan(), "{source} was answered twice");
        scores[offset] = value.and_then(|value| value.score()).unwrap_or(f64::NAN);
    }
    ensure!(scores.iter().all(|score| !score.is_nan()), "not every record was answered");
    Ok(scores)
}
