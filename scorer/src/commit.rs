//! Writes answers in transactions that carry the input offsets: each feature record is answered exactly once.
//!
//! Four facts about librdkafka shape this file and `delivery.rs`. Its flush, as rdkafka wraps it, waits in steps of 100 ms, so
//! deliveries are drained here before each commit. Its sending thread spins while records that are older than
//! `linger.ms` wait for a request on its way, so they may linger for long and are flushed instead. Its transaction
//! protocol can commit the wrong transaction when an answer is lost, so after any failure no further transaction is
//! begun on this producer: the session ends, and the next one's producer fences whatever is still under way. A queue
//! that is full is polled, not slept on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::{Offset, TopicPartitionList};
use routes::Variant;

use crate::answer::{Answer, Answered};
use crate::batch::{Feature, Reject};
use crate::control::Event;
use crate::delivery::{Deliveries, flush, send};
use crate::group::Group;
use crate::plan::Plan;
use crate::prediction;
use crate::supervise::Shared;

/// What the polling thread asks for, in order.
pub(crate) enum Work {
    Batch(Box<Answered>),
    /// Answers from here on are under this plan.
    Switch(Arc<Plan>),
    /// Finish what is open, then say so.
    Settle(SyncSender<()>),
    /// Finish what is open, then end.
    End,
}

/// A transaction takes what is queued up to this many records, then it is committed. A commit costs a wait whatever its
/// size (some 25 ms by the throughput seen, not timed by itself), so a scorer that is behind needs large ones.
const MOST_RECORDS: usize = 40_000;
/// How long a flush waits before it is looked whether something failed; what arrives ends it at once.
const GLANCE: Duration = Duration::from_millis(50);
/// How long an abort may take that only spares the next session some waiting.
const FOR_THE_NEXT: Duration = Duration::from_secs(2);

pub(crate) struct Committer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) producer: BaseProducer<Deliveries>,
    pub(crate) consumer: Arc<BaseConsumer<Group>>,
    pub(crate) lost: Arc<AtomicBool>,
    pub(crate) patience: Duration,
    pub(crate) events: Sender<Event>,
    /// Where batches go to be filled again.
    pub(crate) empty: Sender<Box<Answered>>,
    pub(crate) open: Option<Open>,
    /// When the last commit ended.
    pub(crate) committed: Option<Instant>,
    pub(crate) text: Text,
}

/// The open transaction.
pub(crate) struct Open {
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

/// Memory for what is written, used again from record to record.
#[derive(Default)]
pub(crate) struct Text {
    value: Vec<u8>,
    source: Vec<u8>,
    id: Vec<u8>,
    /// The text of this number of microseconds; a model's whole batch has the same.
    took: (u32, String),
}

impl Committer {
    /// Works until [`Work::End`] or a failure, after which nothing may be begun on this producer any more.
    pub(crate) fn run(mut self, queue: &Receiver<Work>) -> anyhow::Result<()> {
        let result = self.work(queue);
        if result.is_err() && self.open.is_some() {
            // It helps the next session start at once; whether it works does not matter.
            if let Err(error) = self.producer.abort_transaction(FOR_THE_NEXT) {
                tracing::debug!(%error, "the open transaction is left to be fenced");
            }
        }
        result
    }

    fn work(&mut self, queue: &Receiver<Work>) -> anyhow::Result<()> {
        loop {
            let work = if self.open.is_some() {
                match queue.recv_timeout(self.pause()) {
                    Ok(work) => work,
                    // Nothing more is ready: commit, and let answers pile up for the next transaction meanwhile.
                    Err(RecvTimeoutError::Timeout) => {
                        self.commit()?;
                        continue;
                    }
                    Err(RecvTimeoutError::Disconnected) => Work::End,
                }
            } else {
                self.producer.poll(Duration::ZERO);
                queue.recv().unwrap_or(Work::End)
            };
            match work {
                Work::Batch(batch) => self.write(batch)?,
                Work::Switch(plan) => {
                    self.commit()?;
                    let _heard = self.events.send(Event::InForce(plan));
                }
                Work::Settle(done) => {
                    self.commit()?;
                    let _heard = done.send(());
                }
                Work::End => return self.commit(),
            }
        }
    }

