//! Reads the champion's past back from the topics: what the stream is like, and what a switch is compared with.

use std::collections::HashMap;
use std::time::Duration;

use contract::Context;
use kafka::{Kafka, Reader, Record, Window};
use stream::{PredictionHeaders, Topics};

use crate::policy::meeting::Before;
use crate::policy::metrics::held::{self, Heads};
use crate::policy::plan::Plan;
use crate::policy::stream_profile::{History, Ids, LabelledPrediction};
use crate::records::answer::read_own;
use crate::records::hash;
use crate::records::labels::{self, shown};

/// At first so large a part more offsets are looked through than labelled answers are sought: not every answer has a label
/// yet, and transactions take offsets too. Where a transaction holds one record, the second look is enough.
const EXTRA_PART: u64 = 4;

/// So many times as many predictions as labelled answers are sought are looked through where no label meets one.
const MAX_LOOK_FACTOR: u64 = 8;

/// Labels looked through for each answer, where it is not known since when.
const LABELS_PER_ANSWER: u64 = 2;

/// Clocks of those who write labels and of those who write predictions may differ by this. Labels of so much time are
/// read in vain, and of an answer whose label is missed nothing is learnt.
const SKEW_MS: i64 = 10_000;

/// What was answered, by the hash of the record's id.
#[derive(Debug)]
struct Read {
    /// By the champion for keys of its own.
    own: HashMap<u64, Answer>,
    /// By whomever.
    ids: Ids,
    answer_id: Option<String>,
    /// Times of the first and the last prediction that was looked at: milliseconds since 1970.
    first_ms: i64,
    last_ms: i64,
}

#[derive(Clone, Copy, Debug)]
struct Answer {
    past: LabelledPrediction,
    met: bool,
}

