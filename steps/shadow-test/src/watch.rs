//! The checks while records come in: which claims have been made, whether reading may stop, and the way there.

use contract::Verdict;

use crate::check::{Check, Moment};
use crate::decide::{Limits, questions};
use crate::tally::Tally;

/// The intervals are kept for the report from this many records on, each time these have grown by the factor.
const FIRST: u64 = 100;
const GROWTH: f64 = 1.15;

/// A watch over all checks. A claim that was made stands; only harm that shows later overrides it.
pub(crate) struct Watch<'a> {
    limits: &'a Limits,
    claims: Vec<Option<(Verdict, u64)>>,
    /// How the interval of each check shrank.
    tracks: Vec<Vec<Moment>>,
    next: u64,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(limits: &'a Limits) -> Self {
        let number = questions(&Tally::new(1), limits).len();
        Self { limits, claims: vec![None; number], tracks: vec![Vec::new(); number], next: FIRST }
    }

    /// Looks at what has been counted by now; called after every batch.
    pub(crate) fn look(&mut self, tally: &Tally) {
        // Nothing is claimed before the fewest records that may decide.
        if tally.readable() >= self.limits.min_records.max(1) {
            self.claim(tally);
        }
        if tally.records >= self.next {
            self.keep(tally);
            self.next = (tally.records as f64 * GROWTH).ceil() as u64;
        }
    }

    fn claim(&mut self, tally: &Tally) {
        let questions = questions(tally, self.limits);
        for (question, claim) in questions.iter().zip(&mut self.claims) {
            let made = claim.map_or(Verdict::Inconclusive, |(verdict, _)| verdict);
            match question.claim() {
                Verdict::Fail if made != Verdict::Fail => {
                    *claim = Some((Verdict::Fail, tally.records));
                }
                Verdict::Pass if claim.is_none() => *claim = Some((Verdict::Pass, tally.records)),
                _ => {}
            }
        }
    }

    /// Whether no further record can change the verdict: every claim is made, or harm is proven on solid ground.
    pub(crate) fn is_over(&self) -> bool {
        let made = |claim: &Option<(Verdict, u64)>| claim.map(|(verdict, _)| verdict);
        // The question whether the champion here is the live one comes first, where it is asked.
        let asked = usize::from(self.limits.champion_mismatch.is_some());
        let (ground, others) = self.claims.split_at(asked);
        match ground.first().map(made) {
            Some(Some(Verdict::Fail)) => true,
            // Until that is known, harm may be that of the shadow.
            Some(None) => false,
            _ => {
                let harm = others.iter().any(|claim| made(claim) == Some(Verdict::Fail));
                harm || others.iter().all(Option::is_some)
            }
        }
    }

    /// The checks at the end, each with its way there.
    pub(crate) fn finish(mut self, tally: &Tally) -> Vec<Check> {
        self.look(tally);
        let kept = |track: &Vec<Moment>| track.last().map(|it| it.records);
        if self.tracks.iter().filter_map(kept).any(|records| records < tally.records) {
            self.keep(tally);
        }
        let ways = self.claims.into_iter().zip(self.tracks);
        let questions = questions(tally, self.limits).into_iter().zip(ways);
        questions.map(|(question, (claim, track))| question.checked(claim, track)).collect()
    }

    fn keep(&mut self, tally: &Tally) {
        for (question, track) in questions(tally, self.limits).iter().zip(&mut self.tracks) {
            track.extend(question.bounds().map(|bounds| Moment::new(tally.records, bounds)));
        }
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
