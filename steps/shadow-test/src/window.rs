//! Which records to answer.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use kafka::{Kafka, Window};

use crate::Args;

/// The records of this run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Plan {
    /// These offsets.
    Past(Window),
    /// What arrives from the ends of `start` on, for so long or until so many.
    Live { start: Window, time: Duration, records: u64 },
}

/// What the flags say: the window given, the moments given, what arrives from now on, or the newest records.
///
/// # Errors
/// The topic is missing or the broker away; moments that hold nothing between them.
pub(crate) fn choose(kafka: &Kafka, topic: &str, args: &Args) -> anyhow::Result<Plan> {
    if let Some(window) = &args.window {
        return Ok(Plan::Past(window.clone()));
    }
    let kept = kafka.extent(topic)?;
    if let Some(time) = args.live {
        return Ok(Plan::Live { start: kept, time, records: args.records });
    }
    if args.from.is_none() && args.to.is_none() {
        return Ok(Plan::Past(newest(&kept, args.records)));
    }
    let offsets = |moment: Option<Timestamp>| match moment {
        Some(moment) => Ok(Some(kafka.offsets_at(topic, moment.as_millisecond())?)),
        None => anyhow::Ok(None),
    };
    let window = between(&kept, offsets(args.from)?, offsets(args.to)?);
    tracing::info!(%window, "the records between the two moments");
    Ok(Plan::Past(window))
}

impl Plan {
    /// How many records there can be at most.
    pub(crate) fn records(&self) -> u64 {
        match self {
            Self::Past(window) => window.len(),
            Self::Live { records, .. } => *records,
        }
    }
}

/// For each partition the first offset from a moment on; none where no record is that late.
type At = Option<BTreeMap<i32, i64>>;

/// The records from one moment to before another; without a moment the first and the last that are kept.
fn between(kept: &Window, from: Option<At>, to: Option<At>) -> Window {
    let offset = |at: Option<&At>, partition: &i32, without: i64, later: i64| match at {
        None => without,
        Some(None) => later,
        Some(Some(offsets)) => offsets.get(partition).copied().unwrap_or(later),
    };
    let range = |(partition, (low, high)): (&i32, &(i64, i64))| {
        let first = offset(from.as_ref(), partition, *low, *high).max(*low);
        let end = offset(to.as_ref(), partition, *high, *high);
        (*partition, (first, end.max(first)))
    };
    Window(kept.0.iter().map(range).collect())
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

    #[test]
    fn records_between_two_moments() {
        let kept = window("0:10-100,1:0-50");
        let at = |zero, one| Some(Some(BTreeMap::from([(0, zero), (1, one)])));
        for (from, to, chosen) in [
            (at(20, 5), at(40, 9), "0:20-40,1:5-9"),
            (at(20, 5), None, "0:20-100,1:5-50"),
            (None, at(40, 9), "0:10-40,1:0-9"),
            (at(20, 5), Some(None), "0:20-100,1:5-50"),
            (Some(None), None, "0:100-100,1:50-50"),
        ] {
            assert_eq!(between(&kept, from, to), window(chosen));
        }
    }
}
