//! In which direction and how far a feature moved, in units that a reader knows.

use serde::{Deserialize, Serialize};

use crate::error::{Error, finite_sample};

/// Mean and spread of a sample, in the unit of the feature.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    /// The arithmetic mean.
    pub mean: f64,
    /// The square root of the unbiased variance; 0 for a single value.
    pub standard_deviation: f64,
}

/// Mean and standard deviation by Welford's update, which does not lose digits for large offsets.
///
/// # Errors
/// [`Error::TooFew`] for an empty sample, [`Error::NotFinite`] for NaN and infinities.
pub fn moments(values: &[f64]) -> Result<Moments, Error> {
    finite_sample("sample", values, 1)?;
    let (mut mean, mut squares) = (0.0, 0.0);
    for (index, value) in values.iter().enumerate() {
        let deviation = value - mean;
        mean += deviation / (index as f64 + 1.0);
        squares += deviation * (value - mean);
    }
    let freedom = (values.len() as f64 - 1.0).max(1.0);
    Ok(Moments { mean, standard_deviation: (squares / freedom).sqrt() })
}

/// How far the mean moved, in standard deviations of the baseline; positive is up. `None` when the
/// baseline does not vary but the mean moved, for which no number is honest.
pub fn mean_shift(baseline: Moments, window: Moments) -> Option<f64> {
    let moved = window.mean - baseline.mean;
    if baseline.standard_deviation > 0.0 {
        Some(moved / baseline.standard_deviation)
    } else {
        (moved == 0.0).then_some(0.0)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::testing::assert_close;

    #[test]
    fn shifts_are_in_standard_deviations() {
        let before = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        let after: Vec<f64> = before.iter().map(|value| value + 3.0).collect();
        let (one, other) = (moments(&before).unwrap(), moments(&after).unwrap());
        assert_close(one.mean, 5.0, 1e-12);
        assert_close(one.standard_deviation, (32.0f64 / 7.0).sqrt(), 1e-12);
        assert_close(mean_shift(one, other).unwrap(), 3.0 / (32.0f64 / 7.0).sqrt(), 1e-12);
    }

    #[test]
    fn a_constant_baseline_has_no_scale() {
        let at = |value: f64| moments(&[value; 3]).unwrap();
        assert_eq!(mean_shift(at(2.0), at(2.0)), Some(0.0));
        assert_eq!(mean_shift(at(2.0), at(3.0)), None);
        assert_eq!(moments(&[]), Err(Error::TooFew { what: "sample", given: 0, needed: 1 }));
    }
}
