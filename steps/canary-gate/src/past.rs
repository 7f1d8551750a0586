//! Reads the champion's past back from the topics: what the stream is like, and what a switch is compared with.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

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

/// Answers by the hash of their record's id, each with the label that it gives.
type Unlabelled = HashMap<u64, (Past, f64)>;

/// The labelled answers that the model `champion` gave on its own lot, the newest ones, at most as many as the plan
/// asks for.
///
/// It goes back step by step, each twice as far, until it has enough, has reached the beginning, or would hold more
/// than the plan lets wait.
///
/// # Errors
/// The broker is away, or the process was asked to end.
pub(crate) fn read(context: &Context, champion: &str, plan: &Plan) -> anyhow::Result<History> {
    let (kafka, stream) = (&context.kafka, &context.common.stream);
    let (predictions, labels) = (format!("{stream}.predictions"), format!("{stream}.labels"));
    let kept = kafka.extent(&predictions)?;
    let most = usize::try_from(plan.baseline_records)?;
    let mut look = plan.baseline_records.saturating_add(plan.baseline_records / MORE);
    loop {
        let window = kept.newest(look);
        let (own, first_ms) = answers_of(context, champion, &window)?;
        let since = labels_since(kafka, &labels, first_ms, window.len())?;
        let answers = meet(context, own, &since)?;
        tracing::info!(labelled = answers.len(), window = %window, "read the champion's past");
        let reached = window.len() >= kept.len() || look >= plan.max_waiting as u64;
        if answers.len() >= most || reached {
            let newest = answers.len().saturating_sub(most);
            let answers = answers[newest..].to_vec();
            return Ok(History { answers, predictions: window, labels: since });
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
    let (own, _) = answers_of(context, champion, predictions)?;
    meet(context, own, labels)
}

/// What `champion` answered, by record id, and the time of the first prediction, whoever gave it.
fn answers_of(
    context: &Context,
    champion: &str,
    window: &Window,
) -> anyhow::Result<(Unlabelled, i64)> {
    let topic = format!("{}.predictions", context.common.stream);
    let (mut answers, mut first_ms) = (HashMap::new(), i64::MAX);
    Reader::read_window(&context.kafka, &topic, window, |record| {
        context.stop.check()?;
        first_ms = first_ms.min(record.timestamp_ms);
        if let Some((past, label)) = read_own(&record, champion) {
            answers.insert(past.id, (past, label));
        }
        Ok(())
    })?;
    Ok((answers, first_ms))
}

fn meet(context: &Context, mut answers: Unlabelled, window: &Window) -> anyhow::Result<Vec<Past>> {
    let mut labelled = Vec::new();
    let topic = format!("{}.labels", context.common.stream);
    Reader::read_window(&context.kafka, &topic, window, |record: Record| {
        context.stop.check()?;
        // Each answer meets one label, so a label that is told twice counts once.
        if let Some((id, label)) = read_label(&record)
            && let Entry::Occupied(found) = answers.entry(id)
        {
            let (past, answered) = found.remove();
            labelled.push(Past { wrong: answered != label, ..past });
        }
        Ok(())
    })?;
    // Whatever the order in which partitions were read, the result is the same.
    labelled.sort_by_key(|past| (past.at_ms, past.id));
    Ok(labelled)
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
