//! What an answer loses against its label.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Kept away from 0 and 1, so that one sure and wrong answer does not weigh without end; as scikit-learn does for
/// 32-bit scores.
const CLOSEST: f64 = 1e-7;

/// A loss of a score against a label. Classifiers score the probability of the label 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Loss {
    /// `-ln p` of what came, for labels 0 and 1.
    #[serde(rename = "log-loss")]
    Logarithmic,
    /// `(p - label)^2`, for labels 0 and 1 (Brier 1950).
    Brier,
    /// `|score - label|`.
    AbsoluteError,
    /// `(score - label)^2`.
    SquaredError,
}

impl Loss {
    /// The loss; `None` where it has none: a probability outside [0, 1], a label that is neither 0 nor 1, no number.
    pub(crate) fn of(self, score: f64, label: f64) -> Option<f64> {
        let value = match self {
            Self::Logarithmic | Self::Brier => {
                if !(0.0..=1.0).contains(&score) || (label != 0.0 && label != 1.0) {
                    return None;
                }
                let of_what_came = if label == 1.0 { score } else { 1.0 - score };
                match self {
                    Self::Logarithmic => -of_what_came.clamp(CLOSEST, 1.0 - CLOSEST).ln(),
                    _ => (1.0 - of_what_came).powi(2),
                }
            }
            Self::AbsoluteError => (score - label).abs(),
            Self::SquaredError => (score - label).powi(2),
        };
        value.is_finite().then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_by_hand() {
        for (loss, score, label, expected) in [
            (Loss::Logarithmic, 0.8, 1.0, Some(0.223_143_551_314_209_7)),
            (Loss::Logarithmic, 0.8, 0.0, Some(1.609_437_912_434_100_4)),
            (Loss::Logarithmic, 1.5, 0.0, None),
            (Loss::Logarithmic, 0.5, 2.0, None),
            (Loss::Brier, 0.8, 1.0, Some(0.04)),
            (Loss::Brier, 0.8, 0.0, Some(0.64)),
            (Loss::AbsoluteError, 3.0, 5.5, Some(2.5)),
            (Loss::SquaredError, 3.0, 5.0, Some(4.0)),
            (Loss::SquaredError, f64::NAN, 5.0, None),
            (Loss::AbsoluteError, f64::INFINITY, 5.0, None),
        ] {
            let found = loss.of(score, label);
            let is_close = match (found, expected) {
                (Some(found), Some(expected)) => (found - expected).abs() < 1e-12,
                (found, expected) => found == expected,
            };
            assert!(is_close, "{loss:?} {score} {label}: {found:?}");
        }
        assert!(Loss::Logarithmic.of(0.0, 1.0).is_some_and(f64::is_finite), "sure and wrong");
    }
}
