//! An order of records that depends on the window alone, and shows all partitions from the start.
//!
//! A broker hands out large pieces of one partition after the other. Reading stops as soon as the checks are
//! decided, so what is read first must be a fair part of the window, and the same part when the run is repeated.

use std::collections::{BTreeMap, VecDeque};

use kafka::{Record, Window};

/// Records that were read, given out in turn: next is the partition of which the smallest part was given out.
pub(crate) struct Interleaved(BTreeMap<i32, Lane>);

struct Lane {
    from: i64,
    to: i64,
    /// The offset after the last record given out.
    at: i64,
    waiting: VecDeque<Record>,
}

impl Interleaved {
    pub(crate) fn of(window: &Window) -> Self {
        let lane = |(partition, (from, to)): (&i32, &(i64, i64))| {
            (*partition, Lane { from: *from, to: *to, at: *from, waiting: VecDeque::new() })
        };
        Self(window.0.iter().filter(|(_, (from, to))| from < to).map(lane).collect())
    }

    /// Takes a record of the window; each partition in the order of its offsets.
    pub(crate) fn push(&mut self, record: Record) {
        if let Some(lane) = self.0.get_mut(&record.partition) {
            lane.waiting.push_back(record);
        }
    }

    /// The next record, if it has been read.
    pub(crate) fn pop(&mut self) -> Option<Record> {
        self.0.values_mut().filter(|lane| lane.at < lane.to).min_by(|a, b| a.before(b))?.pop()
    }

    /// The next record when no more is to be read: a partition without one has ended.
    pub(crate) fn pop_rest(&mut self) -> Option<Record> {
        let waiting = self.0.values_mut().filter(|lane| !lane.waiting.is_empty());
        waiting.min_by(|a, b| a.before(b))?.pop()
    }
}

impl Lane {
    /// By the part that was given out; of equal ones the first.
    fn before(&self, other: &Self) -> std::cmp::Ordering {
        let part =
            |one: &Self, of: &Self| i128::from(one.at - one.from) * i128::from(of.to - of.from);
        part(self, other).cmp(&part(other, self))
    }

    fn pop(&mut self) -> Option<Record> {
        let record = self.waiting.pop_front()?;
        self.at = record.offset + 1;
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn record(partition: i32, offset: i64) -> Record {
        let (key, value, headers) = (None, None, vec![]);
        Record { partition, offset, timestamp_ms: 0, key, value, headers }
    }

    #[test]
    fn however_they_arrive_records_come_in_the_same_order_from_all_partitions() {
        let window: Window = "0:0-6,1:10-13,2:5-5".parse().unwrap();
        let (first, second) = ((0..6).map(|n| record(0, n)), (10..13).map(|n| record(1, n)));
        let arrivals = [
            first.clone().chain(second.clone()).collect::<Vec<_>>(),
            second.chain(first).collect::<Vec<_>>(),
        ];
        for arrived in arrivals {
            let (mut records, mut given) = (Interleaved::of(&window), Vec::new());
            for record in arrived {
                records.push(record);
                given.extend(std::iter::from_fn(|| records.pop()));
            }
            let order: Vec<_> = given.iter().map(|it| (it.partition, it.offset)).collect();
            let expected =
                [(0, 0), (1, 10), (0, 1), (0, 2), (1, 11), (0, 3), (0, 4), (1, 12), (0, 5)];
            assert_eq!(order, expected);
        }
    }

    #[test]
    fn a_partition_whose_rest_is_commit_markers_does_not_hold_the_others_back() {
        let mut records = Interleaved::of(&"0:0-4,1:0-4".parse().unwrap());
        for (partition, offset) in [(0, 0), (1, 0), (1, 1), (1, 2), (1, 3)] {
            records.push(record(partition, offset));
        }
        let given: Vec<_> = std::iter::from_fn(|| records.pop()).map(|it| it.partition).collect();
        assert_eq!(given, [0, 1]);
        let rest: Vec<_> = std::iter::from_fn(|| records.pop_rest()).map(|it| it.offset).collect();
        assert_eq!(rest, [1, 2, 3]);
    }
}
