//! The champion's own past: what a candidate that has the whole stream is compared with.
//!
//! At a share of 100 % the champion answers nothing, so there is nobody beside the candidate. Each labelled answer of
//! the candidate reveals the next labelled answer that the champion gave before the switch instead, and the two are
//! compared as in a canary at a share of one half. This is sound where the stream's failure rate does not change by
//! itself between the two ranges; a canary needs no such assumption.

use std::time::Duration;

use contract::Verdict;
use contract::kafka::Window;

use crate::bursts::Bursts;
use crate::gate::Ending;
use crate::plan::Plan;

/// Labelled answers of the champion from before the switch, in the order of their time.
#[derive(Debug, Default)]
pub(crate) struct Baseline {
    answers: Vec<Past>,
    /// How many were revealed.
    used: usize,
    /// Where they were read: predictions, labels.
    pub(crate) read: (Window, Window),
}

/// One answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Past {
    pub(crate) wrong: bool,
    /// It is wrong, and no part of a burst of failures that counted before.
    pub(crate) counts: bool,
}

/// A labelled answer as it was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Labelled {
    /// Hash of the record's key.
    pub(crate) key: u64,
    /// Milliseconds since 1970.
    pub(crate) at_ms: i64,
    pub(crate) wrong: bool,
}

impl Baseline {
    /// The newest `most` of these answers; failures of one key less than `burst` apart count once.
    pub(crate) fn new(
        mut labelled: Vec<Labelled>,
        most: usize,
        burst: Duration,
        read: (Window, Window),
    ) -> Self {
        labelled.sort_by_key(|answer| answer.at_ms);
        let newest = labelled.split_off(labelled.len().saturating_sub(most));
        let mut bursts = Bursts::new(burst);
        let past = |answer: &Labelled| Past {
            wrong: answer.wrong,
            counts: answer.wrong && bursts.counts(answer.key, answer.at_ms),
        };
        Self { answers: newest.iter().map(past).collect(), used: 0, read }
    }

    /// The next answer; `None` once all were revealed.
    pub(crate) fn reveal(&mut self) -> Option<Past> {
        let past = self.answers.get(self.used).copied()?;
        self.used += 1;
        Some(past)
    }

    pub(crate) fn len(&self) -> u64 {
        self.answers.len() as u64
    }

    pub(crate) fn used(&self) -> u64 {
        self.used as u64
    }

    pub(crate) fn is_used_up(&self) -> bool {
        self.used == self.answers.len()
    }

    /// Wrong answers in all of it, revealed or not.
    pub(crate) fn errors(&self) -> u64 {
        self.answers.iter().filter(|past| past.wrong).count() as u64
    }

    /// Why it is too short to begin with, if so.
    pub(crate) fn too_short(&self, plan: &Plan) -> Option<Ending> {
        let least = plan.min_records;
        (self.len() < least).then(|| Ending {
            verdict: Verdict::Inconclusive,
            reason: format!(
                "the champion has {} labelled answers from before the switch to compare with, {least} are needed; \
                 nothing was switched",
                self.len()
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(at_ms: i64, wrong: bool) -> Labelled {
        Labelled { key: 1, at_ms, wrong }
    }

    fn revealed(answers: &[(i64, bool)], most: usize, burst: Duration) -> Vec<(bool, bool)> {
        let answers = answers.iter().map(|(at, wrong)| answer(*at, *wrong)).collect();
        let mut baseline = Baseline::new(answers, most, burst, Default::default());
        let pasts = std::iter::from_fn(|| baseline.reveal());
        pasts.map(|past| (past.wrong, past.counts)).collect()
    }

    #[test]
    fn the_newest_are_revealed_in_the_order_of_their_time() {
        let (right, wrong) = ((false, false), (true, true));
        let answers = [(30, false), (10, true), (20, true), (40, false)];
        for (most, expected) in
            [(9, vec![wrong, wrong, right, right]), (3, vec![wrong, right, right]), (0, vec![])]
        {
            assert_eq!(revealed(&answers, most, Duration::ZERO), expected, "{most}");
        }
    }

    #[test]
    fn a_burst_of_one_key_counts_once() {
        let answers = [(0, true), (500, true), (1_200, true)];
        let second = Duration::from_secs(1);
        assert_eq!(revealed(&answers, 9, second), [(true, true), (true, false), (true, true)]);
    }
}
