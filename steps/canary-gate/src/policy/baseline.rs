//! The champion's own past: what a candidate that has the whole stream is compared with.
//!
//! At a share of 100 % the champion answers nothing, so there is nobody beside the candidate. Each labelled answer of
//! the candidate reveals the next labelled answer that the champion gave before the switch instead, and the two are
//! compared as in a canary at a share of one half. This is sound where the stream's failure rate does not change by
//! itself between the two ranges; a canary needs no such assumption.

use std::time::Duration;

use contract::Verdict;

use crate::policy::bursts::Bursts;
use crate::policy::gate::Outcome;
use crate::policy::plan::Plan;
use crate::policy::stream_profile::LabelledPrediction;

/// Labelled answers of the champion from before the switch, in the order of their time.
#[derive(Debug, Default)]
pub(crate) struct Baseline {
    answers: Vec<Revealed>,
    /// How many were revealed.
    used: usize,
}

/// One answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Revealed {
    pub(crate) wrong: bool,
    /// It is wrong, and no part of a burst of failures that counted before.
    pub(crate) counts: bool,
}

impl Baseline {
    /// Those of these answers that could be judged, in the order of their time; failures of one key less than `burst` apart count once.
    pub(crate) fn new(past: &[LabelledPrediction], burst: Duration) -> Self {
        let mut bursts = Bursts::new(burst);
        let revealed = |past: &LabelledPrediction| {
            let wrong = past.wrong?;
            Some(Revealed { wrong, counts: wrong && bursts.counts(past.key, past.at_ms) })
        };
        Self { answers: past.iter().filter_map(revealed).collect(), used: 0 }
    }

    /// The next answer; `None` once all were revealed.
    pub(crate) fn reveal(&mut self) -> Option<Revealed> {
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
    pub(crate) fn too_short(&self, plan: &Plan) -> Option<Outcome> {
        let least = plan.min_records;
        (self.len() < least).then(|| Outcome {
            verdict: Verdict::Inconclusive,
            reason: format!(
                "the champion has {} answers from before the switch that could be held against their labels, {least} are \
                 needed; nothing was switched",
                self.len()
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::metrics::held::Heads;

    fn revealed(answers: &[(i64, bool)], burst: Duration) -> Vec<(bool, bool)> {
        let past = |(at_ms, wrong): &(i64, bool)| LabelledPrediction {
            id: 0,
            key: 1,
            at_ms: *at_ms,
            wrong: Some(*wrong),
            heads: Heads::default(),
        };
        let answers: Vec<LabelledPrediction> = answers.iter().map(past).collect();
        let mut baseline = Baseline::new(&answers, burst);
        let pasts = std::iter::from_fn(|| baseline.reveal());
        pasts.map(|past| (past.wrong, past.counts)).collect()
    }

    #[test]
    fn a_burst_of_one_key_counts_once() {
        let answers = [(0, true), (500, true), (700, false), (1_200, true)];
        let (counts, repeats, right) = ((true, true), (true, false), (false, false));
        let second = Duration::from_secs(1);
        assert_eq!(revealed(&answers, second), [counts, repeats, right, counts]);
        assert_eq!(revealed(&answers, Duration::ZERO), [counts, counts, right, counts]);
    }
}
