//! A prediction: the answer to one feature record.
//!
//! ```text
//! <stream>.predictions   key of the feature record; value as in `value`; headers model, variant, generation, source, id,
//!                        took (microseconds), and fallback where the champion answered in the candidate's place
//! ```

mod value;

pub use value::{PredictionValue, StatedValue};

use crate::digest::ModelDigest;
use crate::feature::{FeatureRecord, RecordId};
use crate::headers::{self, Defect, Header, Headers};
use crate::source::SourceOffset;
use crate::variant::Variant;

/// What the headers of a record may add to its size: names, digest, source, and librdkafka's own.
pub(crate) const HEADER_ROOM: usize = 2048;

/// A prediction, but for its key, which is that of its feature record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction<'a> {
    /// Who truly answered.
    pub model: ModelDigest<'a>,
    /// As what.
    pub variant: Variant,
    /// Of the route under which it was answered.
    pub generation: u64,
    /// The feature record.
    pub source: SourceOffset<'a>,
    pub id: RecordId<'a>,
    /// Microseconds that the model needed; a scorer of a team's own may not say.
    pub took: Option<u64>,
    /// Why the champion answered a key of the candidate's.
    pub fallback: Option<&'a str>,
}

/// The headers of a prediction as they are read, one by one: a reader asks for those that it needs.
#[derive(Clone, Copy, Debug)]
pub struct PredictionHeaders<'a>(&'a Headers);

/// Memory for headers, used again from record to record.
#[derive(Clone, Debug, Default)]
pub struct HeaderBuffer {
    source: Vec<u8>,
    id: Vec<u8>,
    fallback: Vec<u8>,
    generation: Number,
    took: Number,
}

/// The text of a number; a whole batch has the same.
#[derive(Clone, Debug, Default)]
struct Number {
    of: u64,
    text: String,
}

const MODEL: &str = "model";
const VARIANT: &str = "variant";
const GENERATION: &str = "generation";
pub(crate) const SOURCE: &str = "source";
pub(crate) const ID: &str = crate::feature::ID;
const TOOK: &str = "took";
const FALLBACK: &str = "fallback";

impl<'a> Prediction<'a> {
    /// Its headers, in the order in which they are written.
    pub fn headers<'b>(&'b self, buffer: &'b mut HeaderBuffer) -> impl Iterator<Item = Header<'b>> {
        self.source.write(&mut buffer.source);
        self.id.write(&mut buffer.id);
        if let Some(why) = self.fallback {
            headers::line(&mut buffer.fallback, why);
        }
        [
            Some((MODEL, self.model.as_str().as_bytes())),
            Some((VARIANT, self.variant.as_str().as_bytes())),
            Some((GENERATION, buffer.generation.text(self.generation))),
            Some((SOURCE, &buffer.source[..])),
            Some((ID, &buffer.id[..])),
            self.took.map(|took| (TOOK, buffer.took.text(took))),
            self.fallback.map(|_| (FALLBACK, &buffer.fallback[..])),
        ]
        .into_iter()
        .flatten()
    }

    /// As [`Prediction::headers`], for a record that is written by itself.
    pub fn to_headers(&self) -> Vec<(String, Vec<u8>)> {
        headers::owned(self.headers(&mut HeaderBuffer::default()))
    }

    /// Reads the headers of a whole prediction.
    ///
    /// # Errors
    /// One is missing or cannot be read. A `took` that is no number counts as none.
    pub fn read(headers: &'a Headers) -> Result<Self, Defect> {
        let headers = PredictionHeaders::of(headers);
        Ok(Self {
            model: headers.model()?,
            variant: headers.variant()?,
            generation: headers.generation()?,
            source: headers.source()?,
            id: RecordId::Given(headers.id()?.as_bytes()),
            took: headers.took(),
            fallback: headers.fallback(),
        })
    }
}

impl<'a> PredictionHeaders<'a> {
    pub fn of(headers: &'a Headers) -> Self {
        Self(headers)
    }

