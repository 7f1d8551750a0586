//! What the comparison counted: of constant size, however long the window.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::cluster::ClusteredMean;

use crate::disagreements::Largest;
use crate::live::ModelOutput;
use crate::reservoir::Reservoir;

/// Seed of the samples; the same records in the same order give the same plots.
pub(crate) const SEED: u64 = 20_240_817;
/// Pairs kept for the plots, and in the record.
const PAIRS: usize = 1_000;
/// Batches kept for the latency table.
const BATCHES: usize = 4_000;

/// Counts over the records of a window.
#[derive(Debug)]
pub(crate) struct Tally {
    pub records: u64,
    /// Records that are no row of the schema, which the stream dead-letters.
    pub undecodable: u64,
    /// Why the first of them is none.
    pub first_undecodable: Option<String>,
    /// Of the records that both answered, those answered differently.
    pub disagreements: Rate,
    /// Candidate's score less the champion's.
    pub shift: ClusteredMean,
    /// Of the records that both could have answered, those without an answer of the candidate.
    pub failures: Rate,
    pub first_failure: Option<String>,
    pub champion_failures: Failures,
    /// Of the champion's answers that can be held against the stream's, those that differ.
    pub mismatches: Rate,
    pub live: LiveCounts,
    pub latency: Latency,
    pub sample: Reservoir<ScorePair>,
    pub largest: Largest,
}

/// Something that a value is or is not.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    pub events: u64,
    pub values: ClusteredMean,
}

/// Records that a model did not answer.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Failures {
    pub count: u64,
    /// What was wrong the first time.
    pub first: Option<String>,
}

/// What the stream's predictions hold for the records.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LiveCounts {
    pub compared: u64,
    pub mismatches: u64,
    /// The source of the first mismatch and what differed.
    pub first_mismatch: Option<String>,
    pub unanswered: u64,
    pub other_model: u64,
}

/// One record answered by both.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pair {
    pub source: Source,
    pub champion: ModelOutput,
    pub candidate: ModelOutput,
    pub agree: bool,
}

/// The champion's score, the candidate's, and whether the two answers count as the same.
pub(crate) type ScorePair = (f64, f64, bool);

/// `partition` and `offset` of a record of the stream's features.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Source {
    pub partition: i32,
    pub offset: i64,
}

/// Times of whole batches, counted against the limits.
#[derive(Debug)]
pub(crate) struct Latency {
    /// Records a batch.
    pub batch: usize,
    /// Batches in which a record took the candidate longer than the limit.
    pub over_limit: Rate,
    /// Batches in which the candidate took more than the allowed times the champion's time.
    pub over_ratio: Rate,
    /// Seconds a record of the champion, where it was asked here, and of the candidate in the same batch.
    pub sample: Reservoir<(Option<f64>, f64)>,
}

// === impl Tally ===

impl Tally {
    pub(crate) fn new(batch: usize) -> Self {
        Self {
            records: 0,
            undecodable: 0,
            first_undecodable: None,
            disagreements: Rate::default(),
            shift: ClusteredMean::default(),
            failures: Rate::default(),
            first_failure: None,
            champion_failures: Failures::default(),
            mismatches: Rate::default(),
            live: LiveCounts::default(),
            latency: Latency {
                batch,
                over_limit: Rate::default(),
                over_ratio: Rate::default(),
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

    /// Records that both answered.
    pub(crate) fn pairs(&self) -> u64 {
        self.disagreements.values.count()
    }

    /// Takes in a record that both answered; `key` is what it belongs to. Answers without labels disagree beyond
    /// `tolerance`.
    pub(crate) fn pair(
        &mut self,
        source: Source,
        key: Option<u64>,
        row: &[f32],
        [champion, candidate]: [ModelOutput; 2],
        tolerance: f64,
    ) {
        let difference = candidate.score - champion.score;
        let agree = match (champion.label, candidate.label) {
            (None, None) => difference.abs() <= tolerance,
            (champion, candidate) => champion == candidate,
        };
        self.disagreements.observe(!agree, key);
        self.shift.observe(difference, key);
        let pair = Pair { source, champion, candidate, agree };
        self.largest.push(&pair, row);
        self.sample.push((champion.score, candidate.score, agree));
    }
}

impl Rate {
    pub(crate) fn observe(&mut self, event: bool, key: Option<u64>) {
        self.events += u64::from(event);
        self.values.observe(f64::from(u8::from(event)), key);
    }
}

impl Failures {
    pub(crate) fn push(&mut self, why: &str) {
        self.count += 1;
        self.first.get_or_insert_with(|| why.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_without_labels_disagree_beyond_the_tolerance() {
        let mut tally = Tally::new(1);
        let value = |score| ModelOutput { label: None, score };
        let labelled = ModelOutput { label: Some(0), score: 0.1 };
        let source = Source { partition: 0, offset: 0 };
        for pair in [[value(10.0), value(10.4)], [value(10.0), value(10.6)], [value(0.1), labelled]]
        {
            tally.pair(source, None, &[], pair, 0.5);
        }
        assert_eq!((tally.disagreements.events, tally.pairs()), (2, 3));
    }
}
