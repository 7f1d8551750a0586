//! Both models answer the same records, batch by batch.

use std::time::{Duration, Instant};

use contract::kafka::Record;
use model::{Answers, Model, StreamSchema};

use crate::decide::Limits;
use crate::live::{Answer, Live};
use crate::tally::{Failures, LiveCounts, Source, Tally};

/// A comparison under way.
pub(crate) struct Comparison<'a> {
    schema: &'a StreamSchema,
    limits: &'a Limits,
    candidate: Model,
    champion: Model,
    tally: Tally,
    rows: Vec<f32>,
    waiting: Vec<(Source, Live)>,
    room: Room,
    /// Answers before this many batches are not timed: the engine plans and allocates in them.
    warm_up: u32,
}

/// Buffers that every batch uses again.
#[derive(Default)]
struct Room {
    answers: Answers,
    champion: Vec<Option<Answer>>,
    candidate: Vec<Option<Answer>>,
}

/// Batches that a p99 can be bounded from, and the largest one.
const BATCHES_WANTED: u64 = 1_024;
const LARGEST_BATCH: u64 = 64;
const WARM_UP: u32 = 3;

/// Records a batch, so that a window of `records` gives enough batches to judge their times.
pub(crate) fn batch_size(records: u64) -> usize {
    (records / BATCHES_WANTED).clamp(1, LARGEST_BATCH) as usize
}

impl<'a> Comparison<'a> {
    pub(crate) fn new(
        schema: &'a StreamSchema,
        limits: &'a Limits,
        candidate: Model,
        champion: Model,
        batch: usize,
    ) -> Self {
        Self {
            schema,
            limits,
            candidate,
            champion,
            tally: Tally::new(batch),
            rows: Vec::with_capacity(batch * schema.width()),
            waiting: Vec::with_capacity(batch),
            room: Room::default(),
            warm_up: WARM_UP,
        }
    }

    pub(crate) fn records(&self) -> u64 {
        self.tally.records
    }

    /// Takes in a record of the window and what the live stream answered to it.
    pub(crate) fn take(&mut self, record: &Record, live: Live) {
        self.tally.records += 1;
        let value = record.value.as_deref().unwrap_or_default();
        let source = Source { partition: record.partition, offset: record.offset };
        if let Err(error) = self.schema.parse_row(value, &mut self.rows) {
            self.tally.undecodable += 1;
            let told = || format!("{}/{}: {error}", source.partition, source.offset);
            self.tally.first_undecodable.get_or_insert_with(told);
            return;
        }
        self.waiting.push((source, live));
        if self.waiting.len() == self.tally.latency.batch {
            self.answer();
        }
    }

    /// Answers what still waits and gives the counts.
    pub(crate) fn finish(mut self) -> Tally {
        if !self.waiting.is_empty() {
            self.answer();
        }
        self.tally
    }

    fn answer(&mut self) {
        let n = self.waiting.len();
        let (rows, room, tally) = (&self.rows, &mut self.room, &mut self.tally);
        // Whoever answers second finds the rows in the caches: so each is second half of the time.
        let champion_first = tally.latency.timed.is_multiple_of(2);
        let mut ask_champion = |room: &mut Room, failures: &mut Failures| {
            ask(&mut self.champion, rows, n, &mut room.answers, &mut room.champion, failures)
        };
        let mut ask_candidate = |room: &mut Room, failures: &mut Failures| {
            ask(&mut self.candidate, rows, n, &mut room.answers, &mut room.candidate, failures)
        };
        let (champion, candidate) = if champion_first {
            let champion = ask_champion(room, &mut tally.champion_failures);
            (champion, ask_candidate(room, &mut tally.candidate_failures))
        } else {
            let candidate = ask_candidate(room, &mut tally.candidate_failures);
            (ask_champion(room, &mut tally.champion_failures), candidate)
        };
        for (index, (source, live)) in self.waiting.iter().enumerate() {
            let Some(champion) = room.champion[index] else { continue };
            compare_live(&mut tally.live, *source, champion, live, self.limits.score_tolerance);
            if let Some(candidate) = room.candidate[index] {
                tally.pair(*source, champion, candidate, self.limits.score_shift);
            }
        }
        if self.warm_up > 0 {
            self.warm_up -= 1;
        } else if n == tally.latency.batch
            && let (Some(champion), Some(candidate)) = (champion, candidate)
        {
            time(tally, self.limits, champion, candidate);
        }
        self.rows.clear();
        self.waiting.clear();
    }
}

