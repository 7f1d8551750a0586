//! What happens when the group moves partitions between scorers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance};
use rdkafka::statistics::Statistics;

use crate::session::commit::Work;
use crate::shared::Shared;

/// The consumer's callbacks; they run on the thread that polls.
pub(crate) struct Group {
    shared: Arc<Shared>,
    committer: SyncSender<Work>,
    /// The group gave the partitions away without asking; nothing may be committed for them.
    lost: Arc<AtomicBool>,
    given_away: Mutex<Vec<i32>>,
    /// Whether `given_away` holds anything, so that asking costs nothing.
    moved: AtomicBool,
    patience: Duration,
}

impl Group {
    pub(crate) fn new(
        shared: &Arc<Shared>,
        committer: SyncSender<Work>,
        lost: &Arc<AtomicBool>,
        patience: Duration,
    ) -> Self {
        Self {
            shared: Arc::clone(shared),
            committer,
            lost: Arc::clone(lost),
            given_away: Mutex::default(),
            moved: AtomicBool::new(false),
            patience,
        }
    }

    /// The partitions that were given away since the last call.
    pub(crate) fn given_away(&self) -> Option<Vec<i32>> {
        if !self.moved.swap(false, Ordering::AcqRel) {
            return None;
        }
        let mut partitions = self.given_away.lock().unwrap_or_else(PoisonError::into_inner);
        Some(std::mem::take(&mut *partitions))
    }

    /// Has the open transaction finished before the partitions go.
    fn settle(&self) {
        let (done, wait) = sync_channel(1);
        // A committer that has ended has nothing open.
        if self.committer.send(Work::Settle(done)).is_ok()
            && wait.recv_timeout(self.patience).is_err()
        {
            tracing::warn!(
                "partitions are given away while a transaction is open; it will be aborted"
            );
            self.lost.store(true, Ordering::Release);
        }
    }
}

impl ClientContext for Group {
    fn stats(&self, statistics: Statistics) {
        let topic = statistics.topics.get(&self.shared.topics.features);
        for (id, partition) in topic.into_iter().flat_map(|topic| &topic.partitions) {
            if *id >= 0 && partition.ls_offset >= 0 {
                self.shared.metrics.end(*id, partition.ls_offset);
            }
        }
    }
}

impl ConsumerContext for Group {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let Rebalance::Revoke(partitions) = rebalance else { return };
        if consumer.assignment_lost() {
            tracing::warn!("the group gave the partitions away; what is open is aborted");
            self.lost.store(true, Ordering::Release);
        }
        self.settle();
        let gone: Vec<i32> =
            partitions.elements().iter().map(|element| element.partition()).collect();
        tracing::info!(partitions = listed(&gone), "partitions given away");
        for partition in &gone {
            self.shared.metrics.gone(*partition);
        }
        let mut given_away = self.given_away.lock().unwrap_or_else(PoisonError::into_inner);
        given_away.extend(gone);
        self.moved.store(true, Ordering::Release);
    }

    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(partitions) => {
                let got: Vec<i32> =
                    partitions.elements().iter().map(|element| element.partition()).collect();
                tracing::info!(partitions = listed(&got), "partitions taken");
                self.shared.joined.store(true, Ordering::Release);
            }
            Rebalance::Revoke(_) => {}
            Rebalance::Error(error) => tracing::warn!(%error, "the group cannot be balanced"),
        }
    }
}

/// As in `0, 1, 7`, or `none`.
fn listed(partitions: &[i32]) -> String {
    if partitions.is_empty() {
        return "none".to_owned();
    }
    partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
