//! The journal on a topic, part by part, while the canary is under way: a run after a crash goes on from there.

use std::time::{Duration, Instant};

use contract::event::now as timestamp;
use kafka::{Kafka, Outgoing, Start, Writer};
use serde::{Deserialize, Serialize};

use crate::history::journal::{Began, Journal};
use crate::policy::entry::Entry;

/// Keyed by release; the step's README says what stands there.
pub(crate) const CHECKPOINTS_TOPIC: &str = "headgate.checkpoints";

/// What the headers call it.
const TYPE: &str = "dev.cdeventsx.headgate-canary.checkpointed.0.1.0";

/// More entries than this do not wait, so that no part grows too large for a record.
const MAX_WAITING: usize = 2_000;

/// One part of a journal, as it stands in a record's value.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
struct Part {
    /// The id of the outcome event to come: runs of the same release with other flags are other runs.
    run: String,
    part: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    began: Option<Began>,
    entries: Vec<Entry>,
    digest: u64,
}

/// Writes a run's journal down.
pub(crate) struct Checkpoints {
    writer: Writer,
    release: String,
    run: String,
    every: Duration,
    written: Instant,
    /// Parts and entries that were written.
    parts: u64,
    entries: usize,
}

impl Checkpoints {
    /// Writes down by `writer` what follows on a journal of which so many parts and entries were written already, by
    /// an earlier run that left it.
    pub(crate) fn new(
        writer: Writer,
        release: &str,
        run: &str,
        every: Duration,
        (parts, entries): (u64, usize),
    ) -> Self {
        let (release, run, written) = (release.to_owned(), run.to_owned(), Instant::now());
        Self { writer, release, run, every, written, parts, entries }
    }

    /// Writes down what is new, if it is time or `at_once`.
    ///
    /// # Errors
    /// The broker is away, or has no such topic.
    pub(crate) fn keep(&mut self, journal: &Journal, at_once: bool) -> anyhow::Result<()> {
        let new = &journal.entries[self.entries..];
        let is_time = self.written.elapsed() >= self.every || new.len() >= MAX_WAITING;
        if new.is_empty() && self.parts > 0 || !(at_once || is_time) {
            return Ok(());
        }
        let part = Part {
            run: self.run.clone(),
            part: self.parts,
            began: (self.parts == 0).then(|| journal.began.clone()),
            entries: new.to_vec(),
            digest: journal.digest,
        };
        let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
        self.writer.send(&Outgoing {
            topic: CHECKPOINTS_TOPIC.into(),
            partition: None,
            key: Some(self.release.as_bytes().to_vec()),
            value: Some(serde_json::to_vec(&part)?),
            headers: vec![
                header("ce_specversion", "1.0"),
                header("ce_type", TYPE),
                header("ce_id", &format!("{}-{}", self.run, self.parts)),
                header("ce_source", "/headgate/canary-gate"),
                header("ce_time", &timestamp()),
                header("content-type", "application/json"),
            ],
        })?;
        self.writer.flush()?;
        self.entries = journal.entries.len();
        self.parts += 1;
        self.written = Instant::now();
        Ok(())
    }
}

/// The journal that an earlier run of the same id left, with the number of its parts.
///
/// # Errors
/// The broker is away, or has no such topic.
pub(crate) fn left(
    kafka: &Kafka,
    release: &str,
    run: &str,
) -> anyhow::Result<Option<(Journal, u64)>> {
    let mut parts: Vec<Part> = Vec::new();
    kafka.reader(CHECKPOINTS_TOPIC, &Start::Beginning)?.read_to_end(|record| {
        if record.key.as_deref() != Some(release.as_bytes()) {
            return;
        }
        let part = record.value.as_deref().map(serde_json::from_slice::<Part>);
        if let Some(Ok(part)) = part
            && part.run == run
        {
            parts.push(part);
        }
    })?;
    Ok(join(parts))
}

/// Puts parts together, as far as none is missing; one that was written twice counts once.
fn join(mut parts: Vec<Part>) -> Option<(Journal, u64)> {
    parts.sort_by_key(|part| part.part);
    let mut journal: Option<Journal> = None;
    let mut next = 0;
    for part in parts {
        if part.part != next {
            continue;
        }
        next += 1;
        let journal = match (&mut journal, part.began) {
            (Some(journal), _) => journal,
            (none, Some(began)) => none.insert(Journal::new(began)),
            (None, None) => return None,
        };
        journal.entries.extend(part.entries);
        journal.digest = part.digest;
    }
    journal.map(|journal| (journal, next))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::policy::stream_profile::StreamProfile;

    fn part(part: u64, entries: &[u64]) -> Part {
        let began = Began {
            at_ms: 1,
            champion: String::new(),
            topics: Vec::new(),
            profile: StreamProfile::default(),
        };
        Part {
            run: "r".into(),
            part,
            began: (part == 0).then_some(began),
            entries: entries.iter().map(|at| Entry::Tick(*at, Vec::new())).collect(),
            digest: part + 7,
        }
    }

    #[test]
    fn parts_become_one_journal_as_far_as_none_is_missing() {
        let joined = |parts| {
            join(parts).map(|(journal, next)| (journal.last_at().as_millis(), journal.digest, next))
        };
        assert_eq!(joined(vec![part(1, &[3]), part(0, &[1, 2])]), Some((3, 8, 2)));
        assert_eq!(joined(vec![part(0, &[1]), part(0, &[1]), part(2, &[9])]), Some((1, 7, 1)));
        assert_eq!(joined(vec![part(1, &[3])]), None);
        assert_eq!(joined(vec![]), None);
        let text = serde_json::to_string(&part(0, &[4])).unwrap();
        assert!(serde_json::from_str::<Part>(&text).unwrap().began.is_some());
    }
}
