//! What can be wrong with the numbers that a caller hands in.

/// Why a statistic could not be computed. No function of this crate panics on bad numbers.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// A parameter outside the range in which the formula holds.
    #[error("{what} is {value}, which must be {must}")]
    OutOfRange {
        /// The parameter.
        what: &'static str,
        /// What was given.
        value: f64,
        /// What it must be, as words that follow "must be".
        must: &'static str,
    },
    /// Nothing to compute from; an answer would be invented.
    #[error("{what} has {given} values, at least {needed} are needed")]
    TooFew {
        /// The sample.
        what: &'static str,
        /// How many values it holds.
        given: usize,
        /// How many the formula needs.
        needed: usize,
    },
    /// A NaN or an infinity, which has no rank and no mean.
    #[error("{what} holds a value that is not finite at position {position}")]
    NotFinite {
        /// The sample.
        what: &'static str,
        /// Where the value stands, from 0.
        position: usize,
    },
    /// Two samples that belong together pair by pair but have different lengths.
    #[error(
        "pairs need equally many values, got {candidate} of the candidate and {champion} of the champion"
    )]
    Unpaired {
        /// Values of the candidate.
        candidate: usize,
        /// Values of the champion.
        champion: usize,
    },
    /// An event of a model that had no share of the stream at that time.
    #[error("an event of the {model} was given for a share at which it answers nothing")]
    ImpossibleEvent {
        /// `candidate` or `champion`.
        model: &'static str,
    },
    /// A stored distribution that contradicts itself.
    #[error("the stored distribution is not valid: {reason}")]
    BadDistribution {
        /// What contradicts what.
        reason: &'static str,
    },
}

/// Passes a probability strictly between 0 and 1 on.
pub(crate) fn open_unit(what: &'static str, value: f64) -> Result<f64, Error> {
    if value > 0.0 && value < 1.0 {
        Ok(value)
    } else {
        Err(Error::OutOfRange { what, value, must: "between 0 and 1, both excluded" })
    }
}

/// Refuses samples that are too small or hold NaN or infinities.
pub(crate) fn finite_sample(
    what: &'static str,
    values: &[f64],
    needed: usize,
) -> Result<(), Error> {
    if values.len() < needed {
        return Err(Error::TooFew { what, given: values.len(), needed });
    }
    match values.iter().position(|value| !value.is_finite()) {
        Some(position) => Err(Error::NotFinite { what, position }),
        None => Ok(()),
    }
}
