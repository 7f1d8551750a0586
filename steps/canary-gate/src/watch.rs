//! Reads predictions and labels from the moment the gate began, without a consumer group.

use std::collections::BTreeMap;
use std::time::Duration;

use contract::Verdict;
use contract::kafka::{Kafka, Reader, Record, Start, Window};

use crate::answer::{Seen, read, read_label};
use crate::gate::Gate;

/// At most this many records of a topic are taken before the gate is asked again what to do.
const BATCH: usize = 2_000;

/// The two topics that evidence comes from.
pub(crate) struct Watch {
    predictions: Topic,
    labels: Topic,
}

struct Topic {
    reader: Reader,
    /// What was read: from the gate's start up to here.
    window: Window,
}

impl Watch {
    /// Starts at the present end of both topics.
    ///
    /// # Errors
    /// The broker is away or a topic is missing.
    pub(crate) fn open(kafka: &Kafka, stream: &str) -> anyhow::Result<Self> {
        let topic = |suffix: &str| Topic::open(kafka, &format!("{stream}.{suffix}"));
        Ok(Self { predictions: topic("predictions")?, labels: topic("labels")? })
    }

    /// Takes in what has arrived; waits up to `idle` where nothing has.
    ///
    /// # Errors
    /// The broker is away, or records were deleted before they could be read.
    pub(crate) fn pump(
        &mut self,
        gate: &mut Gate,
        idle: Duration,
        now: impl Fn() -> Duration,
    ) -> anyhow::Result<()> {
        let mut wait = Duration::ZERO;
        loop {
            let mut read = 0;
            while read < BATCH
                && let Some(record) = self.predictions.next(wait)?
            {
                (read, wait) = (read + 1, Duration::ZERO);
                prediction(gate, &record, now());
            }
            let mut labels = 0;
            while labels < BATCH
                && let Some(record) = self.labels.next(Duration::ZERO)?
            {
                labels += 1;
                match read_label(&record) {
                    Some((id, label)) => gate.label(id, label, now()),
                    None => gate.passed_over.unreadable += 1,
                }
            }
            if read + labels > 0 || !wait.is_zero() {
                return Ok(());
            }
            wait = idle;
        }
    }

    /// The offsets read so far: predictions, labels.
    pub(crate) fn windows(&self) -> (&Window, &Window) {
        (&self.predictions.window, &self.labels.window)
    }
}

impl Topic {
    fn open(kafka: &Kafka, name: &str) -> anyhow::Result<Self> {
        let ends: BTreeMap<i32, i64> = kafka
            .extent(name)?
            .0
            .into_iter()
            .map(|(partition, (_, end))| (partition, end))
            .collect();
        let window = Window(ends.iter().map(|(p, end)| (*p, (*end, *end))).collect());
        Ok(Self { reader: kafka.reader(name, &Start::At(ends))?, window })
    }

    fn next(&mut self, wait: Duration) -> anyhow::Result<Option<Record>> {
        let Some(record) = self.reader.next(wait)? else { return Ok(None) };
        if let Some((_, to)) = self.window.0.get_mut(&record.partition) {
            *to = record.offset + 1;
        }
        Ok(Some(record))
    }
}

fn prediction(gate: &mut Gate, record: &Record, now: Duration) {
    match read(record, |generation| gate.route(generation)) {
        Seen::Answer(answer) => gate.answered(answer, (record.partition, record.offset), now),
        Seen::Foreign => gate.passed_over.foreign += 1,
        Seen::Unreadable => gate.passed_over.unreadable += 1,
        Seen::Untrue(lie) => gate.spoilt(
            Verdict::Inconclusive,
            format!("the stream is not split as the route says, so nothing can be learnt: {lie}"),
        ),
    }
}
