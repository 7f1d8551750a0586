//! Writes answers in transactions that carry the input offsets: each feature record is answered exactly once.
//!
//! Four facts about librdkafka shape this file and `send.rs`. Its flush, as rdkafka wraps it, waits in steps of 100 ms, so
//! deliveries are drained here before each commit. Its sending thread spins while records that are older than
//! `linger.ms` wait for a request on its way, so they may linger for long and are flushed instead. Its transaction
//! protocol can commit the wrong transaction when an answer is lost, so after any failure no further transaction is
//! begun on this producer: the session ends, and the next one's producer fences whatever is still under way. A queue
//! that is full is polled, not slept on.

mod encode;
mod send;
mod transaction;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::{Offset, TopicPartitionList};
use stream::FeatureRecord;

use crate::answering::ask::{Answered, ModelAnswer};
use crate::answering::batch::Reject;
use crate::answering::plan::Plan;
use crate::routing::control::Event;
use crate::session::group::Group;
use crate::shared::Shared;
use encode::{Answering, Encoder};
pub(crate) use send::Deliveries;
use send::{flush, send};
use transaction::Transaction;

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
const MAX_RECORDS: usize = 40_000;
/// How long a flush waits before it is looked whether something failed; what arrives ends it at once.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// How long an abort may take that only spares the next session some waiting.
const ABORT_TIMEOUT: Duration = Duration::from_secs(2);

/// Writes what the models answered; one for each session.
pub(crate) struct Committer {
    shared: Arc<Shared>,
    clients: Clients,
    events: Sender<Event>,
    /// Where batches go to be filled again.
    empty: Sender<Box<Answered>>,
    open: Option<Transaction>,
    /// When the last commit ended.
    committed: Option<Instant>,
    encoder: Encoder,
}

/// What a session writes and commits with.
pub(crate) struct Clients {
    pub(crate) producer: BaseProducer<Deliveries>,
    pub(crate) consumer: Arc<BaseConsumer<Group>>,
    /// The group gave the partitions away without asking.
    pub(crate) lost: Arc<AtomicBool>,
    /// How long an exchange with the broker may take.
    pub(crate) patience: Duration,
}

impl Committer {
    /// Reports to `events` what is in force, and gives batches back to `empty`.
    pub(crate) fn new(
        shared: &Arc<Shared>,
        clients: Clients,
        events: &Sender<Event>,
        empty: Sender<Box<Answered>>,
    ) -> Self {
        let (shared, events) = (Arc::clone(shared), events.clone());
        let (open, committed, encoder) = (None, None, Encoder::default());
        Self { shared, clients, events, empty, open, committed, encoder }
    }

