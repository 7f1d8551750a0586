//! What a feature looks like now and before: pure.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::judge::Judged;
use crate::profile::Profile;
use crate::sample::Sample;

/// So many of the moved features have their shape in the record, the worst first.
const MAX_SHAPES: usize = 8;
const BINS: usize = 32;

/// Both distributions over bins of one width, in records a bin; the outermost bins gather what lies beyond.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shape {
    /// One more than there are bins.
    pub(crate) edges: Vec<f64>,
    pub(crate) baseline: Vec<f64>,
    pub(crate) window: Vec<f64>,
}

/// Gives the features that moved farthest their shapes.
pub(crate) fn of_moved(features: &mut [Judged], baseline: &Profile, sample: &Sample) {
    let width = features.len();
    let mut moved: Vec<(usize, &mut Judged)> =
        features.iter_mut().enumerate().filter(|(_, feature)| feature.moved).collect();
    moved.sort_by(|(_, one), (_, other)| other.excess().total_cmp(&one.excess()));
    for (index, feature) in moved.into_iter().take(MAX_SHAPES) {
        feature.shape = Some(Shape::of(baseline, sample, index, width));
    }
}

impl Shape {
    fn of(baseline: &Profile, sample: &Sample, feature: usize, width: usize) -> Self {
        let before = &baseline.features[feature].distribution;
        let mut now = sample.column(feature, width);
        now.sort_unstable_by(f64::total_cmp);
        // The outermost hundredth on either side may lie far out; the first and last bin gather it.
        let at = |share: f64| now[((now.len() - 1) as f64 * share) as usize];
        let low = before.quantile(0.005).min(at(0.005));
        let high = before.quantile(0.995).max(at(0.995));
        // Whole numbers stay in the middle of their bins.
        let low = low - 0.5;
        let step = ((high + 0.5 - low) / BINS as f64).max(f64::MIN_POSITIVE);
        let step = if step > 0.5 { step.ceil() } else { step };
        let edges: Vec<f64> = (0..=BINS).map(|edge| low + step * edge as f64).collect();
        let inner = &edges[1..BINS];
        let parts = |share: &dyn Fn(f64) -> f64, records: f64| -> Vec<f64> {
            let shares = inner.iter().map(|edge| share(*edge)).chain([1.0]);
            let parts =
                shares.scan(0.0, |last, share| Some(share - std::mem::replace(last, share)));
            parts.map(|part| part * records).collect()
        };
        let records = now.len() as f64;
        let up_to = |edge: f64| now.partition_point(|value| *value <= edge) as f64 / records;
        Self {
            baseline: parts(&|edge| before.share_up_to(edge), before.records() as f64),
            window: parts(&up_to, records),
            edges,
        }
    }
}
