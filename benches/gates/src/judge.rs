//! What all gates have in common here.

use crate::stream::{History, Minute};

/// A gate that watches one canary. It is asked at the end of every minute.
pub(crate) trait Judge {
    /// What the gate thinks once the last of `minutes` is over.
    fn look(&mut self, minutes: &[Minute]) -> Look;
}

pub(crate) struct Look {
    pub(crate) verdict: Verdict,
    /// How strong the case for a rollback is, for calibration: with a threshold c in place of the
    /// gate's own, it rolls back at the first look whose score reaches c. Never reached: minus infinity.
    pub(crate) score: f64,
    /// The part of the last minute that had passed when the verdict fell.
    pub(crate) part: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Rollback,
    Promote,
    /// Nothing yet; at the deadline: inconclusive.
    Open,
}

impl Look {
    pub(crate) fn at_minute(verdict: Verdict, score: f64) -> Self {
        Self { verdict, score, part: 1.0 }
    }
}

/// A gate of the field.
pub(crate) struct Gate {
    pub(crate) name: &'static str,
    pub(crate) start: fn(&History) -> Box<dyn Judge>,
}
