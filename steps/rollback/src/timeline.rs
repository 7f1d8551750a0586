//! Who answered when, in a bounded number of spans.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Enough for a plot, however long the bad model answered.
const MAX_SPANS: usize = 300;

/// Answers over time.
#[derive(Debug)]
pub(crate) struct Timeline {
    width_ms: i64,
    /// Start of the span over its width → answers of the bad model, of others.
    spans: BTreeMap<i64, (u64, u64)>,
}

/// Answers a second in the span that begins here.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rate {
    /// Milliseconds since 1970.
    pub(crate) at_ms: i64,
    /// Of the bad model.
    pub(crate) bad: f64,
    pub(crate) others: f64,
}

impl Default for Timeline {
    fn default() -> Self {
        Self { width_ms: 100, spans: BTreeMap::new() }
    }
}

impl Timeline {
    /// An answer at `at_ms` (since 1970).
    pub(crate) fn add(&mut self, at_ms: i64, bad: bool) {
        let span = self.spans.entry(at_ms.div_euclid(self.width_ms)).or_default();
        match bad {
            true => span.0 += 1,
            false => span.1 += 1,
        }
        while self.spans.len() > MAX_SPANS {
            self.widen();
        }
    }

    /// Spans in order.
    pub(crate) fn rates(&self) -> Vec<Rate> {
        let rate = |count: u64| count as f64 * 1_000.0 / self.width_ms as f64;
        let spans = self.spans.iter().map(|(place, (bad, others))| Rate {
            at_ms: place * self.width_ms,
            bad: rate(*bad),
            others: rate(*others),
        });
        spans.collect()
    }

    fn widen(&mut self) {
        self.width_ms *= 2;
        for (place, (bad, others)) in std::mem::take(&mut self.spans) {
            let span = self.spans.entry(place.div_euclid(2)).or_default();
            *span = (span.0 + bad, span.1 + others);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_when_spans_widen() {
        let mut timeline = Timeline::default();
        for n in 0..100_000i64 {
            timeline.add(n * 10, n < 30_000);
        }
        let rates = timeline.rates();
        assert!(rates.len() <= MAX_SPANS && rates.len() > MAX_SPANS / 3, "{}", rates.len());
        assert_eq!((rates[0].bad, rates[0].others), (100.0, 0.0));
        let bad: u64 = timeline.spans.values().map(|span| span.0).sum();
        assert_eq!(bad, 30_000);
    }
}
