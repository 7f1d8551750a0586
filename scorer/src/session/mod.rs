//! One consumer with one producer, from open to end.
//!
//! This thread polls, parses and asks the models; the committer's writes and commits. Whatever goes wrong ends
//! the session: both clients are dropped, and the next session goes on from the committed offsets.

pub(crate) mod commit;
mod gather;
mod group;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::BaseProducer;

use crate::answering::ask::{Answered, Scratch, answer};
use crate::answering::plan::Plan;
use crate::observe::pulse::Doing;
use crate::routing::control::Event;
use crate::session::commit::{Clients, Committer, Deliveries, Work};
use crate::session::gather::gather;
use crate::session::group::Group;
use crate::shared::Shared;

/// Why a session ended in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The scorer was asked to end.
    Stopped,
    /// The stream has no route any more.
    Retired,
}

/// Records that may wait for the committer: about as many as are answered while it commits. More would only make a
/// route change slower.
const QUEUED_RECORDS: usize = 16_000;

/// Runs a session; an error says what it was that ended it out of order.
///
/// # Errors
/// Nothing that was not committed counts; a new session goes on from there.
pub(crate) fn run(
    shared: &Arc<Shared>,
    plan: Arc<Plan>,
    version: u64,
    events: &Sender<Event>,
) -> anyhow::Result<Ended> {
    shared.pulse.beat(Doing::Opening);
    // Kafka must give up an open transaction before it gives the partitions away.
    let patience = shared.session_timeout - Duration::from_secs(1);
    let producer = producer(shared, patience)?;
    let (work, queue) = mpsc::sync_channel((QUEUED_RECORDS / shared.batch).max(1));
    let (empty, refill) = mpsc::channel();
    let lost = Arc::new(AtomicBool::new(false));
    let group = Group::new(shared, work.clone(), &lost, patience);
    let consumer: BaseConsumer<Group> =
        consumer(shared).create_with_context(group).context("open a consumer")?;
    let consumer = Arc::new(consumer);
    let clients = Clients { producer, consumer: Arc::clone(&consumer), lost, patience };
    let committer = Committer::new(shared, clients, events, empty);
    let committing = std::thread::Builder::new()
        .name("commit".into())
        .spawn(move || committer.run(&queue))
        .context("start a thread")?;

    let polled =
        Polling { shared, consumer: &consumer, work: &work, refill: &refill, plan, version }.run();
    shared.pulse.beat(Doing::Opening);
    // The committer may have ended already; then nobody receives this.
    let _heard = work.send(Work::End);
    let committed = committing.join().map_err(|_| anyhow!("the committing thread panicked"))?;
    // Leaves the group, on this thread, now that nothing is open.
    drop(consumer);
    // What the committer met is the cause, what the poller met is mostly its consequence.
    committed?;
    polled
}

struct Polling<'a> {
    shared: &'a Shared,
    consumer: &'a BaseConsumer<Group>,
    work: &'a SyncSender<Work>,
    refill: &'a Receiver<Box<Answered>>,
    plan: Arc<Plan>,
    version: u64,
}

