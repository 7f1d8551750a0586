//! Whether labels and answers meet, before a canary and during it: a gate must not hold a share for labels that cannot
//! come. Pure; what it takes stands in the journal or on the topics.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use stream::LabelDefect;

use crate::policy::join::JoinCounts;
use crate::records::labels::Troubles;

/// Fewer labels or answers than this say nothing.
const MIN_RECORDS: u64 = 50;

/// Before the canary more is there to look at.
const MIN_RECORDS_BEFORE: u64 = 100;

/// Labels may take this many times as long as the slow ones of the past.
const PATIENCE_FACTOR: u32 = 3;

/// Enough for a warning, long before it is enough to give up.
const WARNING: (u64, Duration) = (20, Duration::from_secs(5));

/// How labels and answers met before the canary.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", default)]
pub(crate) struct Before {
    /// Predictions that were read, whoever gave them.
    pub(crate) predictions: u64,
    /// Labels that were read, and those of them that met one of the predictions.
    pub(crate) labels: u64,
    pub(crate) met: u64,
    /// Of those that met: came within `--label-wait`.
    pub(crate) in_time: u64,
    /// How long the slow ones took: 99 of 100 were not later. Milliseconds.
    pub(crate) slow_ms: Option<u64>,
    /// How long half of them took at most.
    pub(crate) median_ms: Option<u64>,
    /// Whether predictions were read as far back as a label may come, or to the beginning of their topic.
    pub(crate) is_whole: bool,
    pub(crate) troubles: Troubles,
    /// One id of each side.
    pub(crate) answer_id: String,
    pub(crate) label_id: String,
}

/// Why it makes no sense to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoStart {
    /// Labels are there, and none of them meets an answer.
    Unmet,
    /// Not one record of the labels topic is a label.
    Unreadable,
    /// Every label came later than `--label-wait`.
    Late,
}

/// Why labels cannot be expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stalled {
    /// They come, and none meets an answer.
    Unmet,
    /// What comes is no label.
    Unreadable,
    /// None comes, though they did before.
    Silent,
    /// The first answers were given up, and not one had met its label.
    Expired,
}

/// How labels and answers meet during the canary: what came since two of them met last. Times are without pauses.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) struct Meeting {
    #[serde(skip)]
    within: Duration,
    /// How long labels take, as far as is known.
    #[serde(skip)]
    pub(crate) slow: Option<Duration>,
    /// Labels that met, for each answer and for each label of the past.
    #[serde(skip)]
    usual: Option<[f64; 2]>,
    /// Since the first answer after the last label that met.
    #[serde(skip)]
    since: Option<Duration>,
    pub(crate) answers: u64,
    pub(crate) labels: u64,
    pub(crate) unreadable: u64,
    /// Labels that met answers from before the canary.
    pub(crate) earlier: u64,
    pub(crate) answer_id: String,
    pub(crate) label_id: String,
}

impl Before {
    /// Why it makes no sense to begin, if it makes none.
    pub(crate) fn no_start(&self) -> Option<NoStart> {
        if self.labels == 0 && self.troubles.count() >= MIN_RECORDS_BEFORE {
            return Some(NoStart::Unreadable);
        }
        let is_enough = self.predictions >= MIN_RECORDS_BEFORE && self.labels >= MIN_RECORDS_BEFORE;
        if self.met == 0 && is_enough && self.is_whole {
            return Some(NoStart::Unmet);
        }
        (self.met >= MIN_RECORDS_BEFORE && self.in_time == 0).then_some(NoStart::Late)
    }
}

impl Meeting {
    /// Nothing came yet; after `within` at the earliest the gate gives up.
    pub(crate) fn new(within: Duration, before: &Before) -> Self {
        let part = |of: u64| before.met as f64 / of.max(1) as f64;
        Self {
            within,
            slow: before.slow_ms.map(Duration::from_millis),
            usual: (before.met > 0).then(|| [part(before.predictions), part(before.labels)]),
            since: None,
            answers: 0,
            labels: 0,
            unreadable: 0,
            earlier: 0,
            answer_id: String::new(),
            label_id: String::new(),
        }
    }

