//! Which of the two models of a route answers.

use std::fmt;
use std::str::FromStr;

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Variant {
    Champion,
    Candidate,
}

/// A text that is neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is neither champion nor candidate")]
pub struct NoVariant;

impl Variant {
    /// As in the `variant` header of a prediction.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Champion => "champion",
            Self::Candidate => "candidate",
        }
    }
}

impl FromStr for Variant {
    type Err = NoVariant;

    fn from_str(text: &str) -> Result<Self, NoVariant> {
        [Self::Champion, Self::Candidate]
            .into_iter()
            .find(|it| it.as_str() == text)
            .ok_or(NoVariant)
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(self.as_str())
    }
}