    /// Works until [`Work::End`] or a failure, after which nothing may be begun on this producer any more.
    pub(crate) fn run(mut self, queue: &Receiver<Work>) -> anyhow::Result<()> {
        let result = self.work(queue);
        if result.is_err() && self.open.is_some() {
            // It helps the next session start at once; whether it works does not matter.
            if let Err(error) = self.clients.producer.abort_transaction(ABORT_TIMEOUT) {
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
                self.clients.producer.poll(Duration::ZERO);
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
            self.clients.producer.begin_transaction().context("begin a transaction")?;
            self.open = Some(Transaction::new(Arc::clone(&plan)));
        }
        let answering = Answering::of(&plan)?;
        for index in 0..batch.batch.len() {
            let feature = batch.batch.feature(index);
            let reject = match (&batch.answers[index], batch.batch.row(index)) {
                (Some(Ok(answer)), _) => {
                    match self.predict(answering, &feature, answer, &batch.scores)? {
                        Ok(()) => continue,
                        Err(reject) => reject,
                    }
                }
                (Some(Err(reject)), _) | (None, Err(reject)) => reject.clone(),
                (None, Ok(_)) => Reject::new("not-answered", "no model was asked"),
            };
            self.dead_letter(&feature, &reject)?;
        }
        let open = self.open.as_mut().context("the transaction is gone")?;
        open.sent(&batch.batch);
        let full = open.records() >= MAX_RECORDS;
        batch.clear();
        let _taken = self.empty.send(batch);
        if full { self.commit() } else { Ok(()) }
    }

    /// Writes a prediction, unless the broker would not take one of this size.
    fn predict(
        &mut self,
        answering: Answering<'_>,
        feature: &FeatureRecord<'_>,
        answer: &ModelAnswer,
        scores: &[f32],
    ) -> anyhow::Result<Result<(), Reject>> {
        let (topics, limit) = (&self.shared.topics, self.shared.limit);
        let answer_of = (answer, scores);
        let record =
            match self.encoder.prediction(answering, feature, answer_of, &topics.features, limit) {
                Ok(record) => record,
                Err(reject) => return Ok(Err(reject)),
            };
        let Clients { producer, patience, .. } = &self.clients;
        if !send(producer, *patience, &topics.predictions, feature.partition, record)? {
            return Ok(Err(Reject::new("too-large", "the prediction is too large for the broker")));
        }
        if let Some(open) = &mut self.open {
            open.answered(answer);
        }
        Ok(Ok(()))
    }

    /// Writes a dead letter.
    fn dead_letter(&mut self, feature: &FeatureRecord<'_>, reject: &Reject) -> anyhow::Result<()> {
        let (topics, limit) = (&self.shared.topics, self.shared.limit);
        let record = self.encoder.dead_letter(feature, reject, &topics.features, limit);
        let (Clients { producer, patience, .. }, topic) = (&self.clients, &topics.dead_letters);
        ensure!(
            send(producer, *patience, topic, feature.partition, record)?,
            "a dead letter is too large: message.max.bytes in --kafka-config is below what {topic} takes"
        );
        if let Some(open) = &mut self.open {
            open.dead(reject);
        }
        Ok(())
    }

    /// Commits the open transaction, if there is one.
    fn commit(&mut self) -> anyhow::Result<()> {
        let Some(open) = &self.open else { return Ok(()) };
        ensure!(!self.clients.lost.load(Ordering::Acquire), "the group gave the partitions away");
        let mut offsets = TopicPartitionList::with_capacity(open.next_offsets().len());
        for (partition, next) in open.next_offsets() {
            let (topic, next) = (&self.shared.topics.features, Offset::Offset(*next));
            offsets.add_partition_offset(topic, *partition, next)?;
        }
        // Asked for now: a generation from before a rebalance would be refused.
        let member =
            self.clients.consumer.group_metadata().context("the consumer is in no group")?;
        // The group may have given the partitions away a moment ago, and the poller may not know it yet.
        ensure!(!self.clients.consumer.assignment_lost(), "the group gave the partitions away");
        self.clients
            .producer
            .send_offsets_to_transaction(&offsets, &member, self.clients.patience)
            .context("add the offsets to the transaction")?;
        self.drain()?;
        ensure!(!self.clients.lost.load(Ordering::Acquire), "the group gave the partitions away");
        ensure!(
            self.shared.lease.held(),
            "the status of this scorer has not reached the broker for too long"
        );
        self.clients
            .producer
            .commit_transaction(self.clients.patience)
            .context("commit the transaction")?;
        self.committed = Some(Instant::now());
        if let Some(open) = self.open.take() {
            open.account(&self.shared.metrics);
        }
        Ok(())
    }

    /// Waits until every record of the transaction has arrived.
    fn drain(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + self.clients.patience;
        loop {
            let arrived = flush(&self.clients.producer, POLL_INTERVAL);
            // Reports come only of what did not arrive.
            self.clients.producer.poll(Duration::ZERO);
            let failed = self.clients.producer.context().failed.load(Ordering::Acquire);
            ensure!(failed == 0, "{failed} records did not arrive");
            if arrived {
                return Ok(());
            }
            ensure!(
                Instant::now() < deadline,
                "records did not arrive in {}",
                words::duration(self.clients.patience)
            );
        }
    }
}
