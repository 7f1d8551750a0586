//! The records of a window as columns of numbers, with those that could not be read counted.

use std::collections::BTreeMap;

use contract::Context;
use kafka::{Reader, Window};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stream::StreamSchema;

/// What was read, partition by partition in the order of the offsets.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    pub(crate) partitions: BTreeMap<i32, Partition>,
    pub(crate) unreadable: Unreadable,
}

/// The readable records of one partition.
#[derive(Debug, Default)]
pub(crate) struct Partition {
    pub(crate) offsets: Vec<i64>,
    /// One row after the other, in the schema's order.
    rows: Vec<f32>,
}

/// Records that a scorer would send to the dead letters.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unreadable {
    pub(crate) count: u64,
    /// How many for each reason, with the first place that has it.
    pub(crate) reasons: BTreeMap<String, Reason>,
}

/// One reason for being unreadable.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reason {
    pub(crate) count: u64,
    /// In the lowest partition; partitions arrive in any order.
    pub(crate) first: Place,
}

/// Where a record is. A file is partition 0, and its lines count as offsets.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
}

/// More different reasons than this are counted together, so that a hostile stream cannot fill memory.
const MAX_REASONS: usize = 20;

impl Sample {
    /// Takes the record at a place if the schema can read it.
    pub(crate) fn push(
        &mut self,
        schema: &StreamSchema,
        partition: i32,
        offset: i64,
        parse: impl FnOnce(&StreamSchema, &mut Vec<f32>) -> Result<(), String>,
    ) {
        let part = self.partitions.entry(partition).or_default();
        match parse(schema, &mut part.rows) {
            Ok(()) => part.offsets.push(offset),
            Err(reason) => self.unreadable.push(reason, Place { partition, offset }),
        }
    }

    /// Readable records.
    pub(crate) fn readable(&self) -> u64 {
        self.partitions.values().map(|part| part.offsets.len() as u64).sum()
    }

    /// All values of a field.
    pub(crate) fn column(&self, field: usize, width: usize) -> Vec<f64> {
        self.partitions.values().flat_map(|part| part.column(field, width)).collect()
    }
}

impl Partition {
    /// The values of a field, in the order of the offsets.
    pub(crate) fn column(&self, field: usize, width: usize) -> Vec<f64> {
        self.rows.iter().skip(field).step_by(width).copied().map(f64::from).collect()
    }
}

impl Unreadable {
    pub(crate) fn push(&mut self, reason: String, place: Place) {
        self.count += 1;
        let known = self.reasons.contains_key(&reason) || self.reasons.len() < MAX_REASONS;
        let reason = if known { reason } else { "other reasons".to_owned() };
        let reason = self.reasons.entry(reason).or_insert(Reason { count: 0, first: place });
        reason.count += 1;
        reason.first = reason.first.min(place);
    }
}

/// The topic that is read.
pub(crate) fn topic(context: &Context) -> String {
    stream::Topics::of(&context.common.stream).features
}

/// Reads a window of the stream's features.
pub(crate) fn read(
    context: &Context,
    schema: &StreamSchema,
    window: &Window,
) -> anyhow::Result<Sample> {
    let mut sample = Sample::default();
    let (mut done, total) = (0, window.len());
    Reader::read_window(&context.kafka, &topic(context), window, |record| {
        context.stop.check()?;
        sample.push(schema, record.partition, record.offset, |schema, rows| {
            let value = record.value.as_deref().ok_or("the record has no value")?;
            schema.parse_row(value, rows).map_err(|error| error.to_string())
        });
        done += 1;
        context.progress.report(done, total, "records read");
        Ok(())
    })?;
    context.progress.report(total, total, "records read");
    Ok(sample)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn place(partition: i32, offset: i64) -> Place {
        Place { partition, offset }
    }

    #[test]
    fn unreadable_records_are_counted_by_reason_and_leave_no_trace() {
        let fields = r#"[{"name":"a","dtype":"float32"},{"name":"b","dtype":"float32"}]"#;
        let text = format!(r#"{{"stream":"s","format":"json","fields":{fields}}}"#);
        let schema = StreamSchema::parse(&text).unwrap();
        let mut sample = Sample::default();
        let records = [r#"{"a":1,"b":2}"#, r#"{"a":1}"#, "junk", r#"{"b":4,"a":3}"#, r#"{"a":2}"#];
        for (offset, record) in records.iter().enumerate() {
            sample.push(&schema, 3, offset as i64, |schema, rows| {
                schema.parse_row(record.as_bytes(), rows).map_err(|error| error.to_string())
            });
        }
        assert_eq!(sample.readable(), 2);
        assert_eq!(sample.partitions[&3].offsets, [0, 3]);
        assert_eq!((sample.column(0, 2), sample.column(1, 2)), (vec![1.0, 3.0], vec![2.0, 4.0]));
        assert_eq!(sample.unreadable.count, 3);
        let missing = &sample.unreadable.reasons["the field `b` is missing"];
        assert_eq!((missing.count, missing.first), (2, place(3, 1)));
    }

    #[test]
    fn reasons_cannot_grow_without_end() {
        let mut unreadable = Unreadable::default();
        (0..1000).for_each(|i| unreadable.push(format!("reason {i}"), place(0, i)));
        assert_eq!((unreadable.count, unreadable.reasons.len()), (1000, MAX_REASONS + 1));
        assert_eq!(unreadable.reasons["other reasons"].first, place(0, MAX_REASONS as i64));
    }

    #[test]
    fn the_first_place_is_the_same_in_whatever_order_partitions_arrive() {
        let mut unreadable = Unreadable::default();
        for place in [place(1, 7), place(0, 9), place(0, 57), place(1, 3)] {
            unreadable.push("junk".into(), place);
        }
        let junk = &unreadable.reasons["junk"];
        assert_eq!((junk.count, junk.first), (4, place(0, 9)));
    }
}
