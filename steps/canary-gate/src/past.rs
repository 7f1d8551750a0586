//! Reads the champion's past back from the topics: what the stream is like, and what a switch is compared with.

use std::collections::HashMap;

use contract::Context;
use contract::kafka::{Kafka, Reader, Record, Window};

use crate::answer::{read_label, read_own};
use crate::learnt::Past;
use crate::plan::Plan;

/// At first so large a part more offsets are looked through than labelled answers are sought: not every answer has a label
/// yet, and transactions take offsets too. Where a transaction holds one record, the second look is enough.
const MORE: u64 = 4;

/// Labels looked through for each answer, where it is not known since when.
const LABELS_FOR_ANSWERS: u64 = 2;

/// Clocks of those who write labels and of those who write predictions may differ by this. Labels of so much time are
/// read in vain, and of an answer whose label is missed nothing is learnt.
const SKEW_MS: i64 = 10_000;

/// Labelled answers, in the order of their time.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) answers: Vec<Past>,
    pub(crate) predictions: Window,
    pub(crate) labels: Window,
}

/// What a model answered, by the hash of the record's id.
#[derive(Debug)]
struct Own {
    answers: HashMap<u64, Answer>,
    /// Time of the first prediction that was looked at, whoever gave it: milliseconds since 1970.
    first_ms: i64,
}

#[derive(Clone, Copy, Debug)]
struct Answer {
    past: Past,
    label: f64,
    /// Whether its label was told, and whether it was wrong then.
    wrong: Option<bool>,
}

/// The labelled answers that the model `champion` gave on its own lot, the newest ones, at most as many as the plan
/// asks for.
///
/// It goes back step by step, each twice as far, until it has enough, has reached the beginning, or would hold more
/// than the plan lets wait. Predictions are read once, and labels not before there are answers enough for them.
///
/// # Errors
/// The broker is away, or the process was asked to end.
pub(crate) fn read(context: &Context, champion: &str, plan: &Plan) -> anyhow::Result<History> {
    let (kafka, stream) = (&context.kafka, &context.common.stream);
    let (predictions, labels) = (format!("{stream}.predictions"), format!("{stream}.labels"));
    let kept = kafka.extent(&predictions)?;
    let most = usize::try_from(plan.baseline_records)?;
    let mut look = plan.baseline_records.saturating_add(plan.baseline_records / MORE);
    let (mut own, mut window) = (Own::default(), kept.newest(0));
    loop {
        let wider = kept.newest(look);
        own.read(context, champion, &before(&wider, &window))?;
        window = wider;
        let reached = window.len() >= kept.len() || look >= plan.max_waiting as u64;
        if own.answers.len() >= most || reached {
            let since = labels_since(kafka, &labels, own.first_ms, window.len())?;
            let mut answers = own.meet(context, &since)?;
            tracing::info!(labelled = answers.len(), window = %window, "read the champion's past");
            if answers.len() >= most || reached {
                answers.drain(..answers.len().saturating_sub(most));
                return Ok(History { answers, predictions: window, labels: since });
            }
        }
        look = look.saturating_mul(2).min(plan.max_waiting as u64);
    }
}

/// The labelled answers within these ranges, in the order of their time.
///
/// # Errors
/// The broker is away, or no longer holds them.
pub(crate) fn read_ranges(
    context: &Context,
    champion: &str,
    predictions: &Window,
    labels: &Window,
) -> anyhow::Result<Vec<Past>> {
    let mut own = Own::default();
    own.read(context, champion, predictions)?;
    own.meet(context, labels)
}

/// What `wider` has and `window` has not yet, which ends where it ends.
fn before(wider: &Window, window: &Window) -> Window {
    let older = |(partition, (from, to)): (&i32, &(i64, i64))| {
        (*partition, (*from, window.0.get(partition).map_or(*to, |(first, _)| *first)))
    };
    Window(wider.0.iter().map(older).collect())
}

impl Default for Own {
    fn default() -> Self {
        Self { answers: HashMap::new(), first_ms: i64::MAX }
    }
}

impl Own {
    /// Adds what `champion` answered in a window that lies before all that was read.
    fn read(&mut self, context: &Context, champion: &str, window: &Window) -> anyhow::Result<()> {
        let topic = format!("{}.predictions", context.common.stream);
        Reader::read_window(&context.kafka, &topic, window, |record| {
            context.stop.check()?;
            self.first_ms = self.first_ms.min(record.timestamp_ms);
            if let Some((past, label)) = read_own(&record, champion) {
                let answer = Answer { past, label, wrong: None };
                // Of two answers to one record the later counts, in whatever order they were read.
                let kept = self.answers.entry(past.id).or_insert(answer);
                if kept.past.at_ms < past.at_ms {
                    *kept = answer;
                }
            }
            Ok(())
        })
    }

    /// The answers whose labels are in this window of their topic, in the order of their time.
    fn meet(&mut self, context: &Context, window: &Window) -> anyhow::Result<Vec<Past>> {
        let topic = format!("{}.labels", context.common.stream);
        self.answers.values_mut().for_each(|answer| answer.wrong = None);
        Reader::read_window(&context.kafka, &topic, window, |record: Record| {
            context.stop.check()?;
            // The first label counts, and one that is told again does not.
            if let Some((id, label)) = read_label(&record)
                && let Some(answer) = self.answers.get_mut(&id)
            {
                answer.wrong.get_or_insert(answer.label != label);
            }
            Ok(())
        })?;
        let labelled = |answer: &Answer| Some(Past { wrong: answer.wrong?, ..answer.past });
        let mut labelled: Vec<Past> = self.answers.values().filter_map(labelled).collect();
        // Whatever the order in which partitions were read, the result is the same.
        labelled.sort_by_key(|past| (past.at_ms, past.id));
        Ok(labelled)
    }
}

/// The labels topic from about `first_ms` (milliseconds since 1970) to its present end.
fn labels_since(kafka: &Kafka, topic: &str, first_ms: i64, answers: u64) -> anyhow::Result<Window> {
    let kept = kafka.extent(topic)?;
    if first_ms == i64::MAX {
        return Ok(kept.newest(0));
    }
    let Some(starts) = kafka.offsets_at(topic, first_ms - SKEW_MS)? else {
        // The in-memory broker knows no times; there as many labels as answers, and some that came late, will do.
        return Ok(kept.newest(answers.saturating_mul(LABELS_FOR_ANSWERS)));
    };
    let from = |partition: &i32, low: i64, high: i64| {
        starts.get(partition).copied().unwrap_or(low).clamp(low, high)
    };
    let range = |(partition, (low, high)): (&i32, &(i64, i64))| {
        (*partition, (from(partition, *low, *high), *high))
    };
    Ok(Window(kept.0.iter().map(range).collect()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_wider_look_reads_only_what_the_narrower_did_not() {
        let kept: Window = "0:100-200,1:0-100".parse().unwrap();
        let (first, second) = (kept.newest(20), kept.newest(80));
        assert_eq!(before(&first, &kept.newest(0)).to_string(), "0:190-200,1:90-100");
        assert_eq!(before(&second, &first).to_string(), "0:160-190,1:60-90");
        assert!(before(&second, &second).is_empty());
    }
}
