//! Champion and candidate answer the same records, batch by batch, and after each the evidence is looked at.

use std::time::Duration;

use kafka::Record;
use stream::StreamSchema;

use crate::answerer::{Answerer, Reply};
use crate::check::Check;
use crate::decide::Limits;
use crate::live::{Live, ModelOutput};
use crate::tally::{Source, Tally};
use crate::watch::Watch;

/// A comparison under way.
pub(crate) struct Comparison<'a> {
    schema: &'a StreamSchema,
    limits: &'a Limits,
    champion: Answerer,
    candidate: Answerer,
    tally: Tally,
    watch: Watch<'a>,
    rows: Vec<f32>,
    waiting: Vec<Waiting>,
    replies: Replies,
    /// Answers before this many batches are not timed: the engine plans and allocates in them.
    warm_up: u32,
    /// Whether nothing may be said that could repeat a record's values.
    discreet: bool,
    over: bool,
}

/// A record whose row waits for the batch to be full.
struct Waiting {
    source: Source,
    key: Option<u64>,
    live: Live,
}

/// Buffers that every batch uses again.
#[derive(Default)]
struct Replies {
    champion: Vec<Reply>,
    candidate: Vec<Reply>,
}

/// Batches from which a p99 is bounded well before the window ends (some 500 without a slow one), and the largest
/// batch. A small one shows each slow answer, a large one is not held up by every other program on the machine.
const BATCHES_WANTED: u64 = 4_096;
const LARGEST_BATCH: u64 = 64;
const WARM_UP: u32 = 3;

/// Records a batch, so that `records` of them give enough batches to judge their times.
pub(crate) fn batch_size(records: u64) -> usize {
    (records / BATCHES_WANTED).clamp(1, LARGEST_BATCH) as usize
}

impl<'a> Comparison<'a> {
    pub(crate) fn new(
        schema: &'a StreamSchema,
        limits: &'a Limits,
        [champion, candidate]: [Answerer; 2],
        batch: usize,
        discreet: bool,
    ) -> Self {
        Self {
            schema,
            limits,
            champion,
            candidate,
            tally: Tally::new(batch),
            watch: Watch::new(limits),
            rows: Vec::with_capacity(batch * schema.width()),
            waiting: Vec::with_capacity(batch),
            replies: Replies::default(),
            warm_up: WARM_UP,
            discreet,
            over: false,
        }
    }

    pub(crate) fn records(&self) -> u64 {
        self.tally.records
    }

    /// Whether no further record can change the verdict.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// Takes in a record and what the live stream answered to it.
    pub(crate) fn take(&mut self, record: &Record, live: Live) {
        self.tally.records += 1;
        let value = record.value.as_deref().unwrap_or_default();
        let source = Source { partition: record.partition, offset: record.offset };
        if let Err(error) = self.schema.parse_row(value, &mut self.rows) {
            self.tally.undecodable += 1;
            let place = format!("{}/{}", source.partition, source.offset);
            let why = || match self.discreet {
                true => format!("{place}: it is no row of the schema"),
                false => format!("{place}: {error}"),
            };
            self.tally.first_undecodable.get_or_insert_with(why);
            return;
        }
        let key = record.key.as_deref().map(key_hash);
        self.waiting.push(Waiting { source, key, live });
        if self.waiting.len() == self.tally.latency.batch {
            self.answer();
        }
    }

    /// Answers what still waits.
    pub(crate) fn finish(&mut self) {
        if !self.waiting.is_empty() {
            self.answer();
        }
    }

    /// The counts and the checks.
    pub(crate) fn into_findings(self) -> (Tally, Vec<Check>) {
        let checks = self.watch.finish(&self.tally);
        (self.tally, checks)
    }

    fn answer(&mut self) {
        let Self { champion, candidate, replies, rows, tally, limits, .. } = self;
        let live: Vec<&Live> = self.waiting.iter().map(|waiting| &waiting.live).collect();
        let took = {
            let mut ask_champion = || champion.answer(rows, &live, &mut replies.champion);
            let mut ask_candidate = || candidate.answer(rows, &live, &mut replies.candidate);
            // Whoever answers second finds the rows in the caches: so each is second half of the time.
            if tally.latency.over_limit.values.count().is_multiple_of(2) {
                let champion = ask_champion();
                (champion, ask_candidate())
            } else {
                let candidate = ask_candidate();
                (ask_champion(), candidate)
            }
        };
        let width = self.schema.width();
        let replies = replies.champion.iter().zip(&replies.candidate);
        let records = self.waiting.iter().zip(rows.chunks_exact(width));
        for ((waiting, row), (champion, candidate)) in records.zip(replies) {
            count(tally, limits, waiting, row, champion, candidate);
        }
        if self.warm_up > 0 {
            self.warm_up -= 1;
        } else if self.waiting.len() == tally.latency.batch {
            time(tally, limits, took);
        }
        self.rows.clear();
        self.waiting.clear();
        self.watch.look(&self.tally);
        self.over = self.watch.is_over();
    }
}

