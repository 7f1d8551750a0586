//! A distribution kept small: exact where a feature has few values, of known resolution elsewhere.

use serde::{Deserialize, Serialize};

use crate::error::{Error, finite_sample};

/// Points that a summary keeps at most when nothing else is asked for: no rank is further than
/// 1/512 from a kept one.
pub const DEFAULT_POINTS: usize = 512;

/// The empirical distribution function of a sample, kept at some of its values.
///
/// At each kept value it knows exactly how many records lie below it and how many do not lie above
/// it. A feature with at most as many distinct values as points is kept whole.
/// In JSON: `{"records": n, "points": [[value, below, up_to], ...]}`, values ascending.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Ecdf {
    records: u64,
    points: Vec<Point>,
}

/// One kept value with the number of records below it and up to it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "(f64, u64, u64)", into = "(f64, u64, u64)")]
pub struct Point {
    /// The value, one that occurred.
    pub value: f64,
    /// Records with a smaller value.
    pub below: u64,
    /// Records with this or a smaller value.
    pub up_to: u64,
}

impl Ecdf {
    /// Summarises a sample of finite values, keeping at most `max_points` (at least 2) of them,
    /// the smallest and the largest included.
    ///
    /// # Errors
    /// [`Error::TooFew`] without values or with fewer than 2 points, [`Error::NotFinite`] for NaN
    /// and infinities; count those apart, they have no rank.
    pub fn from_values(values: &[f64], max_points: usize) -> Result<Self, Error> {
        finite_sample("sample", values, 1)?;
        if max_points < 2 {
            return Err(Error::TooFew { what: "summary", given: max_points, needed: 2 });
        }
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        Ok(Self { records: sorted.len() as u64, points: thin(distinct(&sorted), max_points) })
    }

    /// Records in the sample.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The kept values, ascending.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// The smallest value of the sample.
    pub fn min(&self) -> f64 {
        self.points[0].value
    }

    /// The largest value of the sample.
    pub fn max(&self) -> f64 {
        self.points[self.points.len() - 1].value
    }

    /// Whether every value of the sample is kept.
    pub fn is_exact(&self) -> bool {
        self.resolution() == 0.0
    }

    /// The largest share of records between two kept values: how much of a difference between two
    /// distributions the summary can hide. 0 when it is exact.
    pub fn resolution(&self) -> f64 {
        let gaps = self.points.windows(2).map(|pair| pair[1].below - pair[0].up_to);
        gaps.max().unwrap_or(0) as f64 / self.records as f64
    }

    /// The smallest kept value that at least a share `probability` of the records do not exceed
    /// (the inverse of the distribution function, type 1 of Hyndman and Fan).
    pub fn quantile(&self, probability: f64) -> f64 {
        let rank = (probability.clamp(0.0, 1.0) * self.records as f64).ceil() as u64;
        let at = self.points.partition_point(|point| point.up_to < rank);
        self.points[at.min(self.points.len() - 1)].value
    }

    /// The share of records that do not exceed `value`: exact at kept values, a straight line between
    /// them. For drawing; tests use the kept values only.
    pub fn share_up_to(&self, value: f64) -> f64 {
        let after = self.points.partition_point(|point| point.value <= value);
        let Some(last) = after.checked_sub(1).map(|at| self.points[at]) else { return 0.0 };
        let between = self.points.get(after).map_or(0.0, |next| {
            let way = (value - last.value) / (next.value - last.value);
            way * (next.below - last.up_to) as f64
        });
        (last.up_to as f64 + between) / self.records as f64
    }
}

/// All values of a sorted sample, each once, with its ranks.
fn distinct(sorted: &[f64]) -> Vec<Point> {
    let mut points: Vec<Point> = Vec::new();
    for (rank, &value) in sorted.iter().enumerate() {
        let up_to = rank as u64 + 1;
        match points.last_mut() {
            Some(last) if last.value == value => last.up_to = up_to,
            _ => points.push(Point { value, below: rank as u64, up_to }),
        }
    }
    points
}

/// Keeps `max_points` of them at evenly spaced ranks, both ends included.
fn thin(points: Vec<Point>, max_points: usize) -> Vec<Point> {
    if points.len() <= max_points {
        return points;
    }
    let records = points[points.len() - 1].up_to;
    let mut kept: Vec<Point> = Vec::with_capacity(max_points);
    for slot in 0..max_points as u64 {
        let rank = 1 + slot * (records - 1) / (max_points as u64 - 1);
        let point = points[points.partition_point(|point| point.up_to < rank)];
        if kept.last() != Some(&point) {
            kept.push(point);
        }
    }
    kept
}

/// What was read from a file, before it is known to be a distribution.
#[derive(Deserialize)]
struct Stored {
    records: u64,
    points: Vec<Point>,
}

