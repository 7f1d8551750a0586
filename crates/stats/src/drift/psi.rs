//! The population stability index, with bins that fit discrete features and a limit that knows n.

use super::ecdf::{Ecdf, Point};
use crate::error::{Error, finite_sample, open_unit};
use crate::special::chi_squared_quantile;

/// Bins that a continuous feature is cut into when nothing else is asked for.
pub const DEFAULT_BINS: usize = 10;

/// Bins that a baseline fixes, with the number of its records in each.
///
/// A value that holds at least its share of the records (1 / bins) is a bin of its own; the others
/// are gathered in rank order until a share is full. The outermost bins are open, so a value never
/// seen before falls into the nearest one. A constant feature gets three bins: below it, it, above.
#[derive(Debug, Clone, PartialEq)]
pub struct PsiBins {
    cuts: Vec<Cut>,
    counts: Vec<u64>,
}

/// A place between two bins: directly before or directly after a value.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Cut {
    value: f64,
    /// Whether the value itself still belongs to the lower bin.
    after: bool,
    /// Records of the baseline below the cut.
    rank: u64,
}

impl PsiBins {
    /// Cuts a baseline into about `bins` (at least 2) bins; at most twice as many when values with
    /// a full share alternate with others.
    pub fn new(baseline: &Ecdf, bins: usize) -> Result<Self, Error> {
        if bins < 2 {
            return Err(Error::TooFew { what: "bins", given: bins, needed: 2 });
        }
        let cuts = cuts(baseline, bins);
        let ranks = cuts.iter().map(|cut| cut.rank).chain([baseline.records()]);
        let counts = ranks.scan(0, |last, rank| Some(rank - std::mem::replace(last, rank)));
        let counts = counts.collect();
        Ok(Self { cuts, counts })
    }

    /// Records of the baseline in each bin, from the lowest values to the highest.
    pub fn baseline_counts(&self) -> &[u64] {
        &self.counts
    }

    /// Records of a window in each bin.
    ///
    /// # Errors
    /// [`Error::TooFew`] for an empty window, [`Error::NotFinite`] for NaN and infinities.
    pub fn count(&self, window: &[f64]) -> Result<Vec<u64>, Error> {
        finite_sample("window", window, 1)?;
        let mut counts = vec![0; self.counts.len()];
        for &value in window {
            let passed = |cut: &Cut| if cut.after { value > cut.value } else { value >= cut.value };
            counts[self.cuts.partition_point(passed)] += 1;
        }
        Ok(counts)
    }

    /// The index of a window against the baseline, both smoothed (see [`smoothed`]).
    ///
    /// # Errors
    /// As for [`PsiBins::count`].
    pub fn psi(&self, window: &[f64]) -> Result<f64, Error> {
        Ok(psi(&smoothed(&self.counts), &smoothed(&self.count(window)?)))
    }

    /// [`psi_limit`] for these bins and a window of `m` records.
    ///
    /// # Errors
    /// As for [`psi_limit`].
    pub fn limit(&self, m: u64, alpha: f64, practical: f64) -> Result<f64, Error> {
        psi_limit(self.counts.len(), self.counts.iter().sum(), m, alpha, practical)
    }

    /// The lower ends of all bins but the first, for axis labels.
    pub fn edges(&self) -> Vec<f64> {
        self.cuts.iter().map(|cut| cut.value).collect()
    }
}

fn cuts(baseline: &Ecdf, bins: usize) -> Vec<Cut> {
    let records = baseline.records();
    let share = records as f64 / bins as f64;
    let before = |point: &Point| Cut { value: point.value, after: false, rank: point.below };
    let after = |point: &Point| Cut { value: point.value, after: true, rank: point.up_to };
    if let [only] = baseline.points() {
        return vec![before(only), after(only)];
    }
    let mut cuts: Vec<Cut> = Vec::new();
    // A cut that would leave an empty bin adds nothing but noise to the index.
    let push = |cuts: &mut Vec<Cut>, cut: Cut| {
        let last = cuts.last().map_or(0, |last| last.rank);
        if cut.rank > last && cut.rank < records {
            cuts.push(cut);
        }
    };
    for point in baseline.points() {
        let is_common = (point.up_to - point.below) as f64 >= share;
        if is_common {
            push(&mut cuts, before(point));
        }
        let filled = point.up_to - cuts.last().map_or(0, |last| last.rank);
        if is_common || filled as f64 >= share {
            push(&mut cuts, after(point));
        }
    }
    cuts
}

/// The population stability index of two lists of proportions over the same bins:
/// `sum (q - p) ln(q / p)`, in nats. Symmetric, 0 when they agree. A bin in which only one of them
/// is 0 makes it infinite, so smooth counts first.
pub fn psi(p: &[f64], q: &[f64]) -> f64 {
    let term = |(p, q): (&f64, &f64)| if p == q { 0.0 } else { (q - p) * (q / p).ln() };
    p.iter().zip(q).map(term).sum()
}

/// Proportions from counts with half a record added to each of the B bins: `(c + 1/2) / (n + B/2)`,
/// so that an empty bin does not make the index infinite (Jeffreys' prior).
pub fn smoothed(counts: &[u64]) -> Vec<f64> {
    let total = counts.iter().sum::<u64>() as f64 + 0.5 * counts.len() as f64;
    counts.iter().map(|&count| (count as f64 + 0.5) / total).collect()
}