/// Answers `n` rows; a batch that fails is asked again one by one. The time is that of a whole batch.
fn ask(
    model: &mut Model,
    rows: &[f32],
    n: usize,
    answers: &mut Answers,
    into: &mut Vec<Option<Answer>>,
    failures: &mut Failures,
) -> Option<Duration> {
    into.clear();
    let started = Instant::now();
    let whole = model.answer_into(rows, n, answers);
    let took = started.elapsed();
    if whole.is_ok() {
        into.extend((0..n).map(|index| Some(answer(answers, index))));
        return Some(took);
    }
    for row in rows.chunks_exact(rows.len() / n) {
        match model.answer_into(row, 1, answers) {
            Ok(()) => into.push(Some(answer(answers, 0))),
            Err(error) => {
                failures.push(|| error.to_string());
                into.push(None);
            }
        }
    }
    None
}

fn answer(answers: &Answers, index: usize) -> Answer {
    let label = answers.labels.as_ref().map(|labels| labels[index]);
    Answer { label, score: f64::from(answers.score[index]) }
}

fn compare_live(
    counts: &mut LiveCounts,
    source: Source,
    here: Answer,
    live: &Live,
    tolerance: f64,
) {
    let why = match live {
        Live::Unanswered => return counts.unanswered += 1,
        Live::OtherModel => return counts.other_model += 1,
        Live::Answered(there) if same(here, *there, tolerance) => None,
        Live::Answered(there) => Some(format!("{} on the stream", shown(*there))),
        Live::Unreadable => Some("no prediction on the stream".to_owned()),
    };
    counts.compared += 1;
    if let Some(why) = why {
        counts.mismatches += 1;
        let Source { partition, offset } = source;
        let told = || format!("{partition}/{offset}: {} here, {why}", shown(here));
        counts.first_mismatch.get_or_insert_with(told);
    }
}

fn same(one: Answer, other: Answer, tolerance: f64) -> bool {
    let near = (one.score - other.score).abs() <= tolerance * one.score.abs().max(1.0);
    one.label == other.label && near
}

fn shown(answer: Answer) -> String {
    match answer.label {
        Some(label) => format!("label {label} with score {:.6}", answer.score),
        None => format!("{:.6}", answer.score),
    }
}

fn time(tally: &mut Tally, limits: &Limits, champion: Duration, candidate: Duration) {
    let latency = &mut tally.latency;
    let a_record = |took: Duration| took.as_secs_f64() / latency.batch as f64;
    let (champion, candidate) = (a_record(champion), a_record(candidate));
    latency.timed += 1;
    latency.over_limit += u64::from(candidate > limits.p99);
    let ratio = limits.latency_ratio.unwrap_or(f64::INFINITY);
    latency.over_ratio += u64::from(candidate > ratio * champion);
    latency.sample.push((champion, candidate));
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_batch_leaves_enough_batches_to_judge() {
        assert_eq!((batch_size(0), batch_size(1_000), batch_size(20_000)), (1, 1, 19));
        assert_eq!(batch_size(10_000_000), 64);
    }

    #[test]
    fn answers_are_the_same_within_the_tolerance() {
        let answer = |label, score| Answer { label, score };
        for (one, other, expected) in [
            (answer(Some(1), 0.5), answer(Some(1), 0.50005), true),
            (answer(Some(1), 0.5), answer(Some(1), 0.502), false),
            (answer(Some(1), 0.5), answer(Some(0), 0.5), false),
            (answer(None, 5_000.0), answer(None, 5_000.4), true),
            (answer(None, 5_000.0), answer(None, 5_001.0), false),
        ] {
            assert_eq!(same(one, other, 1e-4), expected, "{one:?} {other:?}");
        }
    }

    #[test]
    fn only_answers_of_the_champion_count_as_compared() {
        let mut counts = LiveCounts::default();
        let here = Answer { label: Some(1), score: 0.9 };
        let source = Source { partition: 2, offset: 7 };
        for live in [
            Live::Unanswered,
            Live::OtherModel,
            Live::Unreadable,
            Live::Answered(here),
            Live::Answered(Answer { label: Some(0), score: 0.1 }),
        ] {
            compare_live(&mut counts, source, here, &live, 1e-4);
        }
        assert_eq!((counts.compared, counts.mismatches), (3, 2));
        assert_eq!((counts.unanswered, counts.other_model), (1, 1));
        let first = counts.first_mismatch.unwrap();
        assert_eq!(first, "2/7: label 1 with score 0.900000 here, no prediction on the stream");
    }
}
