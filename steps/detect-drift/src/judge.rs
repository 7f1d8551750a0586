//! Which features moved: pure.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::drift::{
    DEFAULT_BINS, PsiBins, jensen_shannon_distance, ks_against, ks_limit, mean_shift, moments,
    smoothed,
};

use crate::onset::{self, Stretch};
use crate::profile::{Feature, Profile};
use crate::sample::Sample;
use crate::shape::{self, Shape};

/// What counts as drift.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The chance of any feature counting as moved where none did.
    pub(crate) alpha: f64,
    pub(crate) ks_minimum: f64,
    pub(crate) psi_minimum: f64,
    pub(crate) stretch: usize,
}

/// What was found over the whole window.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Judgement {
    /// Readable records of the window.
    pub(crate) records: u64,
    /// Records of the baseline.
    pub(crate) baseline_records: u64,
    /// The part of alpha that each test of each feature has.
    pub(crate) alpha_each: f64,
    pub(crate) features: Vec<Judged>,
}

/// What was found of one feature.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Judged {
    pub(crate) name: String,
    pub(crate) moved: bool,
    /// The Kolmogorov-Smirnov distance, its limit and its p-value.
    pub(crate) ks: f64,
    pub(crate) ks_limit: f64,
    pub(crate) ks_p: f64,
    /// The value at which the two distribution functions differ most.
    pub(crate) ks_at: f64,
    /// The population stability index and its limit.
    pub(crate) psi: f64,
    pub(crate) psi_limit: f64,
    /// The Jensen-Shannon distance, base 2: a description, without a limit.
    pub(crate) jensen_shannon: f64,
    pub(crate) baseline_mean: f64,
    pub(crate) mean: f64,
    /// In standard deviations of the baseline; absent when the baseline is constant.
    pub(crate) mean_shift: Option<f64>,
    /// Where it moved, stretch by stretch; empty when it did not.
    pub(crate) stretches: Vec<Stretch>,
    /// The first offset of each partition from where it had moved.
    pub(crate) since: Vec<Since>,
    /// Nothing where it did not move, or where others moved farther.
    pub(crate) shape: Option<Shape>,
}

/// From where on a feature had moved on one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Since {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    /// False when no single stretch shows the drift, only the window as a whole; the offset is then the
    /// window's first.
    pub(crate) located: bool,
}

impl Judged {
    /// The larger of both statistics over its limit: above 1 when the feature moved.
    pub(crate) fn excess(&self) -> f64 {
        // A limit of 0 is left by any difference at all.
        let over = |value: f64, limit: f64| if value == 0.0 { 0.0 } else { value / limit };
        over(self.ks, self.ks_limit).max(over(self.psi, self.psi_limit))
    }
}

impl Judgement {
    /// The features that moved.
    pub(crate) fn moved(&self) -> impl Iterator<Item = &Judged> {
        self.features.iter().filter(|feature| feature.moved)
    }

    /// The same, those first that moved farthest.
    pub(crate) fn farthest(&self) -> Vec<&Judged> {
        let mut moved: Vec<&Judged> = self.moved().collect();
        moved.sort_by(|one, other| other.excess().total_cmp(&one.excess()));
        moved
    }

    /// The first offset of each partition from where any feature had moved.
    pub(crate) fn since(&self) -> Vec<(i32, i64)> {
        let mut first = std::collections::BTreeMap::new();
        for since in self.moved().flat_map(|feature| &feature.since) {
            let offset = first.entry(since.partition).or_insert(since.offset);
            *offset = since.offset.min(*offset);
        }
        first.into_iter().collect()
    }
}

/// Judges a window with at least one readable record; baseline and sample have the same fields in the same order.
///
/// Alpha is shared equally by all features and both tests (Bonferroni): whatever the features have to do with
/// each other, the chance that any of them counts as moved where none did is at most alpha.
pub(crate) fn judge(
    baseline: &Profile,
    sample: &Sample,
    limits: &Limits,
) -> Result<Judgement, stats::Error> {
    let width = baseline.features.len();
    let alpha_each = limits.alpha / (2 * width) as f64;
    let feature = |(index, feature): (usize, &Feature)| {
        let rule = Rule::new(feature, limits, alpha_each)?;
        rule.judge(sample, index, width)
    };
    let features = baseline.features.iter().enumerate().map(feature);
    let mut features = features.collect::<Result<Vec<_>, _>>()?;
    shape::of_moved(&mut features, baseline, sample);
    Ok(Judgement {
        records: sample.readable(),
        baseline_records: baseline.records,
        alpha_each,
        features,
    })
}

/// The two tests of one feature, ready for any window.
pub(crate) struct Rule<'a> {
    feature: &'a Feature,
    bins: PsiBins,
    limits: &'a Limits,
    alpha: f64,
}

/// The two statistics of a window beside their limits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub(crate) ks: stats::drift::KsTest,
    pub(crate) ks_limit: f64,
    pub(crate) psi: f64,
    pub(crate) psi_limit: f64,
}

impl Reading {
    pub(crate) fn moved(&self) -> bool {
        self.ks.statistic > self.ks_limit || self.psi > self.psi_limit
    }
}

impl<'a> Rule<'a> {
    pub(crate) fn new(
        feature: &'a Feature,
        limits: &'a Limits,
        alpha: f64,
    ) -> Result<Self, stats::Error> {
        let bins = PsiBins::new(&feature.distribution, DEFAULT_BINS)?;
        Ok(Self { feature, bins, limits, alpha })
    }

    /// Reads both statistics; `looks` is how many windows share this test's alpha.
    pub(crate) fn read(&self, values: &[f64], looks: usize) -> Result<Reading, stats::Error> {
        let (n, m) = (self.feature.distribution.records(), values.len() as u64);
        let alpha = self.alpha / looks.max(1) as f64;
        Ok(Reading {
            ks: ks_against(&self.feature.distribution, values)?,
            ks_limit: ks_limit(n, m, alpha, self.limits.ks_minimum)?,
            psi: self.bins.psi(values)?,
            psi_limit: self.bins.limit(m, alpha, self.limits.psi_minimum)?,
        })
    }

    fn judge(&self, sample: &Sample, index: usize, width: usize) -> Result<Judged, stats::Error> {
        let values = sample.column(index, width);
        let reading = self.read(&values, 1)?;
        let (stretches, since) = match reading.moved() {
            true => onset::locate(self, sample, index, width, self.limits.stretch)?,
            false => (Vec::new(), Vec::new()),
        };
        let window = moments(&values)?;
        Ok(Judged {
            name: self.feature.name.clone(),
            moved: reading.moved(),
            ks: reading.ks.statistic,
            ks_limit: reading.ks_limit,
            ks_p: reading.ks.p_value,
            ks_at: reading.ks.at,
            psi: reading.psi,
            psi_limit: reading.psi_limit,
            jensen_shannon: jensen_shannon_distance(
                &smoothed(self.bins.baseline_counts()),
                &smoothed(&self.bins.count(&values)?),
            ),
            baseline_mean: self.feature.moments.mean,
            mean: window.mean,
            mean_shift: mean_shift(self.feature.moments, window),
            stretches,
            since,
            shape: None,
        })
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
