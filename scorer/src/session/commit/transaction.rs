//! What one transaction holds, and how it is accounted for once it is committed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use stream::Variant;

use crate::answering::ask::ModelAnswer;
use crate::answering::batch::{Batch, Reject};
use crate::answering::plan::Plan;
use crate::observe::metrics::Metrics;

/// The open transaction.
pub(crate) struct Transaction {
    plan: Arc<Plan>,
    since: Instant,
    records: usize,
    next: BTreeMap<i32, i64>,
    by_champion: u64,
    by_candidate: u64,
    fallbacks: u64,
    /// The times of its records.
    times: Vec<i64>,
    dead: BTreeMap<&'static str, u64>,
}

impl Transaction {
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        Self {
            plan,
            since: Instant::now(),
            records: 0,
            next: BTreeMap::new(),
            by_champion: 0,
            by_candidate: 0,
            fallbacks: 0,
            times: Vec::new(),
            dead: BTreeMap::new(),
        }
    }

    /// A prediction was sent.
    pub(crate) fn answered(&mut self, answer: &ModelAnswer) {
        match answer.variant {
            Variant::Champion => self.by_champion += 1,
            Variant::Candidate => self.by_candidate += 1,
        }
        self.fallbacks += u64::from(answer.fallback.is_some());
    }

    /// A dead letter was sent.
    pub(crate) fn dead(&mut self, reject: &Reject) {
        *self.dead.entry(reject.class).or_default() += 1;
    }

    /// Every record of `batch` was sent, as one or the other.
    pub(crate) fn sent(&mut self, batch: &Batch) {
        self.records += batch.len();
        self.times.extend(batch.timestamps());
        // Offsets only grow within a session.
        self.next.extend(batch.next_offsets());
    }

    pub(crate) fn records(&self) -> usize {
        self.records
    }

    /// By partition, the offset to go on from.
    pub(crate) fn next_offsets(&self) -> &BTreeMap<i32, i64> {
        &self.next
    }

    /// It is committed.
    pub(crate) fn account(&self, metrics: &Metrics) {
        metrics.transaction.observe(self.since.elapsed().as_secs_f64());
        metrics.latency.observe(&self.times, jiff::Timestamp::now().as_millisecond());
        let route = &self.plan.route;
        if self.by_champion > 0 {
            let digest = &route.champion.digest;
            metrics.answered(Variant::Champion.as_str(), digest, self.by_champion);
        }
        if let Some(candidate) = route.candidate.as_ref().filter(|_| self.by_candidate > 0) {
            let digest = &candidate.model.digest;
            metrics.answered(Variant::Candidate.as_str(), digest, self.by_candidate);
        }
        for (class, count) in &self.dead {
            metrics.dead(class, *count);
        }
        for (partition, next) in &self.next {
            metrics.position(*partition, *next);
        }
        metrics.fallbacks.inc_by(self.fallbacks);
        self.plan.fallbacks.fetch_add(self.fallbacks, Ordering::Relaxed);
    }
}
