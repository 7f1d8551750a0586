//! Records read and written, and windows of a topic.

use std::collections::BTreeMap;

use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Header, Headers, OwnedHeaders};
use serde::{Deserialize, Serialize};

/// A record that was read.
#[derive(Clone, Debug)]
pub struct Record {
    pub partition: i32,
    pub offset: i64,
    /// Milliseconds since 1970; 0 where the broker has none.
    pub timestamp_ms: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Vec<u8>)>,
}

/// A record to write.
#[derive(Clone, Debug, Default)]
pub struct Outgoing {
    pub topic: String,
    /// `None`: chosen by the key's hash, as Kafka's Java client does.
    pub partition: Option<i32>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Vec<u8>)>,
}

/// Half-open offset ranges of a topic: partition → (first, past the last).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window(pub BTreeMap<i32, (i64, i64)>);

impl Record {
    /// The value of header `name`, if it is there and is UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(key, _)| key == name)?;
        std::str::from_utf8(value).ok()
    }

    pub(super) fn of(message: &BorrowedMessage<'_>) -> Self {
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
        Self {
            partition: message.partition(),
            offset: message.offset(),
            timestamp_ms: message.timestamp().to_millis().unwrap_or(0),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: headers
                .map(|h| (h.key.to_owned(), h.value.unwrap_or_default().to_vec()))
                .collect(),
        }
    }
}

impl Outgoing {
    pub(super) fn kafka_headers(&self) -> OwnedHeaders {
        let empty = OwnedHeaders::new_with_capacity(self.headers.len());
        self.headers
            .iter()
            .fold(empty, |all, (key, value)| all.insert(Header { key, value: Some(value) }))
    }
}

impl Window {
    /// The number of offsets; control records and compacted ones count too.
    pub fn len(&self) -> u64 {
        let lengths = self.0.values().map(|(from, to)| to.saturating_sub(*from).max(0) as u64);
        lengths.fold(0, u64::saturating_add)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The newest `records` offsets of this window, from each partition in proportion to what it holds.
    ///
    /// Partitions fill at different speeds, so the same number from each would reach further back in a slow one;
    /// in proportion, all of them cover about the same time.
    #[must_use]
    pub fn newest(&self, records: u64) -> Self {
        let total = self.len();
        let part = |(first, end): (i64, i64)| {
            let kept = (end - first).max(0) as u64;
            let wanted =
                (u128::from(records) * u128::from(kept)).div_ceil(u128::from(total.max(1)));
            let wanted = u64::try_from(wanted).unwrap_or(kept).min(kept);
            (end - wanted as i64, end)
        };
        Self(self.0.iter().map(|(partition, range)| (*partition, part(*range))).collect())
    }

    pub fn contains(&self, partition: i32, offset: i64) -> bool {
        self.0.get(&partition).is_some_and(|(from, to)| (*from..*to).contains(&offset))
    }
}

/// As `--window` takes it: `0:100-200,1:5-60`.
impl std::str::FromStr for Window {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let range = |part: &str| -> Option<(i32, (i64, i64))> {
            let (partition, offsets) = part.split_once(':')?;
            let (from, to) = offsets.split_once('-')?;
            let (from, to) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
            let partition = partition.trim().parse().ok()?;
            (0 <= partition && 0 <= from && from <= to).then_some((partition, (from, to)))
        };
        let mut ranges = BTreeMap::new();
        for part in text.split(',') {
            let (partition, offsets) = range(part)
                .ok_or_else(|| format!("`{part}` is no range; write PARTITION:FIRST-END"))?;
            if ranges.insert(partition, offsets).is_some() {
                return Err(format!("the partition {partition} is there twice; write one range"));
            }
        }
        Ok(Self(ranges))
    }
}

impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, (partition, (from, to))) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{partition}:{from}-{to}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use stats::random::Random;

    use super::*;

    #[test]
    fn a_window_reads_what_it_writes() {
        let window: Window = "0:100-200,1:5-60".parse().unwrap();
        assert_eq!(window.len(), 155);
        assert_eq!(window.to_string(), "0:100-200,1:5-60");
        assert!(window.contains(1, 59) && !window.contains(1, 60) && !window.contains(2, 7));
        for bad in ["", "0", "0:5", "0:9-5", "x:1-2", "0:-1-5", "0:1-2,0:5-9", "-1:0-5"] {
            assert!(bad.parse::<Window>().is_err(), "{bad}");
        }
    }

    #[test]
    fn every_window_reads_what_it_writes_and_no_text_ends_the_program() {
        let mut random = Random::seeded(11);
        for _ in 0..10_000 {
            let mut ranges = BTreeMap::new();
            for _ in 0..=random.bits() % 4 {
                let (one, other) = ((random.bits() >> 1) as i64, (random.bits() >> 20) as i64);
                ranges.insert((random.bits() % 100) as i32, (one.min(other), one.max(other)));
            }
            let window = Window(ranges);
            assert_eq!(window.to_string().parse(), Ok(window.clone()));
            assert!(window.newest(random.bits()).len() <= window.len());
            // A text that is nearly one.
            let mut bytes = window.to_string().into_bytes();
            let at = random.bits() as usize % bytes.len();
            bytes[at] = b"0123456789:-, x"[random.bits() as usize % 15];
            let Ok(read) = String::from_utf8(bytes).unwrap().parse::<Window>() else { continue };
            assert_eq!(read.to_string().parse(), Ok(read));
        }
    }

    #[test]
    fn every_partition_gives_its_part_of_the_newest() {
        for (extent, records, expected) in [
            ("0:0-100", 10, "0:90-100"),
            ("0:0-100", 1000, "0:0-100"),
            ("0:50-150,1:0-300", 40, "0:140-150,1:270-300"),
            ("0:0-0,1:5-9", 2, "0:0-0,1:7-9"),
            ("0:7-7", 5, "0:7-7"),
            ("0:0-3,1:0-3", 1, "0:2-3,1:2-3"),
        ] {
            let extent: Window = extent.parse().unwrap();
            assert_eq!(extent.newest(records).to_string(), expected);
        }
    }
}
