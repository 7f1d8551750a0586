//! Reads the records and the live answers to them, until the checks are decided or there is no more to read.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use contract::Context;
use kafka::{Reader, Record, Start, Window};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stream::Topics;

use crate::compare::Comparison;
use crate::interleave::Interleaved;
use crate::live::{Live, LiveAnswers, MAX_ANSWER_DELAY};
use crate::window::Plan;

/// Why reading stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stopped {
    /// No further record could change the verdict.
    Decided,
    /// Everything that was to be read was read.
    Complete,
    /// The time of the live window is over.
    TimeOver,
    /// The deadline passed before that.
    Deadline,
}

/// Which of the records were taken, and why no more.
pub(crate) struct Read {
    pub offsets: Window,
    pub stopped: Stopped,
}

/// Reading under way.
pub(crate) struct Reading<'a, 'c> {
    pub context: &'a Context,
    pub comparison: &'a mut Comparison<'c>,
    /// Whose answers on the stream are wanted; none where nothing on the stream is compared.
    pub champion: Option<&'a str>,
    pub deadline: Duration,
    read: Window,
    started: Instant,
}

/// How long one look for new records of a live stream may take.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

impl<'a, 'c> Reading<'a, 'c> {
    pub(crate) fn new(
        context: &'a Context,
        comparison: &'a mut Comparison<'c>,
        champion: Option<&'a str>,
        deadline: Duration,
    ) -> Self {
        let (read, started) = (Window::default(), Instant::now());
        Self { context, comparison, champion, deadline, read, started }
    }

    /// Reads what was planned.
    ///
    /// # Errors
    /// A broker that is away, a window that is not on it, or a signal to stop.
    pub(crate) fn run(mut self, plan: &Plan) -> anyhow::Result<Read> {
        let stopped = match plan {
            Plan::Past(window) => self.past(window)?,
            Plan::Live { start, time, records } => self.live(start, *time, *records)?,
        };
        self.comparison.finish();
        let offsets = match (plan, stopped) {
            // Commit markers at its end belong to the window as well.
            (Plan::Past(window), Stopped::Complete) => window.clone(),
            _ => self.read,
        };
        Ok(Read { offsets, stopped })
    }

    fn past(&mut self, window: &Window) -> anyhow::Result<Stopped> {
        let context = self.context;
        let (kafka, stream) = (&context.kafka, &context.common.stream);
        let champion = self.champion.filter(|_| !window.is_empty());
        let mut live = champion
            .map(|champion| LiveAnswers::to_window(kafka, stream, champion, window))
            .transpose()?;
        let (mut records, total) = (Interleaved::of(window), window.len());
        let give_up = self.started + MAX_ANSWER_DELAY;
        let mut take = |record: Record| -> anyhow::Result<()> {
            let live = match &mut live {
                Some(live) => live.to(record.partition, record.offset, give_up)?,
                None => Live::Unasked,
            };
            self.take(&record, live, total)
        };
        let mut read = || {
            Reader::read_window(kafka, &Topics::of(stream).features, window, |record| {
                records.push(record);
                while let Some(record) = records.pop() {
                    take(record)?;
                }
                Ok(())
            })?;
            while let Some(record) = records.pop_rest() {
                take(record)?;
            }
            anyhow::Ok(())
        };
        match read() {
            Ok(()) => Ok(Stopped::Complete),
            Err(error) => error.downcast::<Enough>().map(|enough| enough.0),
        }
    }

    /// Records are taken when their answers have come, or when those are overdue.
    fn live(&mut self, start: &Window, time: Duration, most: u64) -> anyhow::Result<Stopped> {
        let context = self.context;
        let (kafka, stream) = (&context.kafka, &context.common.stream);
        let mut live = self
            .champion
            .map(|champion| LiveAnswers::from_now(kafka, stream, champion, start.0.keys().copied()))
            .transpose()?;
        let starts = start.0.iter().map(|(partition, (_, end))| (*partition, *end));
        let start = Start::At(starts.collect());
        let mut features = kafka.reader(&Topics::of(stream).features, &start)?;
        let mut waiting: VecDeque<(Record, Instant)> = VecDeque::new();
        let mut seen = 0;
        loop {
            self.context.stop.check()?;
            let open = self.started.elapsed() < time && seen < most;
            if open {
                if let Some(record) = features.next(POLL_INTERVAL)? {
                    seen += 1;
                    waiting.push_back((record, Instant::now()));
                }
            } else if waiting.is_empty() {
                return Ok(if seen < most { Stopped::TimeOver } else { Stopped::Complete });
            } else {
                std::thread::sleep(POLL_INTERVAL);
            }
            while let Some((record, since)) = waiting.pop_front() {
                let come = match &mut live {
                    Some(live) => live.come(record.partition, record.offset)?,
                    None => Some(Live::Unasked),
                };
                let overdue = (since.elapsed() >= MAX_ANSWER_DELAY).then_some(Live::Unanswered);
                let Some(answer) = come.or(overdue) else {
                    waiting.push_front((record, since));
                    break;
                };
                if let Err(error) = self.take(&record, answer, most) {
                    return error.downcast::<Enough>().map(|enough| enough.0);
                }
            }
        }
    }

    fn take(&mut self, record: &Record, live: Live, total: u64) -> anyhow::Result<()> {
        self.context.stop.check()?;
        if self.started.elapsed() >= self.deadline {
            tracing::warn!(read = %self.read, "the deadline passed; what was read decides");
            anyhow::bail!(Enough(Stopped::Deadline));
        }
        let range = self.read.0.entry(record.partition).or_insert((record.offset, record.offset));
        range.1 = record.offset + 1;
        self.comparison.take(record, live);
        let done = self.comparison.records();
        self.context.progress.report(done.min(total), total, "records answered by both");
        if self.comparison.is_over() {
            anyhow::bail!(Enough(Stopped::Decided));
        }
        Ok(())
    }
}

/// Ends the reading from within.
#[derive(Debug, thiserror::Error)]
#[error("enough was read")]
struct Enough(Stopped);
