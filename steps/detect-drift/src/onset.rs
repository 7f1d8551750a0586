//! From which offset on a feature had moved: pure.
//!
//! Each partition is cut into stretches of a fixed number of records, and both tests are read on each. The
//! limits are those of so few records, with this test's alpha shared by all stretches, so a stretch before the
//! drift is not blamed by chance. The answer is as fine as a stretch is long.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::judge::{Rule, Since};
use crate::sample::{Partition, Sample};

/// A run of records on one partition, with what was read on it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stretch {
    pub(crate) partition: i32,
    /// The offsets of its first and last record.
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) ks: f64,
    pub(crate) ks_limit: f64,
    pub(crate) psi: f64,
    pub(crate) psi_limit: f64,
    pub(crate) moved: bool,
}

/// Reads every stretch, and gives for each partition the first offset of the first stretch that had moved.
///
/// A partition on which no stretch had moved is not named. When there is none on any, the drift shows only in
/// the window as a whole, and every partition is named from its first record on, marked as not located.
pub(crate) fn locate(
    rule: &Rule<'_>,
    sample: &Sample,
    index: usize,
    width: usize,
    records: usize,
) -> Result<(Vec<Stretch>, Vec<Since>), stats::Error> {
    let cuts: Vec<(i32, &Partition, Vec<usize>)> = sample
        .partitions
        .iter()
        .map(|(partition, part)| (*partition, part, starts(part.offsets.len(), records)))
        .collect();
    let looks = cuts.iter().map(|(.., starts)| starts.len()).sum();
    let mut stretches = Vec::with_capacity(looks);
    for (partition, part, starts) in &cuts {
        let values = part.column(index, width);
        let ends = starts.iter().skip(1).copied().chain([values.len()]);
        for (start, end) in starts.iter().copied().zip(ends) {
            let reading = rule.read(&values[start..end], looks)?;
            stretches.push(Stretch {
                partition: *partition,
                first: part.offsets[start],
                last: part.offsets[end - 1],
                ks: reading.ks.statistic,
                ks_limit: reading.ks_limit,
                psi: reading.psi,
                psi_limit: reading.psi_limit,
                moved: reading.moved(),
            });
        }
    }
    let mut found: Vec<Since> = Vec::new();
    for stretch in stretches.iter().filter(|stretch| stretch.moved) {
        if found.last().is_none_or(|last| last.partition != stretch.partition) {
            let (partition, offset) = (stretch.partition, stretch.first);
            found.push(Since { partition, offset, located: true });
        }
    }
    if found.is_empty() {
        let first = |(partition, part, _): &(i32, &Partition, _)| {
            let offset = *part.offsets.first()?;
            Some(Since { partition: *partition, offset, located: false })
        };
        found = cuts.iter().filter_map(first).collect();
    }
    Ok((stretches, found))
}

/// Where the stretches of a partition with `total` records begin; a rest that is shorter than half a stretch
/// belongs to the last one.
fn starts(total: usize, records: usize) -> Vec<usize> {
    let mut starts: Vec<usize> = (0..total).step_by(records).collect();
    let rest = total % records;
    if starts.len() > 1 && rest > 0 && rest < records.div_ceil(2) {
        starts.pop();
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_rest_joins_the_last_stretch() {
        for (total, expected) in [
            (0, vec![]),
            (3, vec![0]),
            (10, vec![0]),
            (14, vec![0]),
            (15, vec![0, 10]),
            (20, vec![0, 10]),
            (31, vec![0, 10, 20]),
        ] {
            assert_eq!(starts(total, 10), expected, "{total} records");
        }
    }
}