    /// How long the open transaction waits for more: a record after a quiet moment is committed at once, and the
    /// records of a stream at a trickle share a transaction, which costs the broker the same for one as for many.
    fn pause(&self) -> Duration {
        let since = self.committed.map_or(Duration::MAX, |committed| committed.elapsed());
        self.shared.commit_interval.saturating_sub(since)
    }

    fn write(&mut self, mut batch: Box<Answered>) -> anyhow::Result<()> {
        let plan = batch.plan.clone().context("a batch without a plan was handed over")?;
        if self.open.is_none() {
            self.producer.begin_transaction().context("begin a transaction")?;
            self.open = Some(Open::new(Arc::clone(&plan)));
        }
        let generation = plan.generation().to_string();
        for index in 0..batch.batch.len() {
            let feature = batch.batch.feature(index);
            let reject = match (&batch.answers[index], batch.batch.row(index)) {
                (Some(Ok(answer)), _) => {
                    match self.predict(&plan, &generation, &feature, answer, &batch.scores)? {
                        Ok(()) => continue,
                        Err(reject) => reject,
                    }
                }
                (Some(Err(reject)), _) | (None, Err(reject)) => reject.clone(),
                (None, Ok(_)) => Reject::new("not-answered", "no model was asked"),
            };
            self.bury(&feature, &reject)?;
        }
        let open = self.open.as_mut().context("the transaction is gone")?;
        open.records += batch.batch.len();
        open.times.extend(batch.batch.timestamps());
        // Offsets only grow within a session.
        open.next.extend(batch.batch.next_offsets());
        let full = open.records >= MOST_RECORDS;
        batch.clear();
        let _taken = self.empty.send(batch);
        if full { self.commit() } else { Ok(()) }
    }

    /// Writes a prediction, unless the broker would not take one of this size.
    fn predict(
        &mut self,
        plan: &Plan,
        generation: &str,
        feature: &Feature<'_>,
        answer: &Answer,
        scores: &[f32],
    ) -> anyhow::Result<Result<(), Reject>> {
        let text = &mut self.text;
        prediction::write_value(&mut text.value, answer, scores);
        if !prediction::fits(feature, text.value.len(), self.shared.limit) {
            return Ok(Err(Reject::new("too-large", "the prediction would be too large")));
        }
        prediction::write_source(&mut text.source, &self.shared.topics.features, feature);
        prediction::write_id(&mut text.id, feature);
        if text.took.0 != answer.took || text.took.1.is_empty() {
            text.took = (answer.took, answer.took.to_string());
        }
        let champion = &plan.route.champion;
        let model = match (answer.variant, &plan.route.candidate) {
            (Variant::Candidate, Some(candidate)) => &candidate.model.digest,
            _ => &champion.digest,
        };
        let mut headers = OwnedHeaders::new_with_capacity(7)
            .insert(Header { key: "model", value: Some(model) })
            .insert(Header { key: "variant", value: Some(answer.variant.as_str()) })
            .insert(Header { key: "generation", value: Some(generation) })
            .insert(Header { key: "source", value: Some(&text.source) })
            .insert(Header { key: "id", value: Some(&text.id) })
            .insert(Header { key: "took", value: Some(&text.took.1) });
        if let Some(why) = &answer.fallback {
            let why = prediction::header_text(why);
            headers = headers.insert(Header { key: "fallback", value: Some(&why) });
        }
        let topic = &self.shared.topics.predictions;
        let value = Some(&text.value[..]);
        if !send(&self.producer, self.patience, topic, feature, value, headers)? {
            return Ok(Err(Reject::new("too-large", "the prediction is too large for the broker")));
        }
        if let Some(open) = &mut self.open {
            match answer.variant {
                Variant::Champion => open.by_champion += 1,
                Variant::Candidate => open.by_candidate += 1,
            }
            open.fallbacks += u64::from(answer.fallback.is_some());
        }
        Ok(Ok(()))
    }

