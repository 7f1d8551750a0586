//! Where in a topic a moment lies.

use std::collections::BTreeMap;

use rdkafka::consumer::Consumer;
use rdkafka::{Offset, TopicPartitionList};

use crate::Kafka;
use crate::act::Act;

impl Kafka {
    /// For each partition of `topic` the first offset of a record from `timestamp_ms` (since 1970) or later; the
    /// end of the partition where there is none.
    ///
    /// `None` when no partition has such a record. The in-memory broker always says so, for it knows no times:
    /// whoever must not miss a record then starts at the beginning.
    ///
    /// # Errors
    /// As [`Kafka::partitions`].
    pub fn offsets_at(
        &self,
        topic: &str,
        timestamp_ms: i64,
    ) -> anyhow::Result<Option<BTreeMap<i32, i64>>> {
        let ends = self.extent(topic)?;
        let mut asked = TopicPartitionList::new();
        for partition in ends.0.keys() {
            asked.add_partition_offset(topic, *partition, Offset::Offset(timestamp_ms.max(0)))?;
        }
        let client = self.client()?;
        let answered = client
            .offsets_for_times(asked, self.timeout())
            .map_err(|error| client.fault(Act::Find(topic), &error))?;
        let known: BTreeMap<i32, i64> = answered
            .elements()
            .iter()
            .filter_map(|element| match element.offset() {
                Offset::Offset(offset) => Some((element.partition(), offset)),
                _ => None,
            })
            .collect();
        let first = |(partition, (_, end)): (&i32, &(i64, i64))| {
            (*partition, known.get(partition).copied().unwrap_or(*end))
        };
        Ok((!known.is_empty()).then(|| ends.0.iter().map(first).collect()))
    }
}
