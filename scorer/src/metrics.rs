//! What Prometheus is told.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

type Labels = Vec<(&'static str, String)>;

/// The scorer's metrics; every name begins with `headgate_scorer_`.
pub(crate) struct Metrics {
    registry: Registry,
    records: Family<Labels, Counter>,
    dead_letters: Family<Labels, Counter>,
    lag: Family<Labels, Gauge>,
    routes_passed_over: Family<Labels, Counter>,
    model_loads: Family<Labels, Counter>,
    /// Next offset to answer, by partition.
    positions: Mutex<HashMap<i32, i64>>,
    pub(crate) fallbacks: Counter,
    pub(crate) batch: Histogram,
    pub(crate) transaction: Histogram,
    pub(crate) switch: Histogram,
    pub(crate) restarts: Counter,
    pub(crate) generation: Gauge,
    pub(crate) share: Gauge<f64, AtomicU64>,
}

impl Metrics {
    pub(crate) fn new(stream: &str) -> Self {
        let labels = [("stream".into(), stream.to_owned().into())];
        let registry = Registry::with_prefix_and_labels("headgate_scorer", labels.into_iter());
        let seconds = || Histogram::new(exponential_buckets(0.001, 2.0, 15));
        let mut metrics = Self {
            registry,
            records: Family::default(),
            dead_letters: Family::default(),
            lag: Family::default(),
            routes_passed_over: Family::default(),
            model_loads: Family::default(),
            positions: Mutex::default(),
            fallbacks: Counter::default(),
            batch: Histogram::new(exponential_buckets(1.0, 2.0, 15)),
            transaction: seconds(),
            switch: seconds(),
            restarts: Counter::default(),
            generation: Gauge::default(),
            share: Gauge::default(),
        };
        metrics.register();
        metrics
    }

    /// `count` records answered by `variant` with `model`, and committed.
    pub(crate) fn answered(&self, variant: &str, model: &str, count: u64) {
        let labels = vec![("variant", variant.to_owned()), ("model", model.to_owned())];
        self.records.get_or_create(&labels).inc_by(count);
    }

    /// `count` dead letters of one class of reasons, committed.
    pub(crate) fn dead(&self, reason: &str, count: u64) {
        self.dead_letters.get_or_create(&vec![("reason", reason.to_owned())]).inc_by(count);
    }

    /// A route that was not taken.
    pub(crate) fn passed_over(&self, why: &str) {
        self.routes_passed_over.get_or_create(&vec![("why", why.to_owned())]).inc();
    }

    pub(crate) fn loaded(&self, result: &str) {
        self.model_loads.get_or_create(&vec![("result", result.to_owned())]).inc();
    }

    /// Answers up to `next` are committed.
    pub(crate) fn position(&self, partition: i32, next: i64) {
        let mut positions = self.positions.lock().unwrap_or_else(PoisonError::into_inner);
        positions.insert(partition, next);
    }

    /// The broker has committed records up to `end`.
    pub(crate) fn end(&self, partition: i32, end: i64) {
        let positions = self.positions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(next) = positions.get(&partition) {
            let labels = vec![("partition", partition.to_string())];
            self.lag.get_or_create(&labels).set((end - next).max(0));
        }
    }

    /// The partition belongs to another scorer now.
    pub(crate) fn gone(&self, partition: i32) {
        let mut positions = self.positions.lock().unwrap_or_else(PoisonError::into_inner);
        positions.remove(&partition);
        self.lag.remove(&vec![("partition", partition.to_string())]);
    }

    /// The text that Prometheus scrapes.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a string cannot fail.
        let _written = encode(&mut text, &self.registry);
        text
    }

    fn register(&mut self) {
        let to = &mut self.registry;
        to.register("records", "Records answered, by variant and model", self.records.clone());
        to.register("dead_letters", "Records that got no answer", self.dead_letters.clone());
        to.register(
            "fallbacks",
            "Records of the candidate that the champion answered",
            self.fallbacks.clone(),
        );
        to.register("lag_records", "Records not answered yet, by partition", self.lag.clone());
        to.register("batch_records", "Records in a batch", self.batch.clone());
        to.register("transaction_seconds", "From begin to commit", self.transaction.clone());
        to.register("generation", "Generation of the route in force", self.generation.clone());
        to.register("share", "The candidate's share", self.share.clone());
        to.register(
            "route_switch_seconds",
            "From seeing a route to having it in force, loading included",
            self.switch.clone(),
        );
        to.register(
            "routes_passed_over",
            "Routes that were not taken",
            self.routes_passed_over.clone(),
        );
        to.register("model_loads", "Models loaded or not", self.model_loads.clone());
        to.register(
            "session_restarts",
            "Consumer and producer replaced after a fault",
            self.restarts.clone(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_what_alerts_and_dashboards_ask_for() {
        let metrics = Metrics::new("shuttle");
        metrics.answered("champion", "sha256:1", 3);
        metrics.dead("not-json", 1);
        metrics.position(4, 90);
        metrics.end(4, 100);
        metrics.end(5, 100);
        metrics.share.set(0.25);
        let text = metrics.text();
        for line in [
            r#"headgate_scorer_records_total{stream="shuttle",variant="champion",model="sha256:1"} 3"#,
            r#"headgate_scorer_dead_letters_total{stream="shuttle",reason="not-json"} 1"#,
            r#"headgate_scorer_lag_records{stream="shuttle",partition="4"} 10"#,
            r#"headgate_scorer_share{stream="shuttle"} 0.25"#,
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert!(!text.contains(r#"partition="5""#));
        metrics.gone(4);
        assert!(!metrics.text().contains(r#"partition="4""#));
    }
}
