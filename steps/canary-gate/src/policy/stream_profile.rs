//! What the champion's past teaches of the stream, before the canary: how much there is, how often it fails, and
//! whether its failures come alone. Pure; `past` reads it.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use kafka::Window;
use serde::{Deserialize, Serialize};
use stats::cluster::{Aggregation, KeyWeights, extra_variance};
use stats::exact;

use crate::Strategy;
use crate::policy::meeting::Before;
use crate::policy::metrics::held::Heads;
use crate::policy::metrics::spec::{Metric, Of};
use crate::policy::plan::Plan;

/// An answer that the champion gave before the canary.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LabelledPrediction {
    /// Hash of the record's id.
    pub(crate) id: u64,
    /// Hash of its key.
    pub(crate) key: u64,
    /// Milliseconds since 1970.
    pub(crate) at_ms: i64,
    /// Whether it differed from its label; `None` where that cannot be said.
    pub(crate) wrong: Option<bool>,
    pub(crate) heads: Heads,
}

/// What the topics say of the time before the canary.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// The champion's answers that met a label, in the order of their time.
    pub(crate) answers: Vec<LabelledPrediction>,
    /// What all its answers said, labelled or not, as many of the newest.
    pub(crate) own: Vec<Heads>,
    /// How labels and answers met, whoever had answered.
    pub(crate) before: Before,
    pub(crate) predictions: Window,
    pub(crate) labels: Window,
    /// The records that were answered, with their times; empty where it is known how labels find them.
    pub(crate) ids: Ids,
}

/// When records were answered (milliseconds since 1970), by the hash of their id.
pub(crate) type Ids = HashMap<u64, i64>;

/// What was learnt. It goes into the journal, so that a replay judges by the same boundaries.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) struct StreamProfile {
    /// Labelled answers that were read, and the seconds between the first and the last of them.
    pub(crate) answers: u64,
    #[serde(with = "exact")]
    pub(crate) seconds: f64,
    /// Of each metric, in their order.
    pub(crate) tracks: Vec<MetricProfile>,
    /// Where it was read.
    pub(crate) predictions: Window,
    pub(crate) labels: Window,
    /// Where the features topic is read from, if something is sliced.
    pub(crate) features_from: Option<BTreeMap<i32, i64>>,
    /// How labels and answers met.
    #[serde(default)]
    pub(crate) before: Before,
}

/// What was learnt of one metric.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) struct MetricProfile {
    /// Events for each labelled answer; 0 where none was seen.
    #[serde(with = "exact")]
    pub(crate) base_rate: f64,
    pub(crate) aggregation: Aggregation,
    /// See [`stats::cluster::extra_variance`].
    #[serde(with = "exact")]
    pub(crate) extra_variance: f64,
    /// Answers of the champion, labelled or not, and those of them that the metric could not judge.
    #[serde(default)]
    pub(crate) own: u64,
    #[serde(default)]
    pub(crate) unfit: u64,
}

impl Default for MetricProfile {
    /// Nothing: then keys are counted, which is always sound.
    fn default() -> Self {
        Self {
            base_rate: 0.0,
            aggregation: Aggregation::ByKey,
            extra_variance: 0.0,
            own: 0,
            unfit: 0,
        }
    }
}

impl MetricProfile {
    /// Failures of one key less than this apart count once: in a blue-green switch all of them where keys are counted,
    /// since each side of a pair has keys of its own.
    pub(crate) fn burst(&self, plan: &Plan) -> Duration {
        match (plan.strategy, self.aggregation) {
            (Strategy::BlueGreen, Aggregation::ByKey) => Duration::MAX,
            _ => plan.burst,
        }
    }
}

impl StreamProfile {
    /// From the champion's past, in the order of its time: its labelled answers, and what all of them said.
    pub(crate) fn of(plan: &Plan, history: &History) -> Self {
        let past = history.answers.as_slice();
        let seconds = match past {
            [first, .., last] => (last.at_ms - first.at_ms) as f64 / 1000.0,
            _ => 0.0,
        };
        let track = |metric: &Metric| {
            let profile = match metric.of {
                Of::LabelErrors => learn(past, plan.batch(), |past| past.wrong),
                Of::Latency => {
                    let slo = metric.slo_us().unwrap_or(u64::MAX);
                    learn(past, plan.batch(), |past| past.heads.took_us.map(|took| took > slo))
                }
                Of::Failures | Of::Events | Of::Loss | Of::Score | Of::Promql => {
                    MetricProfile::default()
                }
            };
            let unfit = history.own.iter().filter(|heads| metric.unfit(**heads).is_some());
            MetricProfile { own: history.own.len() as u64, unfit: unfit.count() as u64, ..profile }
        };
        Self {
            answers: past.len() as u64,
            seconds,
            tracks: plan.metrics.iter().map(track).collect(),
            predictions: history.predictions.clone(),
            labels: history.labels.clone(),
            features_from: None,
            before: history.before.clone(),
        }
    }

