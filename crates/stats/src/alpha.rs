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
}
