//! How the evidence grew, in a bounded number of points.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::policy::metrics::judge::View;

/// Enough for a plot; the record stays small however long the canary runs.
const MAX_POINTS: usize = 400;

/// The evidence over time.
#[derive(Debug, Default)]
pub(crate) struct EvidenceSeries {
    points: Vec<Point>,
    /// Seconds that have to lie between two points.
    gap: f64,
}

/// The evidence at one moment, of each metric in their order.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Point {
    /// Seconds since the gate began.
    pub(crate) at: f64,
    pub(crate) share: f64,
    pub(crate) metrics: Vec<View>,
}

impl EvidenceSeries {
    /// Takes a point in, unless it follows too closely on the last one; it is only made if it is taken.
    pub(crate) fn push(&mut self, at: f64, point: impl FnOnce() -> Point) {
        if self.points.last().is_some_and(|last| at - last.at < self.gap) {
            return;
        }
        self.points.push(point());
        if self.points.len() > MAX_POINTS {
            let mut keep = false;
            self.points.retain(|_| {
                keep = !keep;
                keep
            });
            let length = self.points.last().map_or(0.0, |last| last.at);
            self.gap = (self.gap * 2.0).max(length * 2.0 / MAX_POINTS as f64);
        }
    }

    /// All points, and that of the decision.
    pub(crate) fn with(&self, last: &Point) -> Vec<Point> {
        self.points.iter().chain([last]).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_canary_keeps_few_points_over_all_of_it() {
        let mut trace = EvidenceSeries::default();
        for n in 0..1_000_000u32 {
            let at = f64::from(n) * 0.2;
            trace.push(at, || Point { at, share: 0.1, metrics: Vec::new() });
        }
        let points = &trace.points;
        assert!((MAX_POINTS / 4..=MAX_POINTS).contains(&points.len()), "{}", points.len());
        assert_eq!(points[0].at, 0.0);
        assert!(points[points.len() - 1].at > 199_000.0);
        let widest = points.windows(2).map(|pair| pair[1].at - pair[0].at).fold(0.0, f64::max);
        assert!(widest < 200_000.0 / 100.0, "{widest}");
    }
}