    /// Nothing is known, as on a stream without labels.
    #[cfg(test)]
    pub(crate) fn nothing(plan: &Plan) -> Self {
        Self::of(plan, &History::default())
    }

    /// Labelled answers a second; `None` where too little was seen to say.
    pub(crate) fn rate(&self) -> Option<f64> {
        (self.answers >= MIN_ANSWERS && self.seconds >= MIN_SPAN.as_secs_f64())
            .then(|| self.answers as f64 / self.seconds)
    }

    /// Whether the stream is known well enough to refuse a plan for it.
    pub(crate) fn is_known(&self) -> bool {
        self.rate().is_some() && self.seconds >= KNOWN_AFTER.as_secs_f64()
    }

    /// What was learnt of label errors, if they are a metric.
    pub(crate) fn label_errors(&self, plan: &Plan) -> MetricProfile {
        let place = plan.metrics.iter().position(|metric| metric.of == Of::LabelErrors);
        place.map_or_else(MetricProfile::default, |place| self.tracks[place].clone())
    }

    /// About how many labelled answers the canary will see.
    pub(crate) fn values_expected(&self, plan: &Plan) -> u64 {
        let usual = plan.shares.len() as f64 * plan.min_step_time.as_secs_f64();
        self.rate().map_or(10_000, |rate| ((rate * usual) as u64).clamp(1_000, 1_000_000))
    }
}

/// A past that is shorter says nothing of the traffic.
const MIN_SPAN: Duration = Duration::from_secs(2);
const MIN_ANSWERS: u64 = 200;
/// A stream that has just begun may still be slow.
const KNOWN_AFTER: Duration = Duration::from_secs(10);

/// What is learnt of events; `is_event` says nothing of an answer that cannot be judged.
fn learn(
    past: &[LabelledPrediction],
    batch: Duration,
    is_event: impl Fn(&LabelledPrediction) -> Option<bool>,
) -> MetricProfile {
    let mut keys = KeyWeights::default();
    let batch_ms = i64::try_from(batch.as_millis()).unwrap_or(i64::MAX).max(1);
    let first = past.first().map_or(0, |past| past.at_ms);
    let batches = past.last().map_or(0, |last| (last.at_ms - first) / batch_ms);
    // The last one is not full.
    let mut counts = vec![0u64; usize::try_from(batches).unwrap_or(0)];
    let (mut events, mut judged) = (0u64, 0u64);
    for past in past {
        let Some(is_event) = is_event(past) else { continue };
        judged += 1;
        if !is_event {
            continue;
        }
        events += 1;
        keys.observe(past.key);
        let place = usize::try_from((past.at_ms - first) / batch_ms).ok();
        if let Some(count) = place.and_then(|place| counts.get_mut(place)) {
            *count += 1;
        }
    }
    let base_rate = if judged == 0 { 0.0 } else { events as f64 / judged as f64 };
    MetricProfile {
        base_rate,
        aggregation: Aggregation::from_history(&keys),
        extra_variance: extra_variance(&counts),
        ..MetricProfile::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(n: u64, key: u64, wrong: bool) -> LabelledPrediction {
        let hash = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let heads = Heads { took_us: Some(n % 100), ..Heads::default() };
        LabelledPrediction { id: hash, key, at_ms: n as i64 * 10, wrong: Some(wrong), heads }
    }

    fn mixed(n: u64) -> u64 {
        n.wrapping_mul(0xd1b5_4a32_d192_ed03) ^ (n << 7)
    }

    #[test]
    fn rates_come_from_the_past_and_nothing_from_none() {
        let plan = Plan::for_tests();
        let answers: Vec<LabelledPrediction> =
            (0..5000).map(|n| past(n, mixed(n), n % 10 == 0)).collect();
        let profile = StreamProfile::of(&plan, &History { answers, ..History::default() });
        assert_eq!(profile.rate().map(f64::round), Some(100.0));
        assert!((profile.tracks[0].base_rate - 0.1).abs() < 1e-9);
        assert_eq!(profile.tracks[0].aggregation, Aggregation::ByRecord);
        let nothing = StreamProfile::nothing(&plan);
        assert_eq!((nothing.rate(), nothing.tracks[0].base_rate), (None, 0.0));
        assert_eq!(nothing.tracks[0].aggregation, Aggregation::ByKey);
    }

    #[test]
    fn keys_that_fail_again_are_counted_by_key() {
        let plan = Plan::for_tests();
        let answers: Vec<LabelledPrediction> =
            (0..5000).map(|n| past(n, mixed(n % 50), n % 10 == 0)).collect();
        let profile = StreamProfile::of(&plan, &History { answers, ..History::default() });
        assert_eq!(profile.tracks[0].aggregation, Aggregation::ByKey);
    }
}
