//! Where a record stands: `topic/partition/offset`, as predictions and dead letters name their feature record.

use std::fmt;

use crate::topics::Topics;

/// The place of a record. Its text is canonical: what parses is what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SourceOffset<'a> {
    pub topic: &'a str,
    pub partition: i32,
    pub offset: i64,
}

/// A text that names no place of a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no source; it is written topic/partition/offset, as in shuttle.features/3/14", .0.escape_debug())]
pub struct NoSource(String);

impl<'a> SourceOffset<'a> {
    /// Partition and offset, if it is a feature record of `stream`.
    pub fn of_stream(&self, stream: &str) -> Option<(i32, i64)> {
        Topics::is_features(stream, self.topic).then_some((self.partition, self.offset))
    }

    /// Writes the text over what `out` holds; `write!` for these was a fifth of the scorer's committing thread.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(self.topic.as_bytes());
        out.push(b'/');
        write_place(out, b'/', self.partition, self.offset);
    }

    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split('/');
        let (topic, partition, offset) = (parts.next()?, parts.next()?, parts.next()?);
        let is_topic = !topic.is_empty() && topic.bytes().all(is_of_a_topic);
        if !is_topic || parts.next().is_some() {
            return None;
        }
        let partition = i32::try_from(whole(partition)?).ok()?;
        Some(Self { topic, partition, offset: whole(offset)? })
    }
}

/// Partition and offset with a mark between them.
pub(crate) fn write_place(out: &mut Vec<u8>, between: u8, partition: i32, offset: i64) {
    let mut digits = itoa::Buffer::new();
    out.extend_from_slice(digits.format(partition).as_bytes());
    out.push(between);
    out.extend_from_slice(digits.format(offset).as_bytes());
}

/// What Kafka allows in the name of a topic.
fn is_of_a_topic(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

/// A number without a sign, and without a zero before others.
fn whole(text: &str) -> Option<i64> {
    let is_canonical =
        text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    is_canonical.then(|| text.parse().ok())?
}

impl<'a> TryFrom<&'a str> for SourceOffset<'a> {
    type Error = NoSource;

    fn try_from(text: &'a str) -> Result<Self, NoSource> {
        // A stranger's text ends in logs and reports.
        Self::parse(text).ok_or_else(|| NoSource(text.chars().take(120).collect()))
    }
}

impl fmt::Display for SourceOffset<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}/{}/{}", self.topic, self.partition, self.offset)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use stats::random::Random;

    use super::*;

    #[test]
    fn whatever_is_written_is_read_again() {
        let mut random = Random::seeded(1);
        for round in 0..10_000 {
            let letters = b"abzAZ09._-";
            let length = 1 + (random.bits() % 20) as usize;
            let topic: String =
                (0..length).map(|_| letters[(random.bits() % 10) as usize] as char).collect();
            let partition = [0, i32::MAX, (random.bits() % (1 << 20)) as i32][round % 3];
            let offset = [(random.bits() % (1 << 53)) as i64, 0, i64::MAX][round % 3];
            let source = SourceOffset { topic: &topic, partition, offset };
            let mut bytes = b"left over".to_vec();
            source.write(&mut bytes);
            assert_eq!(bytes, source.to_string().as_bytes());
            assert_eq!(SourceOffset::try_from(&*source.to_string()), Ok(source));
        }
    }

    #[test]
    fn whatever_is_read_is_written_again_and_nothing_else_is_read() {
        // Mutations of a good text: those that still parse are texts that are written so.
        let mut random = Random::seeded(2);
        let mut parsed = 0;
        for _ in 0..50_000 {
            let mut text = b"s.features/13/140".to_vec();
            for _ in 0..=(random.bits() % 3) {
                let at = (random.bits() % text.len() as u64) as usize;
                match random.bits() % 3 {
                    0 => drop(text.remove(at)),
                    1 => text.insert(at, b"/0+- 9a"[(random.bits() % 7) as usize]),
                    _ => text[at] = b"/0+- 9a"[(random.bits() % 7) as usize],
                }
            }
            let text = String::from_utf8(text).unwrap();
            if let Ok(source) = SourceOffset::try_from(&*text) {
                parsed += 1;
                assert_eq!(source.to_string(), text);
            }
        }
        assert!(parsed > 1_000, "{parsed}");
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "s.features",
            "s.features/3",
            "s.features/3/14/1",
            "s.features/x/14",
            "s.features/3/x",
            "s.features/-1/14",
            "s.features/+3/14",
            "s.features/03/14",
            "s.features/3/ 14",
            "s.features/2147483648/1",
            "s.features/0/9223372036854775808",
            "/3/14",
            "a b/3/14",
            "a/b/3/14",
        ] {
            let error = SourceOffset::try_from(text).unwrap_err().to_string();
            assert!(error.contains("topic/partition/offset"), "{text}: {error}");
        }
    }

    #[test]
    fn a_place_is_one_of_its_stream() {
        let source = SourceOffset::try_from("s.features/3/14").unwrap();
        assert_eq!((source.of_stream("s"), source.of_stream("t")), (Some((3, 14)), None));
    }
}
