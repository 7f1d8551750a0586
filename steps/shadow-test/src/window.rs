//! Which offsets to answer.

use contract::kafka::{Kafka, Window};

/// The window of this run: the one given, or the newest `records` records.
///
/// # Errors
/// The topic is missing or the broker away.
pub(crate) fn choose(
    kafka: &Kafka,
    topic: &str,
    given: Option<&Window>,
    records: u64,
) -> anyhow::Result<Window> {
    match given {
        Some(window) => Ok(window.clone()),
        None => Ok(newest(&kafka.extent(topic)?, records)),
    }
}

/// The last `records` offsets, evenly from all partitions; a partition that has fewer leaves its rest to others.
fn newest(kept: &Window, records: u64) -> Window {
    let mut sizes: Vec<(i32, u64)> =
        kept.0.iter().map(|(p, (low, high))| (*p, (high - low).max(0) as u64)).collect();
    // From the smallest up, so that each rest is known before the larger ones are served.
    sizes.sort_by_key(|(partition, size)| (*size, *partition));
    let mut left = records;
    let mut window = Window::default();
    for (index, (partition, size)) in sizes.iter().enumerate() {
        let others = (sizes.len() - index) as u64;
        let taken = left.div_ceil(others).min(*size);
        left -= taken;
        let high = kept.0[partition].1;
        window.0.insert(*partition, (high - taken as i64, high));
    }
    window
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn window(text: &str) -> Window {
        text.parse().unwrap()
    }

    #[test]
    fn the_newest_records_come_evenly_from_all_partitions() {
        for (kept, records, chosen) in [
            ("0:0-100,1:0-100", 20, "0:90-100,1:90-100"),
            ("0:0-100,1:95-100,2:0-0", 20, "0:85-100,1:95-100,2:0-0"),
            ("0:0-10,1:0-5", 100, "0:0-10,1:0-5"),
            ("0:0-100,1:0-100,2:0-100", 4, "0:98-100,1:99-100,2:99-100"),
            ("0:7-7", 20, "0:7-7"),
        ] {
            assert_eq!(newest(&window(kept), records), window(chosen), "{kept}");
        }
    }
}
