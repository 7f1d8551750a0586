//! What the predictions say: where the bad model answered, and whether it still does. Pure.

use std::collections::BTreeMap;

use kafka::{Record, Window};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stream::{PredictionHeaders, SourceOffset};

use crate::timeline::Timeline;

/// Offenders shown by name; the rest is counted.
const MAX_SHOWN: usize = 5;

/// What to look for.
#[derive(Clone, Debug)]
pub(crate) struct Sought {
    pub(crate) bad: String,
    /// The models of the generation that ended the bad model's part.
    pub(crate) good: Vec<String>,
    /// That generation.
    pub(crate) generation: u64,
    /// No answer before can be under it, milliseconds since 1970.
    pub(crate) from_ms: i64,
}

/// Collects what is found, record by record.
#[derive(Debug)]
pub(crate) struct Scan {
    sought: Sought,
    /// By partition of the features topic.
    ranges: BTreeMap<i32, Range>,
    /// Answers of the bad model.
    pub(crate) answers: u64,
    /// Of these, without a readable source.
    pub(crate) unplaced: u64,
    /// Answers by the new generation or a later one.
    pub(crate) observed: u64,
    /// Answers that must not be.
    pub(crate) offences: u64,
    pub(crate) shown: Vec<String>,
    pub(crate) timeline: Timeline,
}

/// Offsets that the bad model answered in one partition; others may have answered some between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Range {
    pub(crate) partition: i32,
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) count: u64,
}

impl Scan {
    pub(crate) fn new(sought: Sought) -> Self {
        Self {
            sought,
            ranges: BTreeMap::new(),
            answers: 0,
            unplaced: 0,
            observed: 0,
            offences: 0,
            shown: Vec::new(),
            timeline: Timeline::default(),
        }
    }

    /// Takes a prediction; `after`: whether it was written after every live scorer had confirmed.
    pub(crate) fn take(&mut self, record: &Record, after: bool) {
        let headers = PredictionHeaders::of(&record.headers);
        let Ok(generation) = headers.generation() else { return };
        let Some(model) = headers.stated_model() else { return };
        let bad = model == self.sought.bad;
        self.timeline.add(record.timestamp_ms, bad);
        if bad {
            self.answers += 1;
            self.place(headers.source().ok());
        }
        let is_after = record.timestamp_ms >= self.sought.from_ms;
        let newer = generation >= self.sought.generation && is_after;
        self.observed += u64::from(newer);
        // A later generation may bring another candidate, but never the bad model.
        let good = self.sought.good.iter().any(|good| good == model);
        let strange = newer && generation == self.sought.generation && !good;
        if (bad && (newer || after)) || strange {
            self.offences += 1;
            if self.shown.len() < MAX_SHOWN {
                let (partition, offset) = (record.partition, record.offset);
                self.shown.push(format!(
                    "prediction {partition}/{offset} is by {model} under generation {generation}"
                ));
            }
        }
    }

    /// By partition of the features topic.
    pub(crate) fn ranges(&self) -> Vec<Range> {
        self.ranges.values().copied().collect()
    }

    /// The ranges as `--window` takes them: half-open.
    pub(crate) fn window(&self) -> Window {
        let ranges = self.ranges.values();
        Window(ranges.map(|range| (range.partition, (range.first, range.last + 1))).collect())
    }

    fn place(&mut self, source: Option<SourceOffset<'_>>) {
        let Some(SourceOffset { partition, offset, .. }) = source else {
            self.unplaced += 1;
            return;
        };
        let new = Range { partition, first: offset, last: offset, count: 0 };
        let range = self.ranges.entry(partition).or_insert(new);
        range.first = range.first.min(offset);
        range.last = range.last.max(offset);
        range.count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prediction(model: &str, generation: u64, source: &str) -> Record {
        let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
        Record {
            partition: 0,
            offset: 0,
            timestamp_ms: 1_000,
            key: None,
            value: None,
            headers: vec![
                header("model", model),
                header("generation", &generation.to_string()),
                header("source", source),
            ],
        }
    }

    fn scan(records: &[(&str, u64, &str, bool)]) -> Scan {
        let sought =
            Sought { bad: "bad".into(), good: vec!["good".into()], generation: 5, from_ms: 1_000 };
        let mut scan = Scan::new(sought);
        for (model, generation, source, after) in records {
            scan.take(&prediction(model, *generation, source), *after);
        }
        scan
    }

    #[test]
    fn ranges_are_those_of_the_source() {
        let scan = scan(&[
            ("bad", 3, "s.features/1/17", false),
            ("good", 3, "s.features/1/18", false),
            ("bad", 4, "s.features/1/12", false),
            ("bad", 4, "s.features/0/5", false),
            ("bad", 4, "a/b/0/5", false),
            ("bad", 4, "elsewhere", false),
        ]);
        let range = |partition, first, last, count| Range { partition, first, last, count };
        assert_eq!(scan.ranges(), [range(0, 5, 5, 1), range(1, 12, 17, 2)]);
        assert_eq!(scan.window().to_string(), "0:5-6,1:12-18");
        assert_eq!((scan.answers, scan.unplaced, scan.offences), (5, 2, 0));
    }

    #[test]
    fn answers_of_a_topic_that_was_lost_are_not_later_whatever_their_generation() {
        let sought = Sought { bad: "bad".into(), good: vec![], generation: 5, from_ms: 1_001 };
        let mut scan = Scan::new(sought);
        scan.take(&prediction("bad", 9, "s/0/1"), false);
        assert_eq!((scan.answers, scan.observed, scan.offences), (1, 0, 0));
    }

    #[test]
    fn no_later_answer_may_be_the_bad_models() {
        for (model, generation, after, offences) in [
            ("bad", 4, false, 0),
            ("bad", 4, true, 1),
            ("bad", 5, false, 1),
            ("bad", 6, true, 1),
            ("good", 5, true, 0),
            ("good", 4, true, 0),
            ("other", 4, false, 0),
            ("other", 5, true, 1),
            ("other", 6, true, 0),
        ] {
            let scan = scan(&[(model, generation, "s/0/1", after)]);
            assert_eq!(scan.offences, offences, "{model} {generation} {after}");
            assert_eq!(scan.observed, u64::from(generation >= 5));
        }
    }
}