    /// # Errors
    /// It is missing, or no digest.
    pub fn model(self) -> Result<ModelDigest<'a>, Defect> {
        headers::read(self.0, MODEL, ModelDigest::try_from)
    }

    /// What the header says, also where that is no digest: whoever compares it with the models that may answer has found
    /// a stranger then, and no record to ignore.
    pub fn stated_model(self) -> Option<&'a str> {
        headers::text(self.0, MODEL)
    }

    /// # Errors
    /// It is missing, or no variant.
    pub fn variant(self) -> Result<Variant, Defect> {
        headers::read(self.0, VARIANT, str::parse)
    }

    /// # Errors
    /// It is missing, or no whole number.
    pub fn generation(self) -> Result<u64, Defect> {
        headers::read(self.0, GENERATION, str::parse::<u64>)
    }

    /// # Errors
    /// It is missing, or names no record.
    pub fn source(self) -> Result<SourceOffset<'a>, Defect> {
        headers::read(self.0, SOURCE, SourceOffset::try_from)
    }

    /// # Errors
    /// It is missing.
    pub fn id(self) -> Result<&'a str, Defect> {
        headers::text(self.0, ID).ok_or(Defect::Missing(ID))
    }

    pub fn took(self) -> Option<u64> {
        headers::text(self.0, TOOK)?.parse().ok()
    }

    pub fn fallback(self) -> Option<&'a str> {
        headers::text(self.0, FALLBACK)
    }

    /// What the split of the stream rests on: the record's key, or the text of its source where it has none.
    pub fn split_key(self, key: Option<&'a [u8]>) -> &'a [u8] {
        key.unwrap_or_else(|| headers::text(self.0, SOURCE).unwrap_or_default().as_bytes())
    }
}

/// What the split of the stream rests on, from the feature record's side; `room` takes the text of a source.
pub fn split_key<'a>(feature: &FeatureRecord<'a>, topic: &str, room: &'a mut Vec<u8>) -> &'a [u8] {
    match feature.key {
        Some(key) => key,
        None => {
            feature.source(topic).write(room);
            room
        }
    }
}

/// Whether a prediction of `value` bytes, with the key and id of its feature record, is within `limit` bytes.
pub fn fits(feature: &FeatureRecord<'_>, value: usize, limit: usize) -> bool {
    let (key, id) = (feature.key.map_or(0, <[u8]>::len), feature.id.map_or(0, <[u8]>::len));
    key + id + value + HEADER_ROOM <= limit
}

impl Number {
    fn text(&mut self, number: u64) -> &[u8] {
        if self.of != number || self.text.is_empty() {
            *self = Self { of: number, text: number.to_string() };
        }
        self.text.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use stats::random::Random;

    use super::*;

    const DIGEST: &str = "sha256:abababababababababababababababababababababababababababababababab";

    fn prediction() -> Prediction<'static> {
        Prediction {
            model: DIGEST.try_into().unwrap(),
            variant: Variant::Champion,
            generation: 7,
            source: SourceOffset { topic: "s.features", partition: 3, offset: 14 },
            id: RecordId::Given(b"order-7"),
            took: Some(250),
            fallback: None,
        }
    }

    #[test]
    fn whatever_is_written_is_read_again() {
        let (mut random, mut buffer) = (Random::seeded(4), HeaderBuffer::default());
        for _ in 0..5_000 {
            let id = format!("r{}", random.bits());
            let fallback = format!("why {}", random.bits() % 3);
            let number = |random: &mut Random| random.bits() >> (random.bits() % 64);
            let written = Prediction {
                variant: if random.chance(0.5) { Variant::Champion } else { Variant::Candidate },
                generation: number(&mut random),
                source: SourceOffset {
                    partition: (random.bits() >> 33) as i32,
                    offset: (random.bits() >> 1) as i64,
                    ..prediction().source
                },
                id: RecordId::Given(id.as_bytes()),
                took: random.chance(0.8).then(|| number(&mut random)),
                fallback: random.chance(0.3).then_some(&*fallback),
                ..prediction()
            };
            // The buffer holds what the record before left.
            let headers = headers::owned(written.headers(&mut buffer));
            assert_eq!(Prediction::read(&headers), Ok(written));
        }
    }

    #[test]
    fn every_header_that_is_missing_or_cannot_be_read_is_named() {
        for name in ["model", "variant", "generation", "source", "id"] {
            let mut headers = prediction().to_headers();
            headers.retain(|(header, _)| header != name);
            assert_eq!(Prediction::read(&headers), Err(Defect::Missing(name)));
            for nothing in [&b"\xff"[..], b""] {
                headers.push((name.to_owned(), nothing.to_vec()));
                let read = Prediction::read(&headers);
                assert!(read.is_err() || (name, nothing) == ("id", b""), "{name}: {read:?}");
                headers.pop();
            }
        }
    }

    #[test]
    fn a_record_without_a_key_is_split_by_its_source() {
        let headers = prediction().to_headers();
        let read = PredictionHeaders::of(&headers);
        assert_eq!(read.split_key(Some(b"k")), b"k");
        assert_eq!(read.split_key(None), b"s.features/3/14");
        let mut room = Vec::new();
        let feature = FeatureRecord { partition: 3, offset: 14, ..FeatureRecord::default() };
        assert_eq!(split_key(&feature, "s.features", &mut room), b"s.features/3/14");
        let keyed = FeatureRecord { key: Some(b"k"), ..feature };
        assert_eq!(split_key(&keyed, "s.features", &mut room), b"k");
    }
}
