//! A dead letter: a feature record that got no answer, and why.
//!
//! ```text
//! <stream>.dead-letters   key and value as they came; headers reason, source, id, and truncated where the record was
//!                         too long to be kept whole
//! ```

use crate::feature::{FeatureRecord, RecordId};
use crate::headers::{self, Defect, Header, Headers};
use crate::prediction::{HEADER_ROOM, ID, SOURCE};
use crate::source::SourceOffset;

/// What is written of a record without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeadLetter<'a> {
    /// One sentence.
    pub reason: &'a str,
    pub source: SourceOffset<'a>,
    /// None where the record's own is too long to be kept.
    pub id: Option<RecordId<'a>>,
    /// Something of the record is missing.
    pub truncated: bool,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
}

/// Memory for headers, used again from record to record.
#[derive(Clone, Debug, Default)]
pub struct LetterBuffer {
    reason: Vec<u8>,
    source: Vec<u8>,
    id: Vec<u8>,
}

const REASON: &str = "reason";
const TRUNCATED: &str = "truncated";
/// What a reason may add to the size of a record.
const REASON_ROOM: usize = 1024;

impl<'a> DeadLetter<'a> {
    /// The letter for a record of the features topic `topic`, with as much of it as is within `limit` bytes.
    pub fn of(feature: &FeatureRecord<'a>, topic: &'a str, reason: &'a str, limit: usize) -> Self {
        let mut room = limit.saturating_sub(HEADER_ROOM + REASON_ROOM);
        let mut truncated = false;
        let mut take = |bytes: Option<&'a [u8]>, may_be_cut: bool| {
            let bytes = bytes?;
            let taken = bytes.len().min(room);
            truncated |= taken < bytes.len();
            // A cut key or id would name another record.
            let taken =
                if may_be_cut || taken == bytes.len() { &bytes[..taken] } else { return None };
            room -= taken.len();
            Some(taken)
        };
        let (id, key) = (take(feature.id, false), take(feature.key, false));
        let value = take(feature.value, true);
        let is_named = id.is_some() || feature.id.is_none();
        let id = is_named.then(|| feature.record_id());
        Self { reason, source: feature.source(topic), id, truncated, key, value }
    }

    /// Its headers, in the order in which they are written.
    pub fn headers<'b>(&'b self, buffer: &'b mut LetterBuffer) -> impl Iterator<Item = Header<'b>> {
        headers::line(&mut buffer.reason, self.reason);
        self.source.write(&mut buffer.source);
        if let Some(id) = self.id {
            id.write(&mut buffer.id);
        }
        [
            Some((REASON, &buffer.reason[..])),
            Some((SOURCE, &buffer.source[..])),
            self.id.map(|_| (ID, &buffer.id[..])),
            self.truncated.then_some((TRUNCATED, &b"true"[..])),
        ]
        .into_iter()
        .flatten()
    }

    /// Reads a record of the dead letters.
    ///
    /// # Errors
    /// It does not say why it is there, or whence.
    pub fn read(
        headers: &'a Headers,
        key: Option<&'a [u8]>,
        value: Option<&'a [u8]>,
    ) -> Result<Self, Defect> {
        Ok(Self {
            reason: headers::text(headers, REASON).ok_or(Defect::Missing(REASON))?,
            source: headers::read(headers, SOURCE, SourceOffset::try_from)?,
            id: headers::text(headers, ID).map(|id| RecordId::Given(id.as_bytes())),
            truncated: headers::text(headers, TRUNCATED) == Some("true"),
            key,
            value,
        })
    }
}

#[cfg(test)]
mod tests {
    use stats::random::Random;

    use super::*;

    const TOPIC: &str = "s.features";

    #[test]
    fn whatever_is_written_is_read_again_and_is_within_the_limit() {
        let (mut random, mut buffer) = (Random::seeded(6), LetterBuffer::default());
        let bytes = vec![b'x'; 10_000];
        for _ in 0..2_000 {
            let any = |random: &mut Random| {
                random.chance(0.8).then(|| &bytes[..(random.bits() % 10_000) as usize])
            };
            let feature = FeatureRecord {
                partition: 3,
                offset: (random.bits() >> 1) as i64,
                key: any(&mut random),
                value: any(&mut random),
                id: any(&mut random),
                timestamp: None,
            };
            let limit = 4_000 + (random.bits() % 30_000) as usize;
            let letter = DeadLetter::of(&feature, TOPIC, "it is\nlate", limit);
            let headers = headers::owned(letter.headers(&mut buffer));
            let size: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
            let size = size + [letter.key, letter.value].into_iter().flatten().flatten().count();
            assert!(size <= limit, "{size} of {limit}");
            // A record without an id is named by its place, which is read as what it is called.
            let name = letter.id.map(|id| id.to_string());
            let id = name.as_ref().map(|id| RecordId::Given(id.as_bytes()));
            let written = DeadLetter { reason: "it is late", id, ..letter };
            assert_eq!(DeadLetter::read(&headers, letter.key, letter.value), Ok(written));
            let is_whole = (letter.key, letter.value) == (feature.key, feature.value)
                && letter.id == Some(feature.record_id());
            assert_eq!(letter.truncated, !is_whole);
        }
    }

    #[test]
    fn a_value_is_cut_and_a_key_is_not() {
        let long = vec![b'x'; 10_000];
        let feature =
            FeatureRecord { key: Some(b"k"), value: Some(&long), ..FeatureRecord::default() };
        let letter = DeadLetter::of(&feature, TOPIC, "", 20_000);
        assert_eq!((letter.value, letter.truncated), (Some(&long[..]), false));
        let letter = DeadLetter::of(&feature, TOPIC, "", 5_000);
        assert!(letter.truncated && letter.key == Some(b"k"));
        assert!(letter.value.is_some_and(|value| value.len() < 5_000));
        let letter =
            DeadLetter::of(&FeatureRecord { key: Some(&long), ..feature }, TOPIC, "", 5_000);
        assert!(letter.truncated && letter.key.is_none());
    }
}