    /// An answer that counts came.
    pub(crate) fn answered(&mut self, at: Duration) {
        self.since.get_or_insert(at);
        self.answers += 1;
    }

    /// A label came that is of no answer known so far.
    pub(crate) fn label(&mut self) {
        self.labels += u64::from(self.since.is_some());
    }

    /// A record of the labels topic came that is none.
    pub(crate) fn unreadable(&mut self, trouble: LabelDefect) {
        let is_meant = trouble != LabelDefect::Withdrawn && self.since.is_some();
        self.unreadable += u64::from(is_meant);
    }

    /// An answer and its label met.
    pub(crate) fn met(&mut self) {
        self.since = None;
        (self.answers, self.labels, self.unreadable) = (0, 0, 0);
    }

    /// Labels met answers from before the canary, the slowest of them after `after`: they belong together.
    pub(crate) fn earlier(&mut self, met: u64, after: Duration) {
        self.earlier += met;
        if self.usual.is_none() {
            self.slow = self.slow.max(Some(after));
        }
    }

    /// Whether it is still open if labels and answers belong together at all.
    pub(crate) fn is_open(&self) -> bool {
        self.usual.is_none() && self.slow.is_none()
    }

    /// Why labels cannot be expected, if so.
    pub(crate) fn stalled(&self, at: Duration, join: JoinCounts) -> Option<Stalled> {
        if join.met == 0 && join.missing >= MIN_RECORDS {
            return Some(Stalled::Expired);
        }
        let patience =
            self.slow.map_or(self.within, |slow| self.within.max(slow * PATIENCE_FACTOR));
        self.look(at, MIN_RECORDS, patience)
    }

    /// What to warn of, long before the gate gives up.
    pub(crate) fn warning(&self, at: Duration) -> Option<Stalled> {
        let (few, least) = WARNING;
        self.look(at, few, self.slow.map_or(least, |slow| least.max(slow * PATIENCE_FACTOR / 2)))
    }

    /// How long answers have waited without one that met its label.
    pub(crate) fn waited(&self, at: Duration) -> Duration {
        self.since.map_or(Duration::ZERO, |since| at.saturating_sub(since))
    }

