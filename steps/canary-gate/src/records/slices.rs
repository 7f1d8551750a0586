//! Which slices of the stream a prediction's record belongs to.
//!
//! A prediction names its feature record by the `source` header, so the features topic is read beside, from the gate's
//! start, and remembered for a while: four bytes for each record, in a ring for each partition. A feature record is
//! committed before its prediction, so whoever reads features up to the place that a prediction names knows its slices;
//! [`Slices::is_ahead`] says that there is something to read.

use std::collections::{BTreeMap, VecDeque};

use kafka::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::slices_of::{Column, NONE};

/// The slices of one record, for [`Slices::ids`]; small, so that an answer can carry it while it waits for its label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct SliceSet(u32);

/// A record's partition and offset in the features topic.
pub(crate) type Place = (i32, i64);

/// The columns by which the stream is sliced, and the slices of the newest records.
#[derive(Debug)]
pub(crate) struct Slices {
    columns: Vec<Column>,
    rings: BTreeMap<i32, Ring>,
    /// Records remembered for each partition.
    most: usize,
    pub(crate) counts: SliceCounts,
}

/// What became of the places that were asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct SliceCounts {
    /// Feature records read.
    pub(crate) read: u64,
    /// Predictions whose feature record is known.
    pub(crate) known: u64,
    /// Predictions whose feature record was not read, or is forgotten; they count in no slice.
    pub(crate) unknown: u64,
}

/// Slices by offset, from `first` on.
#[derive(Debug, Default)]
struct Ring {
    first: i64,
    sets: VecDeque<u32>,
}

/// Marks an offset that holds no record.
const GAP: u32 = u32::MAX;

impl Slices {
    /// Nothing is known before the offsets in `from`; of each partition the newest `most` records are remembered.
    pub(crate) fn new(columns: Vec<Column>, from: &BTreeMap<i32, i64>, most: usize) -> Self {
        let ring = |(partition, first): (&i32, &i64)| {
            (*partition, Ring { first: *first, sets: VecDeque::new() })
        };
        let (rings, counts) = (from.iter().map(ring).collect(), SliceCounts::default());
        Self { columns, rings, most: most.max(1), counts }
    }

    /// Takes in a record of the features topic; those of a partition come in the order of their offsets.
    pub(crate) fn feature(&mut self, record: &Record) {
        self.counts.read += 1;
        let set = super::slices_of::set(&self.columns, record);
        let new = || Ring { first: record.offset, sets: VecDeque::new() };
        let ring = self.rings.entry(record.partition).or_insert_with(new);
        ring.push(record.offset, set, self.most);
    }

    /// Whether the record at `place` has still to be read.
    pub(crate) fn is_ahead(&self, (partition, offset): Place) -> bool {
        self.rings.get(&partition).is_some_and(|ring| offset >= ring.next())
    }

    /// The slices of the record at `place`; none where it is not known, which is counted.
    pub(crate) fn of(&mut self, (partition, offset): Place) -> SliceSet {
        let set = self.rings.get(&partition).and_then(|ring| ring.get(offset));
        match set {
            Some(_) => self.counts.known += 1,
            None => self.counts.unknown += 1,
        }
        SliceSet(set.unwrap_or(NONE))
    }

    /// The slices of a set by their ids, which go on from column to column in the order of the specification.
    pub(crate) fn ids(&self, set: SliceSet) -> Vec<u16> {
        super::slices_of::ids(&self.columns, set.0)
    }
}

impl Ring {
    /// The first offset that was not read.
    fn next(&self) -> i64 {
        self.first + self.sets.len() as i64
    }

    fn push(&mut self, offset: i64, set: u32, most: usize) {
        // Read again from an earlier offset: what is known stays.
        let Ok(gap) = usize::try_from(offset - self.next()) else { return };
        if gap >= most {
            // Everything that is remembered would fall out.
            self.sets.clear();
            self.first = offset;
        } else {
            self.sets.extend(std::iter::repeat_n(GAP, gap));
        }
        self.sets.push_back(set);
        while self.sets.len() > most {
            self.sets.pop_front();
            self.first += 1;
        }
    }

    fn get(&self, offset: i64) -> Option<u32> {
        let index = usize::try_from(offset - self.first).ok()?;
        self.sets.get(index).copied().filter(|set| *set != GAP)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::records::slices_of::By;

    fn record(partition: i32, offset: i64, value: &str) -> Record {
        Record {
            partition,
            offset,
            timestamp_ms: 0,
            key: None,
            value: Some(value.as_bytes().to_vec()),
            headers: Vec::new(),
        }
    }

    fn slices(most: usize) -> Slices {
        let column = Column::feature("kind", None, By::values(&["a", "b"]).unwrap()).unwrap();
        Slices::new(vec![column], &BTreeMap::from([(0, 10), (1, 0)]), most)
    }

    fn known(slices: &mut Slices, place: Place) -> Vec<u16> {
        let set = slices.of(place);
        slices.ids(set)
    }

    #[test]
    fn a_prediction_finds_the_slices_of_its_record() {
        let mut slices = slices(100);
        for (partition, offset, kind) in [(0, 10, "a"), (1, 3, "b"), (0, 12, "b"), (1, 4, "c")] {
            slices.feature(&record(partition, offset, &format!(r#"{{"kind":"{kind}"}}"#)));
        }
        assert_eq!(known(&mut slices, (0, 10)), [0]);
        assert_eq!(known(&mut slices, (0, 12)), [1]);
        assert_eq!(known(&mut slices, (1, 3)), [1]);
        assert_eq!(known(&mut slices, (1, 4)), [0u16; 0], "a kind that nobody asked for");
        assert_eq!(slices.counts, SliceCounts { read: 4, known: 4, unknown: 0 });
        for unknown in [(0, 9), (0, 11), (0, 13), (1, 2), (7, 0)] {
            assert_eq!(known(&mut slices, unknown), [0u16; 0], "{unknown:?}");
        }
        assert_eq!(slices.counts.unknown, 5);
    }

    #[test]
    fn what_has_still_to_be_read_is_told() {
        let mut slices = slices(100);
        assert!(slices.is_ahead((0, 10)) && !slices.is_ahead((0, 9)), "before the gate");
        slices.feature(&record(0, 12, r#"{"kind":"a"}"#));
        assert!(!slices.is_ahead((0, 12)) && slices.is_ahead((0, 13)));
        assert!(!slices.is_ahead((5, 0)), "a partition that is not read");
    }

    #[test]
    fn memory_is_bounded_whatever_the_offsets() {
        let mut slices = slices(50);
        for offset in 10..1_000 {
            slices.feature(&record(0, offset, r#"{"kind":"a"}"#));
        }
        assert_eq!(slices.rings[&0].sets.len(), 50);
        assert_eq!(known(&mut slices, (0, 949)), [0u16; 0], "forgotten");
        assert_eq!(known(&mut slices, (0, 950)), [0]);
        slices.feature(&record(0, 1_040, r#"{"kind":"b"}"#));
        assert_eq!(known(&mut slices, (0, 999)), [0], "over a gap");
        slices.feature(&record(0, i64::MAX - 1, r#"{"kind":"b"}"#));
        assert_eq!(slices.rings[&0].sets.len(), 1);
        assert_eq!(known(&mut slices, (0, i64::MAX - 1)), [1]);
        slices.feature(&record(0, 5, r#"{"kind":"b"}"#));
        assert_eq!(known(&mut slices, (0, 5)), [0u16; 0], "an offset twice changes nothing");
    }
}