impl TryFrom<Stored> for Ecdf {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self, Error> {
        let bad = |reason| Err(Error::BadDistribution { reason });
        let (Some(first), Some(last)) = (stored.points.first(), stored.points.last()) else {
            return bad("it has no points");
        };
        if first.below != 0 || last.up_to != stored.records {
            return bad("its points do not cover its records");
        }
        if stored.points.iter().any(|point| point.below >= point.up_to || !point.value.is_finite())
        {
            return bad("a point has no records or no value");
        }
        let ascending =
            |pair: &[Point]| pair[0].value < pair[1].value && pair[0].up_to <= pair[1].below;
        if !stored.points.windows(2).all(ascending) {
            return bad("its points do not ascend");
        }
        Ok(Self { records: stored.records, points: stored.points })
    }
}

impl From<(f64, u64, u64)> for Point {
    fn from((value, below, up_to): (f64, u64, u64)) -> Self {
        Self { value, below, up_to }
    }
}

impl From<Point> for (f64, u64, u64) {
    fn from(point: Point) -> Self {
        (point.value, point.below, point.up_to)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn few_values_are_kept_whole() {
        let ecdf = Ecdf::from_values(&[2.0, 0.0, 0.0, 5.0, 2.0, 0.0], 8).unwrap();
        let points: Vec<(f64, u64, u64)> =
            ecdf.points().iter().map(|&point| point.into()).collect();
        assert_eq!(points, [(0.0, 0, 3), (2.0, 3, 5), (5.0, 5, 6)]);
        assert!(ecdf.is_exact());
        assert_eq!((ecdf.quantile(0.5), ecdf.quantile(0.51), ecdf.quantile(1.0)), (0.0, 2.0, 5.0));
        assert_eq!((ecdf.min(), ecdf.max()), (0.0, 5.0));
    }

    #[test]
    fn negative_and_positive_zero_are_one_value() {
        assert_eq!(Ecdf::from_values(&[0.0, -0.0, 0.0], 8).unwrap().points().len(), 1);
    }

    #[test]
    fn many_values_are_thinned_to_a_known_resolution() {
        let values: Vec<f64> = (0..10_000).map(f64::from).collect();
        let ecdf = Ecdf::from_values(&values, 101).unwrap();
        assert_eq!(ecdf.points().len(), 101);
        assert_eq!((ecdf.min(), ecdf.max()), (0.0, 9999.0));
        assert!(ecdf.resolution() < 1.0 / 99.0, "{}", ecdf.resolution());
        assert!((ecdf.quantile(0.5) - 5000.0).abs() <= 100.0);
    }

    #[test]
    fn shares_are_exact_at_kept_values_and_straight_between() {
        let few = Ecdf::from_values(&[1.0, 3.0, 3.0, 4.0], 8).unwrap();
        for (value, share) in [(0.9, 0.0), (1.0, 0.25), (2.9, 0.25), (3.0, 0.75), (9.0, 1.0)] {
            assert_eq!(few.share_up_to(value), share, "at {value}");
        }
        let values: Vec<f64> = (0..=1000).map(f64::from).collect();
        let thinned = Ecdf::from_values(&values, 11).unwrap();
        assert!((thinned.share_up_to(333.0) - 0.333).abs() < 0.002);
    }

    #[test]
    fn a_common_value_survives_the_thinning() {
        let mut values: Vec<f64> = (0..5_000).map(|i| f64::from(i) + 0.5).collect();
        values.extend(std::iter::repeat_n(100.0, 5_000));
        let ecdf = Ecdf::from_values(&values, 64).unwrap();
        assert!(ecdf.points().contains(&Point { value: 100.0, below: 100, up_to: 5_100 }));
    }

    #[test]
    fn what_is_not_a_sample_is_refused() {
        assert!(matches!(Ecdf::from_values(&[], 8), Err(Error::TooFew { .. })));
        let nan = Ecdf::from_values(&[1.0, f64::NAN], 8);
        assert_eq!(nan, Err(Error::NotFinite { what: "sample", position: 1 }));
        assert!(Ecdf::from_values(&[1.0], 1).is_err());
    }

    #[test]
    fn a_stored_distribution_must_not_contradict_itself() {
        let points = |points: &[(f64, u64, u64)], records| {
            let points = points.iter().map(|&point| point.into()).collect();
            Ecdf::try_from(Stored { records, points })
        };
        assert!(points(&[(0.0, 0, 3), (2.0, 4, 5)], 5).is_ok());
        assert!(points(&[], 0).is_err());
        assert!(points(&[(0.0, 0, 3), (2.0, 4, 5)], 6).is_err());
        assert!(points(&[(0.0, 1, 3)], 3).is_err());
        assert!(points(&[(0.0, 0, 0), (1.0, 0, 3)], 3).is_err());
        assert!(points(&[(2.0, 0, 3), (1.0, 3, 4)], 4).is_err());
        assert!(points(&[(0.0, 0, 3), (1.0, 2, 4)], 4).is_err());
    }
}
