//! What the comparison counted: of constant size, however long the window.

use std::collections::BTreeMap;

use serde::Serialize;
use stats::drift::Moments;

use crate::live::Answer;
use crate::reservoir::Reservoir;

/// Seed of the samples; the same window gives the same plots.
pub(crate) const SEED: u64 = 20_240_817;
/// Pairs kept for the plots.
const PAIRS: usize = 4_000;
/// Batches kept for the latency table.
const BATCHES: usize = 4_000;
/// Disagreements that are told one by one.
const LARGEST: usize = 20;

/// Counts over the records of a window.
#[derive(Debug)]
pub(crate) struct Tally {
    pub records: u64,
    /// Records that are no row of the schema, which the stream dead-letters.
    pub undecodable: u64,
    /// Why the first of them is none.
    pub first_undecodable: Option<String>,
    /// Records that both answered.
    pub pairs: u64,
    pub disagreements: u64,
    pub candidate_failures: Failures,
    pub champion_failures: Failures,
    /// Candidate's score less the champion's.
    pub shift: Running,
    pub live: LiveCounts,
    pub latency: Latency,
    pub sample: Reservoir<Pair>,
    pub largest: Largest,
}

/// Records that a model did not answer.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Failures {
    pub count: u64,
    /// What was wrong the first time.
    pub first: Option<String>,
}

/// The champion's answers here against those on the stream.
#[derive(Debug, Default, Serialize)]
pub(crate) struct LiveCounts {
    pub compared: u64,
    pub mismatches: u64,
    /// The source of the first mismatch and what differed.
    pub first_mismatch: Option<String>,
    pub unanswered: u64,
    pub other_model: u64,
}

/// One record answered by both.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Pair {
    pub source: Source,
    pub champion: Score,
    pub candidate: Score,
    pub agree: bool,
}

/// `partition` and `offset` of a record of the stream's features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Source {
    pub partition: i32,
    pub offset: i64,
}

/// A label and its score as they stand in reports.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Score {
    pub label: Option<i64>,
    pub score: f64,
}

/// Mean and variance of numbers that are not kept (Welford, Technometrics 1962).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Running {
    pub count: u64,
    mean: f64,
    squares: f64,
}

/// Times of whole batches, counted against the limits.
#[derive(Debug)]
pub(crate) struct Latency {
    /// Records a batch.
    pub batch: usize,
    pub timed: u64,
    /// Batches in which a record took the candidate longer than the limit.
    pub over_limit: u64,
    /// Batches in which the candidate took more than the allowed times the champion's time.
    pub over_ratio: u64,
    /// Seconds a record, champion's and candidate's, of the same batch.
    pub sample: Reservoir<(f64, f64)>,
}

/// The pairs that differ most, largest first.
#[derive(Debug, Default)]
pub(crate) struct Largest(BTreeMap<(std::cmp::Reverse<u64>, Source), Pair>);

// === impl Tally ===

impl Tally {
    pub(crate) fn new(batch: usize) -> Self {
        Self {
            records: 0,
            undecodable: 0,
            first_undecodable: None,
            pairs: 0,
            disagreements: 0,
            candidate_failures: Failures::default(),
            champion_failures: Failures::default(),
            shift: Running::default(),
            live: LiveCounts::default(),
            latency: Latency {
                batch,
                timed: 0,
                over_limit: 0,
                over_ratio: 0,
                sample: Reservoir::new(BATCHES, SEED),
            },
            sample: Reservoir::new(PAIRS, SEED),
            largest: Largest::default(),
        }
    }

    /// Records that both could have answered.
    pub(crate) fn readable(&self) -> u64 {
        self.records - self.undecodable
    }

    /// Takes in a record that both answered. Answers without labels disagree beyond `tolerance`.
    pub(crate) fn pair(
        &mut self,
        source: Source,
        champion: Answer,
        candidate: Answer,
        tolerance: f64,
    ) {
        let difference = candidate.score - champion.score;
        let agree = match (champion.label, candidate.label) {
            (None, None) => difference.abs() <= tolerance,
            (champion, candidate) => champion == candidate,
        };
        self.pairs += 1;
        self.disagreements += u64::from(!agree);
        self.shift.push(difference);
        let pair = Pair { source, champion: champion.into(), candidate: candidate.into(), agree };
        self.largest.push(&pair, difference.abs());
        self.sample.push(pair);
    }
}

impl Failures {
    pub(crate) fn push(&mut self, why: impl FnOnce() -> String) {
        self.count += 1;
        self.first.get_or_insert_with(why);
    }
}

impl Running {
    pub(crate) fn push(&mut self, value: f64) {
        self.count += 1;
        let deviation = value - self.mean;
        self.mean += deviation / self.count as f64;
        self.squares += deviation * (value - self.mean);
    }

    pub(crate) fn moments(&self) -> Moments {
        let freedom = (self.count as f64 - 1.0).max(1.0);
        Moments { mean: self.mean, standard_deviation: (self.squares / freedom).sqrt() }
    }
}

impl Largest {
    fn push(&mut self, pair: &Pair, difference: f64) {
        if pair.agree {
            return;
        }
        // Bits of a float that is not negative are in the order of the float.
        self.0.insert((std::cmp::Reverse(difference.abs().to_bits()), pair.source), pair.clone());
        if self.0.len() > LARGEST {
            self.0.pop_last();
        }
    }

    pub(crate) fn pairs(&self) -> impl Iterator<Item = &Pair> {
        self.0.values()
    }
}

impl From<Answer> for Score {
    fn from(answer: Answer) -> Self {
        Self { label: answer.label, score: answer.score }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn answer(label: i64, score: f64) -> Answer {
        Answer { label: Some(label), score }
    }

    #[test]
    fn pairs_are_counted_and_the_largest_disagreements_kept_in_order() {
        let mut tally = Tally::new(1);
        for offset in 0..100 {
            let source = Source { partition: 0, offset };
            let score = 0.5 + offset as f64 / 200.0;
            tally.pair(source, answer(0, 0.5), answer(i64::from(offset % 2 == 0), score), 0.0);
        }
        assert_eq!((tally.pairs, tally.disagreements), (100, 50));
        let offsets: Vec<i64> = tally.largest.pairs().map(|pair| pair.source.offset).collect();
        assert_eq!(offsets[..3], [98, 96, 94]);
        assert_eq!(offsets.len(), LARGEST);
    }

    #[test]
    fn values_without_labels_disagree_beyond_the_tolerance() {
        let mut tally = Tally::new(1);
        let value = |score| Answer { label: None, score };
        let source = Source { partition: 0, offset: 0 };
        tally.pair(source, value(10.0), value(10.4), 0.5);
        tally.pair(source, value(10.0), value(10.6), 0.5);
        tally.pair(source, value(0.1), answer(0, 0.1), 0.5);
        assert_eq!(tally.disagreements, 2);
    }

    #[test]
    fn running_moments_are_those_of_the_whole_sample() {
        let values = [1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0];
        let mut running = Running::default();
        values.iter().for_each(|value| running.push(*value));
        assert_eq!(running.moments(), stats::drift::moments(&values).unwrap());
    }
}