impl Polling<'_> {
    fn run(mut self) -> anyhow::Result<Ended> {
        let topic = &self.shared.topics.features;
        let mut scratch = Scratch::default();
        let mut spare: Option<Box<Answered>> = None;
        self.hand_over(Work::Switch(Arc::clone(&self.plan)))?;
        self.consumer.subscribe(&[topic]).context("join the group")?;
        loop {
            self.shared.pulse.beat(Doing::Polling);
            if self.shared.stop.is_set() {
                return Ok(Ended::Stopped);
            }
            if self.shared.slot.version() != self.version {
                self.version = self.shared.slot.version();
                let Some(plan) = self.shared.slot.get() else { return Ok(Ended::Retired) };
                self.plan = plan;
                self.hand_over(Work::Switch(Arc::clone(&self.plan)))?;
            }
            let mut batch =
                spare.take().or_else(|| self.refill.try_recv().ok()).unwrap_or_default();
            gather(self.consumer, &self.shared.schema, self.shared.batch, &mut batch.batch)
                .context("poll")?;
            if batch.batch.is_empty() {
                // The next hand-over would notice too, but an idle scorer has none.
                if self.committer_ended() {
                    return Err(anyhow!("the committer has ended"));
                }
                spare = Some(batch);
                continue;
            }
            self.shared.metrics.batch.observe(batch.batch.len() as f64);
            answer(&self.plan, topic, &mut batch, &mut scratch, &self.shared.pulse);
            for (variant, took) in &batch.calls {
                self.shared.metrics.asked(*variant, *took);
            }
            self.hand_over(Work::Batch(batch))?;
        }
    }

    fn hand_over(&self, work: Work) -> anyhow::Result<()> {
        self.shared.pulse.beat(Doing::HandingOver);
        self.work.send(work).map_err(|_| anyhow!("the committer has ended"))
    }

    /// Batches come back only from a committer that lives, so a closed way back means that it has ended.
    fn committer_ended(&self) -> bool {
        matches!(self.refill.try_recv(), Err(mpsc::TryRecvError::Disconnected))
    }
}

fn producer(shared: &Shared, patience: Duration) -> anyhow::Result<BaseProducer<Deliveries>> {
    let mut config: ClientConfig = shared.kafka.config().clone();
    let millis = patience.as_millis().to_string();
    prefer(
        &mut config,
        &[
            // Full requests go at once and each transaction is flushed, so nothing waits that long; commit.rs says
            // why it is not less.
            ("linger.ms", "1000"),
            ("batch.num.messages", "100000"),
            // Headers repeat from record to record: a fifth of the bytes for hardly any time.
            ("compression.type", "lz4"),
            // The default of 100 ms is what a second transaction right after the first would wait.
            ("retry.backoff.ms", "5"),
            ("retry.backoff.max.ms", "100"),
            ("socket.nagle.disable", "true"),
        ],
    );
    config
        .set("transactional.id", format!("headgate-{}-{}", shared.stream, shared.scorer))
        .set("transaction.timeout.ms", &millis)
        .set("delivery.timeout.ms", &millis)
        .set("acks", "all")
        .set("delivery.report.only.error", "true");
    let producer: BaseProducer<Deliveries> =
        config.create_with_context(Deliveries::default()).context("open a producer")?;
    // Fences every earlier producer of this scorer, with whatever it left open.
    shared.kafka.init_transactions(&producer).context("become the one producer of this scorer")?;
    Ok(producer)
}

fn consumer(shared: &Shared) -> ClientConfig {
    let mut config = shared.kafka.config().clone();
    prefer(
        &mut config,
        &[
            // Enough to be busy; a full queue is looked at again at once, not after the default's second.
            ("queued.min.messages", "50000"),
            ("queued.max.messages.kbytes", "32768"),
            ("fetch.queue.backoff.ms", "5"),
            // Of one partition, and of all together: ten times as much may lie in it, compressed.
            ("fetch.message.max.bytes", "4194304"),
            ("fetch.max.bytes", "4194304"),
            ("statistics.interval.ms", "5000"),
            ("socket.nagle.disable", "true"),
        ],
    );
    config
        .set("group.id", &shared.group)
        .set("session.timeout.ms", shared.session_timeout.as_millis().to_string())
        .set("heartbeat.interval.ms", (shared.session_timeout.as_millis() / 6).to_string())
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("isolation.level", "read_committed")
        .set("auto.offset.reset", "earliest");
    if shared.static_membership {
        config.set("group.instance.id", &shared.scorer);
    }
    config
}

/// Sets what `--kafka-config` may say otherwise.
fn prefer(config: &mut ClientConfig, settings: &[(&str, &str)]) {
    for (key, value) in settings {
        if config.get(key).is_none() {
            config.set(*key, *value);
        }
    }
}
