//! The checks while records come in: which claims have been made, whether reading may stop, and the way there.

use serde::{Serialize, Serializer};

use crate::decide::{Check, Limits, Outcome, questions};
use crate::tally::Tally;

/// The intervals are kept for the report from this many records on, each time these have grown by the factor.
const FIRST: u64 = 100;
const GROWTH: f64 = 1.15;

/// A watch over all checks. A claim that was made stands; only harm that shows later overrides it.
pub(crate) struct Watch<'a> {
    limits: &'a Limits,
    claims: Vec<Option<(Outcome, u64)>>,
    track: Vec<Track>,
    next: u64,
}

/// How one check's interval shrank.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub(crate) struct Track(pub(crate) Vec<Moment>);

/// The interval after so many records.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Moment {
    pub records: u64,
    pub lower: f64,
    pub estimate: f64,
    pub upper: f64,
}

/// As `[records, lower, estimate, upper]`, for the record holds hundreds of them.
impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        (self.records, self.lower, self.estimate, self.upper).serialize(to)
    }
}

impl<'a> Watch<'a> {
    pub(crate) fn new(limits: &'a Limits) -> Self {
        let number = questions(&Tally::new(1), limits).len();
        Self {
            limits,
            claims: vec![None; number],
            track: vec![Track::default(); number],
            next: FIRST,
        }
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
            let made = claim.map_or(Outcome::Inconclusive, |(outcome, _)| outcome);
            match question.claim() {
                Outcome::Fail if made != Outcome::Fail => {
                    *claim = Some((Outcome::Fail, tally.records));
                }
                Outcome::Pass if claim.is_none() => *claim = Some((Outcome::Pass, tally.records)),
                _ => {}
            }
        }
    }

    /// Whether no further record can change the verdict: every claim is made, or harm is proven on solid ground.
    pub(crate) fn is_over(&self) -> bool {
        let made = |claim: &Option<(Outcome, u64)>| claim.map(|(outcome, _)| outcome);
        // The question whether the champion here is the live one comes first, where it is asked.
        let asked = usize::from(self.limits.champion_mismatch.is_some());
        let (ground, others) = self.claims.split_at(asked);
        match ground.first().map(made) {
            Some(Some(Outcome::Fail)) => true,
            // Until that is known, harm may be that of the shadow.
            Some(None) => false,
            _ => {
                let harm = others.iter().any(|claim| made(claim) == Some(Outcome::Fail));
                harm || others.iter().all(Option::is_some)
            }
        }
    }

    /// The checks at the end, each with its way there.
    pub(crate) fn finish(mut self, tally: &Tally) -> (Vec<Check>, Vec<Track>) {
        self.look(tally);
        if self
            .track
            .iter()
            .any(|track| track.0.last().is_some_and(|it| it.records < tally.records))
        {
            self.keep(tally);
        }
        let questions = questions(tally, self.limits).into_iter();
        let checks = questions.zip(self.claims).map(|(question, claim)| question.checked(claim));
        (checks.collect(), self.track)
    }

    fn keep(&mut self, tally: &Tally) {
        for (question, track) in questions(tally, self.limits).iter().zip(&mut self.track) {
            let Some(bounds) = question.bounds() else { continue };
            let (lower, estimate, upper) = (bounds.lower, bounds.estimate, bounds.upper);
            track.0.push(Moment { records: tally.records, lower, estimate, upper });
        }
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
