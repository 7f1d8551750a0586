//! Business events: clicks, orders, complaints, in a topic whose records bear the stream's keys.
//!
//! Whose model caused an event is not in the record: the caller finds it by the key and the route, as for an answer.

use kafka::Record;
use serde_json::Value;

/// One record may stand for no more events than this; a larger number is taken for a mistake.
pub(crate) const MAX_AT_ONCE: u64 = 100_000;

/// What a record of a counter's topic says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event<'a> {
    /// The stream's key, by which a model was assigned.
    pub(crate) key: &'a [u8],
    /// How many; 0 to [`MAX_AT_ONCE`].
    pub(crate) count: u64,
    /// Milliseconds since 1970.
    pub(crate) at_ms: i64,
}

/// Reads a record: one event, or as many as the member `count` of its JSON value says. `None` when it has no key, or
/// when `count` is no whole number in bounds.
pub(crate) fn read(record: &Record) -> Option<Event<'_>> {
    let key = record.key.as_deref()?;
    let value = record.value.as_deref().and_then(|it| serde_json::from_slice::<Value>(it).ok());
    let count = match value.as_ref().and_then(|value| value.get("count")) {
        None => 1,
        Some(count) => count.as_u64().filter(|count| *count <= MAX_AT_ONCE)?,
    };
    Some(Event { key, count, at_ms: record.timestamp_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(key: Option<&str>, value: Option<&str>) -> Record {
        Record {
            partition: 0,
            offset: 0,
            timestamp_ms: 7,
            key: key.map(|key| key.as_bytes().to_vec()),
            value: value.map(|value| value.as_bytes().to_vec()),
            headers: Vec::new(),
        }
    }

    #[test]
    fn a_record_is_an_event_unless_it_counts() {
        for (value, count) in [
            (None, Some(1)),
            (Some("order 7"), Some(1)),
            (Some(r#"{"order":7}"#), Some(1)),
            (Some(r#"{"count":3}"#), Some(3)),
            (Some(r#"{"count":0}"#), Some(0)),
            (Some(r#"{"count":-1}"#), None),
            (Some(r#"{"count":1.5}"#), None),
            (Some(r#"{"count":"2"}"#), None),
            (Some(r#"{"count":100001}"#), None),
        ] {
            let record = record(Some("k"), value);
            let event = read(&record);
            assert_eq!(event.map(|event| event.count), count, "{value:?}");
            assert!(event.is_none_or(|event| event.key == b"k" && event.at_ms == 7));
        }
        assert_eq!(read(&record(None, Some("order 7"))), None, "nobody knows whose it is");
    }
}