/// The labelled answers that the model `champion` gave for keys of its own, the newest ones, at most as many as the plan
/// asks for.
///
/// It goes back step by step, each twice as far, until it has enough, has reached the beginning, or would hold more
/// than the plan lets wait. Predictions are read once, and labels not before there are answers enough for them.
///
/// # Errors
/// The broker is away, or the process was asked to end.
pub(crate) fn read(context: &Context, champion: &str, plan: &Plan) -> anyhow::Result<History> {
    let (kafka, stream) = (&context.kafka, &context.common.stream);
    let Topics { predictions, labels, .. } = Topics::of(stream);
    let kept = kafka.extent(&predictions)?;
    let most = usize::try_from(plan.baseline_records)?;
    let mut look = plan.baseline_records.saturating_add(plan.baseline_records / EXTRA_PART);
    let (mut read, mut window) = (Read::default(), kept.newest(0));
    let unlabelled = kafka.extent(&labels)?.is_empty();
    loop {
        let wider = kept.newest(look);
        read.predictions(context, champion, &before(&wider, &window))?;
        window = wider;
        let reached = window.len() >= kept.len() || look >= plan.max_waiting as u64;
        if read.own.len() >= most || reached || unlabelled {
            let since = labels_since(kafka, &labels, read.first_ms, window.len())?;
            let (mut answers, met) = read.meet(context, &since, plan)?;
            tracing::info!(labelled = answers.len(), window = %window, "read the champion's past");
            // Where none of so many met, twice as many would not.
            let stalled =
                met.met == 0 && look >= plan.baseline_records.saturating_mul(MAX_LOOK_FACTOR);
            if answers.len() >= most || reached || unlabelled || stalled {
                answers.drain(..answers.len().saturating_sub(most));
                let is_all = window.0.values().all(|(from, _)| *from == 0);
                let is_whole = is_all || read.spans(plan);
                let met = Before { is_whole, ..met };
                let own = read.newest_own(most);
                // Where some met, nobody has to look for them any more.
                let ids = if met.met == 0 { read.ids } else { Ids::default() };
                return Ok(History {
                    answers,
                    own,
                    before: met,
                    predictions: window,
                    labels: since,
                    ids,
                });
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
    (predictions, labels): (&Window, &Window),
    plan: &Plan,
) -> anyhow::Result<Vec<LabelledPrediction>> {
    let mut read = Read::default();
    read.predictions(context, champion, predictions)?;
    Ok(read.meet(context, labels, plan)?.0)
}

/// What `wider` has and `window` has not yet, which ends where it ends.
fn before(wider: &Window, window: &Window) -> Window {
    let older = |(partition, (from, to)): (&i32, &(i64, i64))| {
        (*partition, (*from, window.0.get(partition).map_or(*to, |(first, _)| *first)))
    };
    Window(wider.0.iter().map(older).collect())
}

impl Default for Read {
    fn default() -> Self {
        Self {
            own: HashMap::new(),
            ids: HashMap::new(),
            answer_id: None,
            first_ms: i64::MAX,
            last_ms: i64::MIN,
        }
    }
}

impl Read {
    /// Adds what was answered in a window that lies before all that was read.
    fn predictions(
        &mut self,
        context: &Context,
        champion: &str,
        window: &Window,
    ) -> anyhow::Result<()> {
        let topic = Topics::of(&context.common.stream).predictions;
        Reader::read_window(&context.kafka, &topic, window, |record| {
            context.stop.check()?;
            self.first_ms = self.first_ms.min(record.timestamp_ms);
            self.last_ms = self.last_ms.max(record.timestamp_ms);
            let Ok(id) = PredictionHeaders::of(&record.headers).id() else { return Ok(()) };
            self.answer_id.get_or_insert_with(|| shown(id.as_bytes()));
            let at_ms = self.ids.entry(hash(id.as_bytes())).or_insert(record.timestamp_ms);
            *at_ms = (*at_ms).min(record.timestamp_ms);
            if let Some(past) = read_own(&record, champion) {
                let answer = Answer { past, met: false };
                // Of two answers to one record the later counts, in whatever order they were read.
                let kept = self.own.entry(past.id).or_insert(answer);
                if kept.past.at_ms < past.at_ms {
                    *kept = answer;
                }
            }
            Ok(())
        })
    }

    /// The champion's answers whose labels are in this window of their topic, in the order of their time, and how labels
    /// and answers met.
    fn meet(
        &mut self,
        context: &Context,
        window: &Window,
        plan: &Plan,
    ) -> anyhow::Result<(Vec<LabelledPrediction>, Before)> {
        let topic = Topics::of(&context.common.stream).labels;
        for answer in self.own.values_mut() {
            (answer.met, answer.past.wrong) = (false, None);
        }
        let answer_id = self.answer_id.clone().unwrap_or_default();
        let predictions = self.ids.len() as u64;
        let mut before = Before { predictions, answer_id, ..Before::default() };
        let mut waited: Vec<u64> = Vec::new();
        Reader::read_window(&context.kafka, &topic, window, |record: Record| {
            context.stop.check()?;
            let (id, label) = match labels::read(&record) {
                Ok(label) => label,
                Err(trouble) => {
                    before.troubles.add(trouble, &record);
                    return Ok(());
                }
            };
            if before.labels == 0 {
                before.label_id = shown(record.key.as_deref().unwrap_or_default());
            }
            before.labels += 1;
            if let Some(at_ms) = self.ids.get(&id) {
                waited.push(u64::try_from(record.timestamp_ms - at_ms).unwrap_or(0));
            }
            // The first label counts, and one that is repeated does not.
            if let Some(answer) = self.own.get_mut(&id)
                && !answer.met
            {
                answer.met = true;
                answer.past.wrong = held::error(answer.past.heads, label).ok();
            }
            Ok(())
        })?;
        let labelled = self.own.values().filter(|answer| answer.met).map(|answer| answer.past);
        let mut labelled: Vec<LabelledPrediction> = labelled.collect();
        // Whatever the order in which partitions were read, the result is the same.
        labelled.sort_by_key(|past| (past.at_ms, past.id));

        waited.sort_unstable();
        let in_time = waited.partition_point(|ms| u128::from(*ms) <= plan.label_wait.as_millis());
        (before.met, before.in_time) = (waited.len() as u64, in_time as u64);
        before.median_ms = waited.get(waited.len() / 2).copied();
        before.slow_ms = waited.get(waited.len() * 99 / 100).copied();
        Ok((labelled, before))
    }

    /// Whether what was read is longer than a label may take, by far.
    fn spans(&self, plan: &Plan) -> bool {
        let span = u64::try_from(self.last_ms.saturating_sub(self.first_ms)).unwrap_or(0);
        Duration::from_millis(span) >= plan.label_wait * 2
    }

    /// What the newest `most` answers of the champion say.
    fn newest_own(&self, most: usize) -> Vec<Heads> {
        let mut own: Vec<&LabelledPrediction> =
            self.own.values().map(|answer| &answer.past).collect();
        own.sort_unstable_by_key(|past| (past.at_ms, past.id));
        own.iter().rev().take(most).map(|past| past.heads).collect()
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
        return Ok(kept.newest(answers.saturating_mul(LABELS_PER_ANSWER)));
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
