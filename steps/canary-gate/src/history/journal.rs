//! The journal of a run: enough to reach the verdict again, and to go on after a crash.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka::Window;
use serde::{Deserialize, Serialize};

use crate::policy::entry::{Entry, Reads};
use crate::policy::stream_profile::StreamProfile;

/// All that happened to one canary, from its beginning.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) struct Journal {
    pub(crate) began: Began,
    pub(crate) entries: Vec<Entry>,
    /// A hash of every record that was read, in their order: whether the ranges still hold the same.
    pub(crate) digest: u64,
}

/// What is known before the first share.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) struct Began {
    /// Milliseconds since 1970; all times are counted from here.
    pub(crate) at_ms: i64,
    /// Of the model that answered before.
    pub(crate) champion: String,
    pub(crate) topics: Vec<Source>,
    pub(crate) profile: StreamProfile,
}

/// A topic that is read, and from where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) struct Source {
    pub(crate) topic: String,
    pub(crate) what: Reads,
    pub(crate) from: BTreeMap<i32, i64>,
}

impl Journal {
    pub(crate) fn new(began: Began) -> Self {
        Self { began, entries: Vec::new(), digest: 0 }
    }

    /// The ranges that were read, by topic.
    pub(crate) fn read(&self) -> Vec<(String, Window)> {
        let mut ends: Vec<BTreeMap<i32, i64>> =
            self.began.topics.iter().map(|source| source.from.clone()).collect();
        for entry in &self.entries {
            let Entry::Tick(_, moved) = entry else { continue };
            for (topic, partition, next) in moved {
                if let Some(ends) = ends.get_mut(*topic) {
                    ends.insert(*partition, *next);
                }
            }
        }
        let window = |source: &Source, ends: &BTreeMap<i32, i64>| {
            let range = |(partition, from): (&i32, &i64)| {
                (*partition, (*from, ends.get(partition).copied().unwrap_or(*from)))
            };
            (source.topic.clone(), Window(source.from.iter().map(range).collect()))
        };
        self.began.topics.iter().zip(&ends).map(|(source, ends)| window(source, ends)).collect()
    }

    /// The time of the last thing that happened.
    pub(crate) fn last_at(&self) -> Duration {
        self.entries.iter().rev().find_map(Entry::at).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_journal_reads_what_it_writes_and_knows_its_ranges() {
        let source = |topic: &str, what, from| Source {
            topic: topic.into(),
            what,
            from: BTreeMap::from([(0, from), (1, from)]),
        };
        let began = Began {
            at_ms: 5,
            champion: "sha256:1".into(),
            topics: vec![source("p", Reads::Predictions, 10), source("e", Reads::Events(2), 0)],
            profile: StreamProfile::default(),
        };
        let mut journal = Journal::new(began);
        journal.digest = u64::MAX;
        let value = Some(format!("{:?}", 0.1 + 0.2));
        journal.entries = vec![
            Entry::Tick(3, vec![(0, 1, 12)]),
            Entry::Sampled { metric: 0, value, why: None },
            Entry::Tick(9, vec![(0, 1, 20), (1, 0, 4)]),
            Entry::Missing(vec!["a".into()]),
        ];
        let text = serde_json::to_string(&journal).unwrap();
        assert!(text.contains(r#"{"tick":[3,[[0,1,12]]]}"#), "{text}");
        let again: Journal = serde_json::from_str(&text).unwrap();
        assert_eq!((&again.entries, again.digest), (&journal.entries, journal.digest));
        let read: Vec<String> =
            again.read().iter().map(|(topic, window)| format!("{topic} {window}")).collect();
        assert_eq!(read, ["p 0:10-10,1:10-20", "e 0:0-4,1:0-0"]);
        assert_eq!(again.last_at(), Duration::from_millis(9));
    }
}
