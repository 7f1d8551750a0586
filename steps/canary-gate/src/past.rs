//! Reads the champion's past back from the topics.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use contract::Context;
use contract::kafka::{Kafka, Reader, Record, Window};

use crate::answer::{read_label, read_own};
use crate::baseline::{Baseline, Labelled};
use crate::plan::Plan;

/// Offsets looked through for each labelled answer that is sought, at first: not every answer has a label yet, and
/// transactions take offsets too.
const FIRST_LOOK: u64 = 2;

/// Clocks of those who write labels and of those who write predictions may differ by this.
const SKEW_MS: i64 = 60_000;

/// The labelled answers that the model `champion` gave on its own lot, at most as many as the plan asks for.
///
/// It goes back step by step, each twice as far, until it has enough, has reached the beginning, or would hold more
/// than the plan lets wait.
///
/// # Errors
/// The broker is away, or the process was asked to end.
pub(crate) fn read(context: &Context, champion: &str, plan: &Plan) -> anyhow::Result<Baseline> {
    let (kafka, stream) = (&context.kafka, &context.common.stream);
    let (predictions, labels) = (format!("{stream}.predictions"), format!("{stream}.labels"));
    let kept = kafka.extent(&predictions)?;
    let most = usize::try_from(plan.baseline_records)?;
    let mut look = plan.baseline_records.saturating_mul(FIRST_LOOK);
    loop {
        let window = kept.newest(look);
        let mut answers = HashMap::new();
        let mut first_ms = i64::MAX;
        Reader::read_window(kafka, &predictions, &window, |record| {
            context.stop.check()?;
            first_ms = first_ms.min(record.timestamp_ms);
            if let Some((id, answer)) = read_own(&record, champion) {
                answers.insert(id, answer);
            }
            Ok(())
        })?;
        let since = labels_since(kafka, &labels, first_ms)?;
        let mut labelled = Vec::new();
        Reader::read_window(kafka, &labels, &since, |record: Record| {
            context.stop.check()?;
            // Each answer meets one label, so a label that is told twice counts once.
            if let Some((id, label)) = read_label(&record)
                && let Entry::Occupied(found) = answers.entry(id)
            {
                let answer = found.remove();
                let wrong = answer.label != Some(label);
                labelled.push(Labelled { key: answer.key, at_ms: answer.at_ms, wrong });
            }
            Ok(())
        })?;
        tracing::info!(labelled = labelled.len(), window = %window, "read the champion's past");
        let reached = window.len() >= kept.len() || look >= plan.max_waiting as u64;
        if labelled.len() >= most || reached {
            return Ok(Baseline::new(labelled, most, plan.burst, (window, since)));
        }
        look = look.saturating_mul(2).min(plan.max_waiting as u64);
    }
}

/// The labels topic from about `first_ms` (milliseconds since 1970) to its present end.
fn labels_since(kafka: &Kafka, topic: &str, first_ms: i64) -> anyhow::Result<Window> {
    let kept = kafka.extent(topic)?;
    if first_ms == i64::MAX {
        return Ok(kept.newest(0));
    }
    let Some(starts) = kafka.offsets_at(topic, first_ms - SKEW_MS)? else { return Ok(kept) };
    let from = |partition: &i32, low: i64, high: i64| {
        starts.get(partition).copied().unwrap_or(low).clamp(low, high)
    };
    let range = |(partition, (low, high)): (&i32, &(i64, i64))| {
        (*partition, (from(partition, *low, *high), *high))
    };
    Ok(Window(kept.0.iter().map(range).collect()))
}