    /// Writes a dead letter.
    fn bury(&mut self, feature: &Feature<'_>, reject: &Reject) -> anyhow::Result<()> {
        let text = &mut self.text;
        prediction::write_source(&mut text.source, &self.shared.topics.features, feature);
        prediction::write_id(&mut text.id, feature);
        let (cut, whole) = prediction::curtail(feature, self.shared.limit);
        let reason = prediction::header_text(&reject.reason);
        let mut headers = OwnedHeaders::new_with_capacity(4)
            .insert(Header { key: "reason", value: Some(&reason) })
            .insert(Header { key: "source", value: Some(&text.source) });
        if cut.id.is_some() || feature.id.is_none() {
            headers = headers.insert(Header { key: "id", value: Some(&text.id) });
        }
        if !whole {
            headers = headers.insert(Header { key: "truncated", value: Some("true") });
        }
        let topic = &self.shared.topics.dead_letters;
        let sent = send(&self.producer, self.patience, topic, &cut, cut.value, headers)?;
        ensure!(
            sent,
            "a dead letter is too large: message.max.bytes in --kafka-config is below what {topic} takes"
        );
        if let Some(open) = &mut self.open {
            *open.dead.entry(reject.class).or_default() += 1;
        }
        Ok(())
    }

    /// Commits the open transaction, if there is one.
    fn commit(&mut self) -> anyhow::Result<()> {
        let Some(open) = &self.open else { return Ok(()) };
        ensure!(!self.lost.load(Ordering::Acquire), "the group gave the partitions away");
        let mut offsets = TopicPartitionList::with_capacity(open.next.len());
        for (partition, next) in &open.next {
            let (topic, next) = (&self.shared.topics.features, Offset::Offset(*next));
            offsets.add_partition_offset(topic, *partition, next)?;
        }
        // Asked for now: a generation from before a rebalance would be refused.
        let member = self.consumer.group_metadata().context("the consumer is in no group")?;
        // The group may have given the partitions away a moment ago, with the poller not there yet to hear of it.
        ensure!(!self.consumer.assignment_lost(), "the group gave the partitions away");
        self.producer
            .send_offsets_to_transaction(&offsets, &member, self.patience)
            .context("add the offsets to the transaction")?;
        self.drain()?;
        ensure!(!self.lost.load(Ordering::Acquire), "the group gave the partitions away");
        ensure!(
            self.shared.lease.held(),
            "the status of this scorer has not reached the broker for too long"
        );
        self.producer.commit_transaction(self.patience).context("commit the transaction")?;
        self.committed = Some(Instant::now());
        if let Some(open) = self.open.take() {
            self.account(&open);
        }
        Ok(())
    }

    /// Waits until every record of the transaction has arrived.
    fn drain(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + self.patience;
        loop {
            let arrived = flush(&self.producer, GLANCE);
            // Reports come only of what did not arrive.
            self.producer.poll(Duration::ZERO);
            let failed = self.producer.context().failed.load(Ordering::Acquire);
            ensure!(failed == 0, "{failed} records did not arrive");
            if arrived {
                return Ok(());
            }
            ensure!(
                Instant::now() < deadline,
                "records did not arrive in {}",
                words::duration(self.patience)
            );
        }
    }

    fn account(&self, open: &Open) {
        let metrics = &self.shared.metrics;
        metrics.transaction.observe(open.since.elapsed().as_secs_f64());
        metrics.latency.observe(&open.times, jiff::Timestamp::now().as_millisecond());
        let route = &open.plan.route;
        if open.by_champion > 0 {
            metrics.answered(Variant::Champion.as_str(), &route.champion.digest, open.by_champion);
        }
        if let Some(candidate) = route.candidate.as_ref().filter(|_| open.by_candidate > 0) {
            let digest = &candidate.model.digest;
            metrics.answered(Variant::Candidate.as_str(), digest, open.by_candidate);
        }
        for (class, count) in &open.dead {
            metrics.dead(class, *count);
        }
        for (partition, next) in &open.next {
            metrics.position(*partition, *next);
        }
        metrics.fallbacks.inc_by(open.fallbacks);
        open.plan.fallbacks.fetch_add(open.fallbacks, Ordering::Relaxed);
    }
}

impl Open {
    fn new(plan: Arc<Plan>) -> Self {
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
}
