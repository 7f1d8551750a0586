//! The interval that every estimate comes with.

use serde::{Deserialize, Serialize};

/// A confidence interval, both ends included, in the unit of what it estimates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The estimate itself.
    pub estimate: f64,
    /// The lower end.
    pub lower: f64,
    /// The upper end.
    pub upper: f64,
    /// The two-sided confidence level, for example 0.95. Each end alone holds with
    /// `(1 + confidence) / 2`, so a one-sided test at level `alpha` takes one end of an interval
    /// with confidence `1 - 2 * alpha`.
    pub confidence: f64,
}

impl Interval {
    /// Whether `value` is compatible with the data at this confidence.
    pub fn contains(&self, value: f64) -> bool {
        self.lower <= value && value <= self.upper
    }
}
