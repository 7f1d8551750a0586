//! A batch of feature records, out of librdkafka's buffers and parsed, in memory that is used again and again.

use std::collections::BTreeMap;
use std::ops::Range;

use stream::{FeatureRecord, RowError, StreamSchema};

/// Records in the order in which they were polled, and the rows of those that are good.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    records: Vec<Entry>,
    /// Row by row, `width` numbers each.
    rows: Vec<f32>,
    width: usize,
    /// Keys, values and ids.
    bytes: Vec<u8>,
}

#[derive(Debug)]
struct Entry {
    partition: i32,
    offset: i64,
    timestamp: Option<i64>,
    key: Option<Range<usize>>,
    value: Option<Range<usize>>,
    id: Option<Range<usize>>,
    row: Result<usize, Reject>,
}

/// Why a record gets no answer; it goes to the dead letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reject {
    /// One of a few words, for the metric.
    pub(crate) class: &'static str,
    /// One sentence, for the `reason` header.
    pub(crate) reason: String,
}

impl Batch {
    /// Copies the record in and parses it.
    pub(crate) fn push(&mut self, schema: &StreamSchema, feature: &FeatureRecord<'_>) {
        self.width = schema.width();
        let row = match feature.value {
            None => Err(Reject::new("no-value", "the record has no value")),
            Some(value) => {
                let next = self.rows.len() / self.width;
                schema.parse_row(value, &mut self.rows).map(|()| next).map_err(Reject::from)
            }
        };
        let key = feature.key.map(|key| self.keep(key));
        let value = feature.value.map(|value| self.keep(value));
        let id = feature.id.map(|id| self.keep(id));
        let FeatureRecord { partition, offset, timestamp, .. } = *feature;
        self.records.push(Entry { partition, offset, timestamp, key, value, id, row });
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.records.clear();
        self.rows.clear();
        self.bytes.clear();
    }

    /// The record at `index`, out of this batch's own memory.
    pub(crate) fn feature(&self, index: usize) -> FeatureRecord<'_> {
        let entry = &self.records[index];
        let bytes = |range: &Option<Range<usize>>| range.clone().map(|range| &self.bytes[range]);
        FeatureRecord {
            partition: entry.partition,
            offset: entry.offset,
            timestamp: entry.timestamp,
            key: bytes(&entry.key),
            value: bytes(&entry.value),
            id: bytes(&entry.id),
        }
    }

    /// The numbers of the record, or why it has none.
    pub(crate) fn row(&self, index: usize) -> Result<&[f32], &Reject> {
        let number = *self.records[index].row.as_ref()?;
        Ok(&self.rows[number * self.width..][..self.width])
    }

    /// All rows, in the order of their records.
    pub(crate) fn rows(&self) -> &[f32] {
        &self.rows
    }

    /// How many numbers a row has.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Drops the records of partitions that now belong to another scorer, which reads them again.
    pub(crate) fn forget(&mut self, partitions: &[i32]) {
        // Rows without a record stay behind; nobody asks for them.
        self.records.retain(|entry| !partitions.contains(&entry.partition));
    }

    /// The times of the records that have one.
    pub(crate) fn timestamps(&self) -> impl Iterator<Item = i64> {
        self.records.iter().filter_map(|entry| entry.timestamp)
    }

    /// For each partition the offset to go on from once this batch is committed.
    pub(crate) fn next_offsets(&self) -> BTreeMap<i32, i64> {
        let mut next = BTreeMap::new();
        for entry in &self.records {
            // Polled in order, so the last one of a partition is its highest.
            next.insert(entry.partition, entry.offset + 1);
        }
        next
    }

    fn keep(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }
}

impl Reject {
    /// Every class that there is.
    pub(crate) const CLASSES: [&'static str; 9] = [
        "no-value",
        "not-json",
        "missing-field",
        "duplicate-field",
        "not-a-number",
        "not-finite",
        "wrong-length",
        "not-answered",
        "too-large",
    ];

