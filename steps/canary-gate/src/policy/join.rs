//! Answers meet their labels, in bounded memory.
//!
//! Either may come first. What waits too long, or too many, is dropped oldest first and counted: nothing that
//! was not judged goes unnoticed.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Waiting answers and labels, by record id.
#[derive(Debug)]
pub(crate) struct Join<T> {
    waiting: HashMap<u64, Slot<T>>,
    /// Ids by the time they began to wait; those that met meanwhile are skipped.
    order: VecDeque<(u64, Duration)>,
    wait: Duration,
    capacity: usize,
    pub(crate) counts: JoinCounts,
}

/// How the waiting ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct JoinCounts {
    /// An answer met its label.
    pub(crate) met: u64,
    /// An answer whose label did not come in time.
    pub(crate) missing: u64,
    /// A label that came after its answer had been given up.
    pub(crate) late: u64,
    /// A label without an answer that counts: of a record before the gate, or of a generation that is not its own.
    pub(crate) unmatched: u64,
    /// Dropped because too many were waiting.
    pub(crate) dropped: u64,
    /// An answer to a record that was answered before and still waits.
    pub(crate) repeated: u64,
}

#[derive(Debug)]
struct Slot<T> {
    since: Duration,
    what: Waiting<T>,
}

#[derive(Debug)]
enum Waiting<T> {
    Answer(T),
    Label(f64),
    /// An answer that was given up; kept for a while so that its label is known to be late.
    Missed,
}

impl<T> Join<T> {
    /// Holds at most `capacity` ids, each for `wait`.
    pub(crate) fn new(wait: Duration, capacity: usize) -> Self {
        let (waiting, order) = (HashMap::new(), VecDeque::new());
        Self { waiting, order, wait, capacity, counts: JoinCounts::default() }
    }

    /// An answer came; its label, if that is here already.
    pub(crate) fn answer(&mut self, id: u64, answer: T, now: Duration) -> Option<(T, f64)> {
        if let Some(Slot { what: Waiting::Label(label), .. }) = self.waiting.get(&id) {
            let label = *label;
            self.waiting.remove(&id);
            self.counts.met += 1;
            return Some((answer, label));
        }
        if self.put(id, Waiting::Answer(answer), now) {
            self.counts.repeated += 1;
        }
        None
    }

    /// A label came; its answer, if that is waiting.
    pub(crate) fn label(&mut self, id: u64, label: f64, now: Duration) -> Option<(T, f64)> {
        match self.waiting.remove(&id) {
            Some(Slot { what: Waiting::Answer(answer), .. }) => {
                self.counts.met += 1;
                Some((answer, label))
            }
            Some(Slot { what: Waiting::Missed, .. }) => {
                self.counts.late += 1;
                None
            }
            Some(Slot { what: Waiting::Label(_), .. }) | None => {
                self.put(id, Waiting::Label(label), now);
                None
            }
        }
    }

    /// Gives up what has waited long enough.
    pub(crate) fn expire(&mut self, now: Duration) {
        while let Some((id, since)) = self.order.front().copied() {
            if since + self.wait > now {
                break;
            }
            self.order.pop_front();
            let Some(slot) = self.take(id, since) else { continue };
            match slot.what {
                Waiting::Answer(_) => {
                    self.counts.missing += 1;
                    self.put(id, Waiting::Missed, now);
                }
                Waiting::Label(_) => self.counts.unmatched += 1,
                Waiting::Missed => {}
            }
        }
    }

    /// Answers that wait for their label now.
    pub(crate) fn answers_waiting(&self) -> usize {
        let slots = self.waiting.values();
        slots.filter(|slot| matches!(slot.what, Waiting::Answer(_))).count()
    }

    /// Labels that wait for an answer now; most are of records that do not count.
    pub(crate) fn labels_waiting(&self) -> usize {
        let slots = self.waiting.values();
        slots.filter(|slot| matches!(slot.what, Waiting::Label(_))).count()
    }

    /// Everything that is held.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether another entry of the same id was replaced.
    fn put(&mut self, id: u64, what: Waiting<T>, now: Duration) -> bool {
        let replaced = self.waiting.insert(id, Slot { since: now, what }).is_some();
        self.order.push_back((id, now));
        while self.waiting.len() > self.capacity
            && let Some((oldest, since)) = self.order.pop_front()
        {
            if let Some(slot) = self.take(oldest, since) {
                self.counts.dropped += u64::from(!matches!(slot.what, Waiting::Missed));
            }
        }
        // The queue keeps those that met until their time is up; not more than there are others.
        if self.order.len() > 2 * self.waiting.len() + 1024 {
            let waiting = &self.waiting;
            self.order.retain(|(id, since)| waiting.get(id).is_some_and(|s| s.since == *since));
        }
        replaced
    }

    /// Removes `id` if it is still the entry that began to wait at `since`.
    fn take(&mut self, id: u64, since: Duration) -> Option<Slot<T>> {
        self.waiting
            .get(&id)
            .is_some_and(|slot| slot.since == since)
            .then(|| self.waiting.remove(&id).expect("it was found one line above"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    #[test]
    fn either_may_come_first() {
        let mut join = Join::new(S(10), 100);
        assert_eq!(join.answer(1, 'a', S(0)), None);
        assert_eq!((join.answers_waiting(), join.labels_waiting()), (1, 0));
        assert_eq!(join.label(1, 0.5, S(1)), Some(('a', 0.5)));
        assert_eq!(join.label(2, 1.0, S(2)), None);
        assert_eq!((join.answers_waiting(), join.labels_waiting()), (0, 1));
        assert_eq!(join.answer(2, 'b', S(3)), Some(('b', 1.0)));
        join.expire(S(100));
        assert_eq!(join.counts, JoinCounts { met: 2, ..JoinCounts::default() });
        assert_eq!(join.len(), 0);
    }

    #[test]
    fn what_never_meets_is_counted() {
        let mut join = Join::new(S(10), 100);
        join.answer(1, 'a', S(0));
        join.label(2, 1.0, S(0));
        join.expire(S(9));
        assert_eq!(join.counts, JoinCounts::default());
        join.expire(S(10));
        assert_eq!((join.counts.missing, join.counts.unmatched), (1, 1));
        assert_eq!(join.label(1, 1.0, S(11)), None);
        assert_eq!((join.counts.late, join.counts.met), (1, 0));
    }

    #[test]
    fn a_given_up_answer_is_forgotten_in_the_end() {
        let mut join = Join::new(S(10), 100);
        join.answer(1, 'a', S(0));
        join.expire(S(10));
        join.expire(S(20));
        assert_eq!(join.len(), 0);
        assert_eq!(join.counts.missing, 1);
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_go_first() {
        let mut join = Join::new(S(1_000_000), 100);
        for id in 0..10_000 {
            join.answer(id, id, S(id));
        }
        assert_eq!((join.len(), join.counts.dropped), (100, 9_900));
        assert_eq!(join.label(9_999, 1.0, S(10_000)), Some((9_999, 1.0)));
        for id in 20_000..40_000 {
            join.answer(id, id, S(id));
            join.label(id, 0.0, S(id));
        }
        assert!(join.order.len() < 2_000, "{}", join.order.len());
    }

    #[test]
    fn a_repeated_answer_waits_anew() {
        let mut join = Join::new(S(10), 100);
        join.answer(1, 'a', S(0));
        join.answer(1, 'b', S(5));
        join.expire(S(12));
        assert_eq!(join.label(1, 1.0, S(13)), Some(('b', 1.0)));
        assert_eq!((join.counts.repeated, join.counts.missing), (1, 0));
    }
}