/// The index above which a feature counts as moved: the larger of `practical` (0.1 by custom) and
/// what chance exceeds with probability `alpha` for samples of n and m records over B bins.
///
/// Without drift the index is about `chi2_{B-1} (1/n + 1/m)`: the fixed limit 0.1 alone gives 85 %
/// false alarms at n = m = 100, B = 10. Source of the law: Yurdakul and Naranjo, Journal of Risk
/// Model Validation 2020.
///
/// # Errors
/// [`Error`] unless there are 2 bins, both samples hold records and `alpha` is in (0, 1).
pub fn psi_limit(bins: usize, n: u64, m: u64, alpha: f64, practical: f64) -> Result<f64, Error> {
    open_unit("alpha", alpha)?;
    if bins < 2 {
        return Err(Error::TooFew { what: "bins", given: bins, needed: 2 });
    }
    if n == 0 || m == 0 {
        return Err(Error::TooFew { what: "sample", given: 0, needed: 1 });
    }
    let quantile = chi_squared_quantile(1.0 - alpha, (bins - 1) as f64);
    Ok((quantile * (1.0 / n as f64 + 1.0 / m as f64)).max(practical))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::testing::{Random, assert_close};

    fn bins_of(values: &[f64], bins: usize) -> PsiBins {
        PsiBins::new(&Ecdf::from_values(values, 512).unwrap(), bins).unwrap()
    }

    #[test]
    fn proportions_match_the_oracles() {
        assert_close(psi(&[0.5, 0.3, 0.2], &[0.4, 0.35, 0.25]), 0.0411790667, 1e-10);
        let uniform = [0.1; 10];
        let skewed = [0.20, 0.15, 0.12, 0.10, 0.10, 0.08, 0.08, 0.07, 0.05, 0.05];
        assert_close(psi(&uniform, &skewed), 0.1821751130, 1e-10);
        assert_eq!(psi(&[0.0, 1.0], &[0.0, 1.0]), 0.0);
    }

    #[test]
    fn the_limit_matches_the_oracle_and_never_falls_below_the_practical_one() {
        assert_close(psi_limit(10, 1000, 1000, 0.01, 0.0).unwrap(), 0.0433, 5e-5);
        assert_eq!(psi_limit(10, 1000, 1000, 0.01, 0.1).unwrap(), 0.1);
        assert!(psi_limit(10, 100, 100, 0.01, 0.1).unwrap() > 0.4);
        assert!(psi_limit(1, 100, 100, 0.01, 0.1).is_err());
        assert!(psi_limit(10, 0, 100, 0.01, 0.1).is_err());
    }

    #[test]
    fn smoothing_adds_half_a_record_to_each_bin() {
        let proportions = smoothed(&[0, 3]);
        assert_eq!(proportions, [0.5 / 4.0, 3.5 / 4.0]);
    }

    #[test]
    fn continuous_features_get_bins_of_equal_share() {
        let values: Vec<f64> = (0..1000).map(f64::from).collect();
        let ecdf = Ecdf::from_values(&values, 1000).unwrap();
        let bins = PsiBins::new(&ecdf, 10).unwrap();
        assert_eq!(bins.baseline_counts(), [100; 10]);
        assert_eq!(bins.count(&[-5.0, 0.0, 99.0, 100.0, 2e9]).unwrap()[..2], [3, 1]);
        assert!(PsiBins::new(&ecdf, 1).is_err());
    }

    #[test]
    fn common_values_are_bins_of_their_own() {
        // Zero nine times of ten, with a tail on either side.
        let mut values = vec![0.0; 900];
        values.extend((0..50).map(|i| -1.0 - f64::from(i)));
        values.extend((0..50).map(|i| 1.0 + f64::from(i)));
        let bins = bins_of(&values, 10);
        assert_eq!(bins.baseline_counts(), [50, 900, 50]);
        assert_eq!(bins.count(&[-0.5, 0.0, 0.0, 0.1]).unwrap(), [1, 2, 1]);
        let binary = bins_of(&[0.0, 1.0, 1.0, 0.0], 10);
        assert_eq!(binary.baseline_counts(), [2, 2]);
    }

    #[test]
    fn constant_features_have_room_to_move() {
        let bins = bins_of(&[4.0; 1000], 10);
        assert_eq!(bins.baseline_counts(), [0, 1000, 0]);
        let limit = bins.limit(500, 0.001, 0.1).unwrap();
        assert!(bins.psi(&[4.0; 500]).unwrap() < limit);
        for moved in [3.0, 5.0] {
            assert!(bins.psi(&[moved; 500]).unwrap() > 10.0 * limit);
        }
    }

    #[test]
    fn false_alarms_stay_near_alpha_for_real_and_for_integer_features() {
        let draws: [fn(&mut Random) -> f64; 4] = [
            |random| random.normal(),
            |random| (random.normal() * 2.0).round(),
            |random| f64::from(u8::from(random.chance(0.05))),
            |random| if random.chance(0.9) { 0.0 } else { (random.normal() * 20.0).round() },
        ];
        for (kind, draw) in draws.into_iter().enumerate() {
            let mut random = Random::seeded(29);
            let runs = 400;
            let alarms = (0..runs)
                .filter(|_| {
                    let reference: Vec<f64> = (0..1000).map(|_| draw(&mut random)).collect();
                    let window: Vec<f64> = (0..500).map(|_| draw(&mut random)).collect();
                    let bins = bins_of(&reference, 10);
                    bins.psi(&window).unwrap() > bins.limit(500, 0.05, 0.0).unwrap()
                })
                .count();
            // 0.05 of 400 is 20; 33 is three standard errors above.
            assert!(alarms <= 33, "kind {kind}: {alarms} false alarms in {runs}");
        }
    }
}