    pub(crate) fn new(class: &'static str, reason: impl Into<String>) -> Self {
        Self { class, reason: reason.into() }
    }
}

impl From<RowError> for Reject {
    fn from(error: RowError) -> Self {
        let class = match error {
            RowError::NotJson(_) => "not-json",
            RowError::Missing { .. } => "missing-field",
            RowError::Duplicate { .. } => "duplicate-field",
            RowError::NotANumber { .. } => "not-a-number",
            RowError::NotFinite { .. } => "not-finite",
            RowError::WrongLength { .. } => "wrong-length",
        };
        Self::new(class, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn schema(format: &str) -> StreamSchema {
        StreamSchema::parse(&format!(
            r#"{{"stream":"s","format":"{format}","fields":[{{"name":"a","dtype":"float32"}},{{"name":"b","dtype":"float32"}}]}}"#
        ))
        .unwrap()
    }

    fn push(batch: &mut Batch, partition: i32, offset: i64, value: &str) {
        let value = Some(value.as_bytes());
        batch.push(
            &schema("json"),
            &FeatureRecord { partition, offset, value, ..FeatureRecord::default() },
        );
    }

    #[test]
    fn good_records_have_rows_and_bad_ones_a_reason() {
        let mut batch = Batch::default();
        push(&mut batch, 0, 7, r#"{"a":1,"b":2}"#);
        push(&mut batch, 0, 8, "{");
        push(&mut batch, 0, 9, r#"{"a":3,"b":4}"#);
        assert_eq!((batch.row(0), batch.row(2)), (Ok(&[1.0, 2.0][..]), Ok(&[3.0, 4.0][..])));
        assert_eq!(batch.rows(), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(batch.row(1).unwrap_err().class, "not-json");
        assert_eq!(batch.feature(1).value, Some(&b"{"[..]));
        assert_eq!(batch.next_offsets(), [(0, 10)].into());
    }

    #[test]
    fn every_bad_record_has_its_class() {
        let json: [(&str, Option<&[u8]>); 5] = [
            ("no-value", None),
            ("not-json", Some(b"")),
            ("missing-field", Some(br#"{"a":1}"#)),
            ("not-a-number", Some(br#"{"a":1,"b":NaN}"#)),
            ("not-finite", Some(br#"{"a":1,"b":1e39}"#)),
        ];
        for (class, value) in json {
            let mut batch = Batch::default();
            batch.push(&schema("json"), &FeatureRecord { value, ..FeatureRecord::default() });
            assert_eq!(batch.row(0).unwrap_err().class, class);
        }
        for (class, value) in
            [("wrong-length", [0; 7].to_vec()), ("not-finite", [0xff; 8].to_vec())]
        {
            let mut batch = Batch::default();
            batch.push(
                &schema("f32le"),
                &FeatureRecord { value: Some(&value), ..FeatureRecord::default() },
            );
            assert_eq!(batch.row(0).unwrap_err().class, class);
        }
    }

    #[test]
    fn records_of_a_partition_given_away_are_forgotten() {
        let mut batch = Batch::default();
        for (partition, offset) in [(0, 5), (1, 9), (0, 6)] {
            push(&mut batch, partition, offset, &format!(r#"{{"a":{offset},"b":2}}"#));
        }
        batch.forget(&[0]);
        assert_eq!(batch.next_offsets(), [(1, 10)].into());
        assert_eq!((batch.len(), batch.row(0)), (1, Ok(&[9.0, 2.0][..])));
    }

    #[test]
    fn a_cleared_batch_holds_nothing_of_the_one_before() {
        let mut batch = Batch::default();
        push(&mut batch, 0, 5, r#"{"a":1,"b":2}"#);
        batch.clear();
        push(&mut batch, 0, 6, r#"{"a":3,"b":4}"#);
        assert_eq!((batch.len(), batch.row(0)), (1, Ok(&[3.0, 4.0][..])));
    }
}
