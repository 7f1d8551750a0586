//! Which offsets are the newest records of a topic: pure.

use contract::kafka::Window;

/// The newest `records` offsets of what a topic holds, each partition in proportion to what it holds.
///
/// Partitions fill at different speeds, so the same number from each would reach further back in a slow one;
/// in proportion, all of them cover about the same time.
pub(crate) fn last(extent: &Window, records: u64) -> Window {
    let total = extent.len();
    let part = |(first, end): (i64, i64)| {
        let kept = (end - first).max(0) as u64;
        let wanted = (u128::from(records) * u128::from(kept)).div_ceil(u128::from(total.max(1)));
        let wanted = u64::try_from(wanted).unwrap_or(kept).min(kept);
        (end - wanted as i64, end)
    };
    Window(extent.0.iter().map(|(partition, range)| (*partition, part(*range))).collect())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn every_partition_gives_its_part() {
        for (extent, records, expected) in [
            ("0:0-100", 10, "0:90-100"),
            ("0:0-100", 1000, "0:0-100"),
            ("0:50-150,1:0-300", 40, "0:140-150,1:270-300"),
            ("0:0-0,1:5-9", 2, "0:0-0,1:7-9"),
            ("0:7-7", 5, "0:7-7"),
            ("0:0-3,1:0-3", 1, "0:2-3,1:2-3"),
        ] {
            let extent: Window = extent.parse().unwrap();
            assert_eq!(last(&extent, records).to_string(), expected);
        }
    }
}
