//! The events topic read back: what was emitted before, in that order.

use std::collections::HashSet;

use crate::event::OutcomeEvent;
use kafka::{Kafka, Start};

/// Every outcome event on the topic, repeated ids dropped; events of others on the same topic are skipped.
///
/// Order: that of the broker's timestamps, ties by partition and offset.
///
/// # Errors
/// The broker is away, or the topic is missing.
pub fn read(kafka: &Kafka) -> anyhow::Result<Vec<OutcomeEvent>> {
    let mut found = Vec::new();
    let mut reader = kafka.reader(kafka.events_topic(), &Start::Beginning)?;
    reader.read_to_end(|record| {
        let Some(value) = record.value.as_deref() else { return };
        if let Ok(event) = serde_json::from_slice::<OutcomeEvent>(value) {
            found.push((record.timestamp_ms, record.partition, record.offset, event));
        }
    })?;
    found.sort_by_key(|(time, partition, offset, _)| (*time, *partition, *offset));
    let mut seen = HashSet::new();
    Ok(found
        .into_iter()
        .map(|(.., event)| event)
        .filter(|event| seen.insert(event.context.id.clone()))
        .collect())
}

/// The event with this id, if it was emitted.
///
/// # Errors
/// As [`read`].
pub fn find(kafka: &Kafka, id: &str) -> anyhow::Result<Option<OutcomeEvent>> {
    Ok(read(kafka)?.into_iter().find(|event| event.context.id == id))
}
