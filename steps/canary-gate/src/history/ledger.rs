//! A gate together with its journal: an entry is written down and applied in one step, and there is no other.
//!
//! A live run [records](Ledger::record) entries; a replay, and a run after a crash, [fold](Ledger::replay) those of an
//! earlier journal by the same step. So the state of a gate is a function of its journal and of the topics.

use std::time::Duration;

use contract::stop::Stop;

use super::journal::{Began, Journal};
use crate::policy::entry::{Batch, Entry, Moved};
use crate::policy::gate::{Gate, Move, Outcome};

/// Gives the records that a tick names, each once: what was read live and waits, or what is read again for a replay.
pub(crate) trait Fetch {
    /// The records of each partition from where it stood up to these offsets, in this order.
    ///
    /// # Errors
    /// They are no longer there, or the broker is away.
    fn fetch(&mut self, moved: &[Moved]) -> anyhow::Result<Batch>;
}

/// The gate, its journal, and the topics that the journal names.
pub(crate) struct Ledger<T> {
    gate: Gate,
    journal: Journal,
    topics: T,
    decision: Option<(Outcome, Duration)>,
    records: u64,
}

impl<T: Fetch> Ledger<T> {
    /// Nothing has happened yet.
    pub(crate) fn new(gate: Gate, began: Began, topics: T) -> Self {
        Self { gate, journal: Journal::new(began), topics, decision: None, records: 0 }
    }

    /// Takes `gate`, which has seen nothing, through all that stands in `journal`.
    ///
    /// # Errors
    /// Records that it names are not to be had, or the process was asked to end.
    pub(crate) fn replay(
        gate: Gate,
        journal: Journal,
        topics: T,
        stop: &Stop,
    ) -> anyhow::Result<Self> {
        let mut ledger = Self::new(gate, journal.began, topics);
        for entry in journal.entries {
            stop.check()?;
            ledger.record(entry)?;
        }
        Ok(ledger)
    }

    /// Writes an entry down and applies it.
    ///
    /// # Errors
    /// The records that it names are not to be had; then nothing has changed.
    pub(crate) fn record(&mut self, entry: Entry) -> anyhow::Result<()> {
        let records = match &entry {
            Entry::Tick(_, moved) => self.topics.fetch(moved)?,
            _ => Batch::new(),
        };
        self.records += records.len() as u64;
        self.gate.apply(&entry, &records);
        self.journal.digest = self.gate.digest;
        // Other entries are looked at with the next tick.
        if let Entry::Tick(at, _) | Entry::TakenOver { at, .. } = entry {
            let at = Duration::from_millis(at);
            if let Move::End(outcome) = self.gate.next(at) {
                self.decision = Some((outcome, at));
            }
        }
        self.journal.entries.push(entry);
        Ok(())
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// What to read next is up to what the gate knows.
    pub(crate) fn gate_and_topics(&mut self) -> (&Gate, &mut T) {
        (&self.gate, &mut self.topics)
    }

    pub(crate) fn topics(&mut self) -> &mut T {
        &mut self.topics
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// How the canary ended, and when, if it did.
    pub(crate) fn decision(&self) -> Option<&(Outcome, Duration)> {
        self.decision.as_ref()
    }

    /// Records that were read.
    pub(crate) fn records(&self) -> u64 {
        self.records
    }

    /// The state and how it came about.
    pub(crate) fn into_parts(self) -> (Gate, Journal) {
        (self.gate, self.journal)
    }
}