/// Counts what the two replied to one record.
fn count(
    tally: &mut Tally,
    limits: &Limits,
    waiting: &Waiting,
    row: &[f32],
    champion: &Reply,
    candidate: &Reply,
) {
    let Waiting { source, key, live } = waiting;
    if let Reply::Failed(why) = candidate {
        tally.first_failure.get_or_insert_with(|| why.clone());
    }
    tally.failures.observe(matches!(candidate, Reply::Failed(_)), *key);
    if let Reply::Failed(why) = champion {
        tally.champion_failures.push(why);
    }
    match (live, limits.champion_mismatch) {
        (Live::Unanswered, _) => tally.live.unanswered += 1,
        (Live::Unasked, _) => {}
        (Live::OtherModel, _) => tally.live.other_model += 1,
        (_, None) => tally.live.compared += 1,
        (_, Some(_)) => {
            if let Reply::Answer(here) = champion {
                compare_live(tally, *source, *key, *here, live, limits.score_tolerance);
            }
        }
    }
    if let (Reply::Answer(champion), Reply::Answer(candidate)) = (champion, candidate) {
        tally.pair(*source, *key, row, [*champion, *candidate], limits.score_shift);
    }
}

/// Holds the champion's answer here against the one that it gave to the stream.
fn compare_live(
    tally: &mut Tally,
    source: Source,
    key: Option<u64>,
    here: ModelOutput,
    live: &Live,
    tolerance: f64,
) {
    let why = match live {
        Live::Answered(there) if same(here, *there, tolerance) => None,
        Live::Answered(there) => Some(format!("{} on the stream", shown(*there))),
        _ => Some("no prediction on the stream".to_owned()),
    };
    tally.live.compared += 1;
    tally.mismatches.observe(why.is_some(), key);
    if let Some(why) = why {
        tally.live.mismatches += 1;
        let Source { partition, offset } = source;
        let first = || format!("{partition}/{offset}: {} here, {why}", shown(here));
        tally.live.first_mismatch.get_or_insert_with(first);
    }
}

fn same(one: ModelOutput, other: ModelOutput, tolerance: f64) -> bool {
    let near = (one.score - other.score).abs() <= tolerance * one.score.abs().max(1.0);
    one.label == other.label && near
}

fn shown(answer: ModelOutput) -> String {
    match answer.label {
        Some(label) => format!("label {label} with score {:.6}", answer.score),
        None => format!("{:.6}", answer.score),
    }
}

/// Counts the time of a batch against the limits.
fn time(tally: &mut Tally, limits: &Limits, took: (Option<Duration>, Option<Duration>)) {
    let latency = &mut tally.latency;
    let a_record = |took: Duration| took.as_secs_f64() / latency.batch as f64;
    let (champion, Some(candidate)) = (took.0.map(a_record), took.1.map(a_record)) else { return };
    latency.over_limit.observe(candidate > limits.p99, None);
    if let (Some(ratio), Some(champion)) = (limits.latency_ratio, champion) {
        latency.over_ratio.observe(candidate > ratio * champion, None);
    }
    latency.sample.push((champion, candidate));
}

/// FNV-1a: the same on every machine and for ever, so that a repeated run finds the same dependence.
fn key_hash(key: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    key.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_batch_leaves_enough_batches_to_judge() {
        assert_eq!((batch_size(0), batch_size(1_000), batch_size(20_000)), (1, 1, 4));
        assert_eq!(batch_size(10_000_000), 64);
    }

    #[test]
    fn answers_are_the_same_within_the_tolerance() {
        let answer = |label, score| ModelOutput { label, score };
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
        let mut tally = Tally::new(1);
        let limits = crate::decide::tests::limits();
        let here = Reply::Answer(ModelOutput { label: Some(1), score: 0.9 });
        let source = Source { partition: 2, offset: 7 };
        for live in [
            Live::Unanswered,
            Live::OtherModel,
            Live::Unreadable,
            Live::Answered(ModelOutput { label: Some(1), score: 0.9 }),
            Live::Answered(ModelOutput { label: Some(0), score: 0.1 }),
        ] {
            let waiting = Waiting { source, key: None, live };
            count(&mut tally, &limits, &waiting, &[], &here, &here);
        }
        assert_eq!((tally.live.compared, tally.live.mismatches), (3, 2));
        assert_eq!((tally.live.unanswered, tally.live.other_model), (1, 1));
        assert_eq!((tally.pairs(), tally.disagreements.events), (5, 0));
        let first = tally.live.first_mismatch.unwrap();
        assert_eq!(first, "2/7: label 1 with score 0.900000 here, no prediction on the stream");
    }

    #[test]
    fn a_key_has_one_hash_for_ever() {
        assert_eq!(key_hash(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(key_hash(b"a"), 0xaf63_dc4c_8601_ec8c);
    }
}
