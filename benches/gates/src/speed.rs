//! How many records a second one core can take into the evidence.

use std::hint::black_box;
use std::time::Instant;

use stats::cluster::Aggregation;
use stats::sequential::Stage;

use crate::judges::headgate;
use crate::random::seeded;
use crate::stream::History;

/// Records a second, and failures a second when there is nothing else.
pub(crate) struct Speed {
    pub(crate) records: f64,
    pub(crate) failures: f64,
}

/// A stream with 2 % failures, at half the stream for the candidate, against the exact boundary for
/// 10,000 failures. Every record is looked at; keys are counted once.
pub(crate) fn measure() -> Speed {
    let history = History {
        base_rate: 0.02,
        extra_variance: 0.0,
        aggregation: Aggregation::ByKey,
        stages: vec![Stage { share: 0.5, events: 10_000 }],
    };
    let mut random = seeded(17);
    let records: Vec<(bool, bool, u64)> =
        (0..500_000).map(|_| (random.chance(0.5), random.chance(0.02), random.bits())).collect();
    let failures: Vec<(bool, bool, u64)> =
        (0..10_000).map(|_| (random.chance(0.5), true, random.bits())).collect();
    Speed { records: rate(&history, &records), failures: rate(&history, &failures) }
}

/// The best of five, each on a fresh gate.
fn rate(history: &History, records: &[(bool, bool, u64)]) -> f64 {
    let fresh = headgate::fresh(history);
    let once = |_| {
        let mut metric = fresh.clone();
        let mut answered = [0u64; 2];
        let start = Instant::now();
        for &(candidate, failed, key) in records {
            answered[usize::from(candidate)] += 1;
            if failed {
                metric.observe(candidate, 0.5, key).expect("the share is one half");
            }
        }
        black_box((&metric, answered));
        records.len() as f64 / start.elapsed().as_secs_f64()
    };
    (0..5).map(once).fold(0.0, f64::max)
}
