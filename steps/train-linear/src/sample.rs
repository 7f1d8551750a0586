//! The labelled records of a window, joined by record id, in the order of their time.
//!
//! Memory is bounded by the window: a label without a record of the window is ignored.

use std::collections::HashMap;

use contract::Context;
use kafka::{Reader, Record, Window};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stream::{LabelRecord, StreamSchema, Topics, record_id};

use crate::linear::Rows;

/// What a window holds for learning.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    numbers: Vec<f32>,
    labels: Vec<u8>,
    pub(crate) counts: Counts,
}

/// Where the records of the window went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Counts {
    /// Records that the schema can read.
    pub(crate) readable: u64,
    /// Records that a scorer would send to the dead letters.
    pub(crate) unreadable: u64,
    /// Records whose id another record of the window has.
    pub(crate) repeated: u64,
    /// Records with a label.
    pub(crate) labelled: u64,
    /// Labels other than 0 and 1; this trainer is for two classes.
    pub(crate) other_classes: u64,
}

/// Records waiting for their labels.
#[derive(Debug, Default)]
struct Joining {
    /// Row by row, as they were read.
    numbers: Vec<f32>,
    records: Vec<Waiting>,
    by_id: HashMap<String, usize>,
    counts: Counts,
}

#[derive(Debug)]
struct Waiting {
    /// Time, then offset and partition where times are equal: the order is the same on every run.
    order: (i64, i64, i32),
    label: Option<u8>,
}

/// Clocks of different writers may differ by so many milliseconds before a label is missed.
const CLOCKS: i64 = 60_000;

/// Reads the window of the features, and the labels written since its first record.
pub(crate) fn read(
    context: &Context,
    schema: &StreamSchema,
    window: &Window,
) -> anyhow::Result<Sample> {
    let topics = Topics::of(&context.common.stream);
    let mut joining = Joining::default();
    let (mut done, total) = (0, window.len());
    Reader::read_window(&context.kafka, &topics.features, window, |record| {
        context.stop.check()?;
        joining.record(schema, &record);
        done += 1;
        context.progress.report(done, total, "records read");
        Ok(())
    })?;

    let topic = topics.labels;
    let mut labels = context.kafka.extent(&topic)?;
    let first = joining.records.iter().map(|record| record.order.0).min().unwrap_or(0);
    let starts = context.kafka.offsets_at(&topic, first.saturating_sub(CLOCKS))?;
    for (partition, range) in &mut labels.0 {
        if let Some(start) = starts.as_ref().and_then(|starts| starts.get(partition)) {
            range.0 = (*start).clamp(range.0, range.1);
        }
    }
    // A broker that knows no times gives all of them, which takes a while.
    let (mut done, total) = (0, labels.len());
    tracing::info!(records = joining.records.len(), labels = total, "records read, labels follow");
    Reader::read_window(&context.kafka, &topic, &labels, |record| {
        context.stop.check()?;
        joining.label(&record);
        done += 1;
        context.progress.report(done, total, "labels read");
        Ok(())
    })?;
    tracing::info!(labels = done, "labels read");
    Ok(joining.finish(schema.width()))
}

impl Sample {
    /// The labelled records, oldest first.
    pub(crate) fn rows(&self, width: usize) -> Rows<'_> {
        Rows { numbers: &self.numbers, labels: &self.labels, width }
    }
}

impl Joining {
    fn record(&mut self, schema: &StreamSchema, record: &Record) {
        let value = record.value.as_deref().unwrap_or_default();
        if schema.parse_row(value, &mut self.numbers).is_err() {
            self.counts.unreadable += 1;
            return;
        }
        self.counts.readable += 1;
        let id = record_id(&record.headers, record.partition, record.offset).to_string();
        if self.by_id.insert(id, self.records.len()).is_some() {
            self.counts.repeated += 1;
        }
        let order = (record.timestamp_ms, record.offset, record.partition);
        self.records.push(Waiting { order, label: None });
    }

    /// A later label of a record replaces an earlier one.
    fn label(&mut self, record: &Record) {
        let read = LabelRecord::read(record.key.as_deref(), record.value.as_deref());
        let Ok(LabelRecord { id, label }) = read else { return };
        let id = std::str::from_utf8(id).ok();
        let Some(at) = id.and_then(|id| self.by_id.get(id)) else { return };
        match [0.0, 1.0].iter().position(|class| *class == label) {
            Some(class) => self.records[*at].label = Some(class as u8),
            None => self.counts.other_classes += 1,
        }
    }

    fn finish(self, width: usize) -> Sample {
        let mut known: Vec<(usize, (i64, i64, i32), u8)> = (self.records.iter().enumerate())
            .filter_map(|(at, record)| Some((at, record.order, record.label?)))
            .collect();
        known.sort_by_key(|(_, order, _)| *order);
        let mut sample = Sample { counts: self.counts, ..Sample::default() };
        for (at, _, label) in known {
            sample.numbers.extend_from_slice(&self.numbers[at * width..(at + 1) * width]);
            sample.labels.push(label);
        }
        sample.counts.labelled = sample.labels.len() as u64;
        sample
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn record(time: i64, offset: i64, key: Option<&str>, value: &str) -> Record {
        let headers = key.map(|key| ("id".to_owned(), key.as_bytes().to_vec()));
        Record {
            partition: 0,
            offset,
            timestamp_ms: time,
            key: key.map(|key| key.as_bytes().to_vec()),
            value: Some(value.as_bytes().to_vec()),
            headers: headers.into_iter().collect(),
        }
    }

    #[test]
    fn records_meet_their_labels_and_lie_in_the_order_of_time() {
        let schema = r#"{"stream":"s","format":"json","fields":[{"name":"a","dtype":"float32"}]}"#;
        let schema = StreamSchema::parse(schema).unwrap();
        let mut joining = Joining::default();
        for (time, offset, id, value) in [
            (30, 0, Some("late"), r#"{"a":3}"#),
            (10, 1, Some("early"), r#"{"a":1}"#),
            (20, 2, Some("broken"), r#"{"a":null}"#),
            (20, 3, Some("unlabelled"), r#"{"a":7}"#),
            (20, 4, None, r#"{"a":2}"#),
            (40, 5, Some("three"), r#"{"a":4}"#),
        ] {
            joining.record(&schema, &record(time, offset, id, value));
        }
        for (id, value) in [
            ("late", r#"{"label":0}"#),
            ("0-4", r#"{"label":0}"#),
            ("early", r#"{"label":1}"#),
            ("late", r#"{"label":1.0}"#),
            ("stranger", r#"{"label":1}"#),
            ("unlabelled", "no label"),
            ("three", r#"{"label":3}"#),
        ] {
            joining.label(&record(0, 0, Some(id), value));
        }
        let sample = joining.finish(1);
        assert_eq!((sample.numbers, sample.labels), (vec![1.0, 2.0, 3.0], vec![1, 0, 1]));
        let counts =
            Counts { readable: 5, unreadable: 1, repeated: 0, labelled: 3, other_classes: 1 };
        assert_eq!(sample.counts, counts);
    }
}
