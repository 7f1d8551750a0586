//! A histogram that takes many observations at once: one lock a commit, not one a record.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// Milliseconds from a record's own time to its answer's commit; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latency(Arc<Mutex<Counts>>);

/// The upper ends of the buckets in milliseconds: 1 ms to an hour.
const ENDS: [u64; 20] = [
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 120_000,
    300_000, 600_000, 1_800_000, 3_600_000,
];

#[derive(Debug, Default)]
struct Counts {
    /// By bucket; the last one is for what is longer than every end.
    buckets: [u64; ENDS.len() + 1],
    count: u64,
    sum_ms: u64,
}

impl Latency {
    /// Takes note of records with these times that were committed at `now`, all in milliseconds since 1970.
    ///
    /// Clocks differ from machine to machine: a record from the future counts as answered at once.
    pub(crate) fn observe(&self, times: &[i64], now: i64) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for time in times {
            let took = u64::try_from(now.saturating_sub(*time)).unwrap_or(0);
            let bucket = ENDS.partition_point(|end| *end < took);
            counts.buckets[bucket] += 1;
            counts.sum_ms = counts.sum_ms.saturating_add(took);
        }
        counts.count += times.len() as u64;
    }
}

impl EncodeMetric for Latency {
    fn encode(&self, mut encoder: MetricEncoder) -> Result<(), fmt::Error> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ends = ENDS.iter().map(|end| *end as f64 / 1000.0).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = ends.zip(counts.buckets).collect();
        let sum = counts.sum_ms as f64 / 1000.0;
        encoder.encode_histogram::<NoLabelSet>(sum, counts.count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}
