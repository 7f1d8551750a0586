//! One promise for many metrics: the chance of any false alarm among all of them is at most alpha.

use serde::{Deserialize, Serialize};

use crate::error::{Error, open_unit};

/// A metric that may raise the alarm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// Its name, as reports tell it.
    pub name: String,
    /// How much of alpha it is worth, relative to the other metrics; above 0.
    pub weight: f64,
    /// Slices (values of a feature or header) that may each raise the alarm on their own.
    pub slices: usize,
}

/// What one metric, or one of its slices, may spend.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// The metric.
    pub name: String,
    /// The false-alarm rate of the metric over all records.
    pub overall: f64,
    /// The false-alarm rate of each of its slices; 0 without slices.
    pub slice: f64,
}

/// Half of a metric's part goes to its slices, when it has any.
const SLICES: f64 = 0.5;

/// Shares `alpha` over the metrics in proportion to their weights, and within a metric half to the
/// whole stream and half evenly to its slices. The parts add up to alpha (Bonferroni), so the
/// promise holds however the metrics depend on each other and whenever each is looked at.
///
/// Metrics that only inform (that cannot raise the alarm) need no part: leave them out.
///
/// # Errors
/// [`Error::OutOfRange`] for an alpha outside (0, 1) or a weight that is not above 0 and finite;
/// [`Error::TooFew`] without metrics.
pub fn share(alpha: f64, metrics: &[Metric]) -> Result<Vec<Share>, Error> {
    open_unit("alpha", alpha)?;
    if metrics.is_empty() {
        return Err(Error::TooFew { what: "metrics", given: 0, needed: 1 });
    }
    for metric in metrics {
        if !(metric.weight > 0.0 && metric.weight.is_finite()) {
            let must = "above 0 and finite";
            return Err(Error::OutOfRange { what: "weight", value: metric.weight, must });
        }
    }
    let all: f64 = metrics.iter().map(|metric| metric.weight).sum();
    let share = |metric: &Metric| {
        let part = alpha * metric.weight / all;
        let (overall, slice) = match metric.slices {
            0 => (part, 0.0),
            slices => (part * (1.0 - SLICES), part * SLICES / slices as f64),
        };
        Share { name: metric.name.clone(), overall, slice }
    };
    Ok(metrics.iter().map(share).collect())
}

/// Which of several hypotheses e-values reject so that the expected part of false ones among the
/// rejected is at most `alpha`: with the values sorted from the largest, the k largest where k is
/// the greatest number with `e_(k) >= n / (alpha k)`. For reports on many slices or features, where
/// a few false findings among true ones do no harm; an alarm uses [`share`].
///
/// Holds for any dependence. Takes and returns in the order given; e-values as logarithms.
/// Source: Wang and Ramdas, "False discovery rate control with e-values", JRSS B 2022.
pub fn e_benjamini_hochberg(log_e: &[f64], alpha: f64) -> Vec<bool> {
    let mut sorted = log_e.to_vec();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    let n = log_e.len() as f64;
    let limit = (1..=sorted.len())
        .rev()
        .map(|k| (k, (n / (alpha * k as f64)).ln()))
        .find(|&(k, needed)| sorted[k - 1] >= needed)
        .map_or(f64::INFINITY, |(_, needed)| needed);
    log_e.iter().map(|&value| value >= limit).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::testing::assert_close;

    fn metric(name: &str, weight: f64, slices: usize) -> Metric {
        Metric { name: name.to_owned(), weight, slices }
    }

    #[test]
    fn the_parts_add_up_to_alpha() {
        let metrics =
            [metric("errors", 2.0, 0), metric("failures", 1.0, 4), metric("latency", 1.0, 0)];
        let shares = share(0.05, &metrics).unwrap();
        assert_close(shares[0].overall, 0.025, 1e-15);
        assert_close(shares[1].overall, 0.00625, 1e-15);
        assert_close(shares[1].slice, 0.0015625, 1e-15);
        let spent: f64 = shares
            .iter()
            .zip(&metrics)
            .map(|(share, metric)| share.overall + share.slice * metric.slices as f64)
            .sum();
        assert_close(spent, 0.05, 1e-15);
    }

    #[test]
    fn refuses_what_cannot_be_shared() {
        assert!(share(0.05, &[]).is_err());
        assert!(share(1.0, &[metric("errors", 1.0, 0)]).is_err());
        assert!(share(0.05, &[metric("errors", 0.0, 0)]).is_err());
    }

    #[test]
    fn findings_help_each_other() {
        let log = |values: [f64; 4]| values.map(f64::ln);
        // 4 / 0.05 = 80 for one finding, 40 each for two.
        assert_eq!(e_benjamini_hochberg(&log([79.0, 1.0, 2.0, 1.0]), 0.05), [false; 4]);
        let two = e_benjamini_hochberg(&log([45.0, 1.0, 41.0, 1.0]), 0.05);
        assert_eq!(two, [true, false, true, false]);
        assert!(e_benjamini_hochberg(&[], 0.05).is_empty());
    }
}
