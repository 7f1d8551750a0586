//! A feature record: what is to be answered.
//!
//! ```text
//! <stream>.features   value as the stream's format has it; key, on which the split rests; header id where it has one
//! ```

use std::fmt;

use crate::headers::{self, Headers};
use crate::source::{SourceOffset, write_place};

/// The header that names a record.
pub const ID: &str = "id";

/// A feature record, in whoever's memory it lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeatureRecord<'a> {
    pub partition: i32,
    pub offset: i64,
    /// The record's own time in milliseconds since 1970, where it has one.
    pub timestamp: Option<i64>,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    /// The `id` header, where there is one.
    pub id: Option<&'a [u8]>,
}

/// What names a record from its features to its label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordId<'a> {
    /// Its `id` header.
    Given(&'a [u8]),
    /// A record without one is named by its place: `<partition>-<offset>`.
    Place(i32, i64),
}

impl<'a> FeatureRecord<'a> {
    pub fn record_id(&self) -> RecordId<'a> {
        self.id.map_or(RecordId::Place(self.partition, self.offset), RecordId::Given)
    }

    /// Where it stands; `topic` is the features topic.
    pub fn source<'t>(&self, topic: &'t str) -> SourceOffset<'t> {
        SourceOffset { topic, partition: self.partition, offset: self.offset }
    }
}

impl RecordId<'_> {
    /// Writes it over what `out` holds.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.clear();
        match self {
            Self::Given(id) => out.extend_from_slice(id),
            Self::Place(partition, offset) => write_place(out, b'-', *partition, *offset),
        }
    }
}

impl fmt::Display for RecordId<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(id) => to.write_str(&String::from_utf8_lossy(id)),
            Self::Place(partition, offset) => write!(to, "{partition}-{offset}"),
        }
    }
}

/// The id of the feature record with these headers at this place.
pub fn record_id(headers: &Headers, partition: i32, offset: i64) -> RecordId<'_> {
    let given = headers::text(headers, ID).map(|id| RecordId::Given(id.as_bytes()));
    given.unwrap_or(RecordId::Place(partition, offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_without_an_id_is_named_by_its_place() {
        let mut feature = FeatureRecord { partition: 3, offset: 14, ..FeatureRecord::default() };
        let mut out = Vec::new();
        feature.record_id().write(&mut out);
        assert_eq!((&*out, feature.record_id().to_string()), (&b"3-14"[..], "3-14".to_owned()));
        feature.id = Some(b"order-7");
        feature.record_id().write(&mut out);
        assert_eq!(out, b"order-7");
        assert_eq!(feature.source("s.features").to_string(), "s.features/3/14");
        let headers = headers::owned([(ID, &b"order-7"[..])]);
        assert_eq!(record_id(&headers, 3, 14), feature.record_id());
        assert_eq!(record_id(&[], 3, 14), RecordId::Place(3, 14));
    }
}