    fn look(&self, at: Duration, few: u64, patience: Duration) -> Option<Stalled> {
        if self.answers < few || self.waited(at) < patience {
            return None;
        }
        // So many of what came would have met, were all as it was before.
        let [of_answers, of_labels] = self.usual.unwrap_or([0.0, 1.0]);
        let is_expected = |came: u64, part: f64| came as f64 * part >= few as f64;
        if is_expected(self.labels, of_labels) {
            Some(Stalled::Unmet)
        } else if self.labels == 0 && self.unreadable >= few {
            Some(Stalled::Unreadable)
        } else if self.labels + self.unreadable == 0 && is_expected(self.answers, of_answers) {
            Some(Stalled::Silent)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn meeting(before: &Before) -> Meeting {
        Meeting::new(S(30), before)
    }

    /// Labels that took this many seconds, half of the answers having one.
    fn known(slow: u64) -> Before {
        Before {
            predictions: 1_000,
            labels: 500,
            met: 500,
            in_time: 500,
            slow_ms: Some(slow * 1_000),
            is_whole: true,
            ..Before::default()
        }
    }

    fn after(meeting: &mut Meeting, answers: u64, labels: u64, at: u64) -> Option<Stalled> {
        (0..answers).for_each(|_| meeting.answered(S(0)));
        (0..labels).for_each(|_| meeting.label());
        meeting.stalled(S(at), JoinCounts::default())
    }

    #[test]
    fn labels_that_meet_nothing_are_given_up_after_a_while() {
        for (before, answers, labels, at, expected) in [
            (Before::default(), 1_000, 1_000, 30, Some(Stalled::Unmet)),
            (Before::default(), 1_000, 1_000, 29, None),
            (Before::default(), 1_000, 49, 300, None),
            (Before::default(), 49, 1_000, 300, None),
            // The past had none: they may begin, and label-wait ends it otherwise.
            (Before::default(), 1_000, 0, 300, None),
            (known(1), 1_000, 1_000, 30, Some(Stalled::Unmet)),
            (known(1), 1_000, 0, 30, Some(Stalled::Silent)),
            // Too few answers to expect fifty labels.
            (known(1), 99, 0, 300, None),
            // Labels took a minute, so they may take three.
            (known(60), 1_000, 1_000, 179, None),
            (known(60), 1_000, 0, 179, None),
            (known(60), 1_000, 1_000, 180, Some(Stalled::Unmet)),
        ] {
            let found = after(&mut meeting(&before), answers, labels, at);
            assert_eq!(found, expected, "{answers} {labels} {at} {before:?}");
        }
    }

    #[test]
    fn one_label_that_meets_begins_the_wait_anew() {
        let mut meeting = meeting(&Before::default());
        assert_eq!(after(&mut meeting, 1_000, 1_000, 40), Some(Stalled::Unmet));
        meeting.met();
        assert_eq!(meeting.stalled(S(40), JoinCounts::default()), None);
        meeting.answered(S(100));
        assert_eq!(meeting.waited(S(110)), S(10));
    }

    #[test]
    fn labels_of_answers_from_before_show_how_long_they_take() {
        let mut meeting = meeting(&Before::default());
        assert!(meeting.is_open());
        meeting.earlier(3, S(50));
        assert!(!meeting.is_open());
        assert_eq!(after(&mut meeting, 1_000, 1_000, 149), None);
        assert_eq!(after(&mut meeting, 0, 0, 150), Some(Stalled::Unmet));
    }

    #[test]
    fn what_is_no_label_is_given_up_and_a_withdrawal_is_no_trouble() {
        for (trouble, expected) in
            [(LabelDefect::Text, Some(Stalled::Unreadable)), (LabelDefect::Withdrawn, None)]
        {
            let mut meeting = meeting(&Before::default());
            after(&mut meeting, 1_000, 0, 0);
            (0..60).for_each(|_| meeting.unreadable(trouble));
            assert_eq!(meeting.stalled(S(30), JoinCounts::default()), expected, "{trouble:?}");
            assert_eq!(meeting.warning(S(5)), expected, "a warning comes within seconds");
        }
    }

    #[test]
    fn answers_that_all_were_given_up_are_enough() {
        let given_up = JoinCounts { missing: 50, ..JoinCounts::default() };
        let meeting = meeting(&Before::default());
        assert_eq!(meeting.stalled(S(1), given_up), Some(Stalled::Expired));
        let some_met = JoinCounts { met: 1, ..given_up };
        assert_eq!(meeting.stalled(S(1), some_met), None);
    }

    #[test]
    fn a_past_in_which_nothing_met_is_no_beginning() {
        let unmet = Before { met: 0, in_time: 0, ..known(1) };
        let mut unreadable = Before { labels: 0, ..unmet.clone() };
        let record = kafka::Record {
            partition: 0,
            offset: 0,
            timestamp_ms: 0,
            key: None,
            value: Some(b"1".to_vec()),
            headers: Vec::new(),
        };
        (0..100).for_each(|_| unreadable.troubles.add(LabelDefect::NotAnObject, &record));
        for (before, expected) in [
            (known(1), None),
            (Before::default(), None),
            (unmet.clone(), Some(NoStart::Unmet)),
            // Labels may belong to predictions that nobody looked at.
            (Before { is_whole: false, ..unmet.clone() }, None),
            (Before { labels: 99, ..unmet.clone() }, None),
            (Before { predictions: 99, ..unmet }, None),
            (unreadable, Some(NoStart::Unreadable)),
            (Before { in_time: 0, ..known(900) }, Some(NoStart::Late)),
        ] {
            assert_eq!(before.no_start(), expected, "{before:?}");
        }
    }
}
