//! The one entrance: what happened goes in as an entry, live and in a replay alike.

use std::time::Duration;

use contract::Verdict;
use kafka::Record;
use stream::PredictionHeaders;

use super::Gate;
use crate::policy::entry::{Entry, Reads};
use crate::policy::outcome;
use crate::records::answer::{self, Seen};
use crate::records::hash;
use crate::records::labels::{self, shown};

impl Gate {
    /// Takes in what happened; `records` are those that the entry names, in its order. Nothing else changes a gate.
    pub(crate) fn apply(&mut self, entry: &Entry, records: &[(Reads, Record)]) {
        let ms = |at: &u64| Duration::from_millis(*at);
        match entry {
            Entry::Tick(at, _) => {
                for (what, record) in records {
                    self.take(*what, record, ms(at));
                }
                self.tick(ms(at));
            }
            Entry::Sampled { metric, value, .. } => {
                self.sampled(*metric, value.as_ref().and_then(|value| value.parse().ok()));
            }
            Entry::Raised { at, route } => self.raised((**route).clone(), ms(at)),
            Entry::Confirmed { at, by, from } => self.confirmed(by.clone(), from.clone(), ms(at)),
            Entry::Missing(who) => self.missing.clone_from(who),
            Entry::Refused { scorer, error } => {
                self.invalidate(Verdict::Fail, outcome::refused(scorer, error));
            }
            Entry::EarlierLabels { met, after } => self.meeting.earlier(*met, ms(after)),
            Entry::Asked { at, command } => self.asked(command.clone(), ms(at)),
            Entry::TakenOver { route, .. } => self.taken_over = Some(route.clone()),
            Entry::Resumed { lost, .. } => self.resumed(*lost),
        }
    }

    /// One record of a topic.
    fn take(&mut self, what: Reads, record: &Record, now: Duration) {
        let value = hash(record.value.as_deref().unwrap_or_default());
        let place = ((record.partition as u64) << 48) ^ record.offset as u64;
        self.digest = hash(&[self.digest, place, value].map(u64::to_le_bytes).concat());
        match what {
            Reads::Features => self.feature(record),
            Reads::Predictions => self.take_prediction(record, now),
            Reads::Labels => self.take_label(record, now),
            Reads::Events(metric) => self.business(metric, record, now),
        }
    }

    fn take_label(&mut self, record: &Record, now: Duration) {
        match labels::read(record) {
            Ok((id, label)) => {
                if !self.label(id, label, now) && self.meeting.label_id.is_empty() {
                    self.meeting.label_id = shown(record.key.as_deref().unwrap_or_default());
                }
            }
            Err(trouble) => self.unlabelled(trouble, record),
        }
    }

    fn take_prediction(&mut self, record: &Record, now: Duration) {
        let id = PredictionHeaders::of(&record.headers).id().ok();
        match answer::read(record, |generation| self.route(generation)) {
            Seen::Answer(answer) => {
                let counts = self.answered(answer, (record.partition, record.offset), now);
                if counts && self.meeting.answer_id.is_empty() {
                    self.meeting.answer_id = shown(id.unwrap_or_default().as_bytes());
                }
            }
            Seen::Foreign => self.foreign(id.map(|id| hash(id.as_bytes()))),
            Seen::Unreadable => self.skipped.unreadable += 1,
            Seen::RoutingMismatch(why) => self.invalidate(
                Verdict::Inconclusive,
                format!(
                    "the stream is not split as the route says, so nothing can be learnt: {why}"
                ),
            ),
        }
    }
}
