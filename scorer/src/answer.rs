//! Asks the models of a plan for the answers to a batch.
//!
//! One record that a model cannot answer must not cost the others theirs, so a batch that fails is halved until
//! the record is found. The champion is asked until every answer is there or known to be impossible; a
//! candidate that fails is asked only so often, because its keys can fall back to the champion.
//!
//! The clock is read once for each call of a model, never for each record.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use model::{AnswerError, Answers};
use routes::{Variant, variant};

use crate::batch::{Batch, Reject};
use crate::plan::{Answerer, Plan};

/// How often a candidate that failed a batch is asked again for parts of it.
const CANDIDATE_PATIENCE: u32 = 32;

/// The answers to a batch, one for each record; `None` where the record itself is bad.
#[derive(Default)]
pub struct Answered {
    /// The plan under which it was answered.
    pub plan: Option<Arc<Plan>>,
    pub batch: Batch,
    pub answers: Vec<Option<Result<Answer, Reject>>>,
    /// The numbers of models with more than two classes.
    pub scores: Vec<f32>,
}

/// The answer to one record.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub label: Option<i64>,
    pub score: f32,
    /// Microseconds that its model needed for the part of the batch that this record was in, halves that failed
    /// included; after a fallback also what the candidate's attempt took.
    pub took: u32,
    /// Where its numbers are in [`Answered::scores`]; empty for up to two classes.
    pub scores: std::ops::Range<usize>,
    /// Who truly answered.
    pub variant: Variant,
    /// Why the champion answered a key of the candidate's.
    pub fallback: Option<Arc<str>>,
}

/// Memory that is used again from batch to batch.
#[derive(Default)]
pub struct Scratch {
    champion: Vec<usize>,
    candidate: Vec<usize>,
    rows: Vec<f32>,
    part: Answers,
}

impl Answered {
    /// Forgets everything but the memory.
    pub fn clear(&mut self) {
        self.plan = None;
        self.batch.clear();
        self.answers.clear();
        self.scores.clear();
    }
}

/// Answers every record of `answered.batch` under `plan`; `topic` is the features topic.
pub fn answer(plan: &Arc<Plan>, topic: &str, answered: &mut Answered, scratch: &mut Scratch) {
    answered.plan = Some(Arc::clone(plan));
    answered.answers.clear();
    answered.answers.resize(answered.batch.len(), None);
    answered.scores.clear();
    let (mut champions, mut candidates) =
        (std::mem::take(&mut scratch.champion), std::mem::take(&mut scratch.candidate));
    split(plan, topic, &answered.batch, &mut champions, &mut candidates);
    let by_route = champions.len();

    let (fallbacks, attempt) = ask_candidate(plan, &candidates, answered, scratch);
    champions.extend(fallbacks.iter().map(|(index, _)| *index));
    let why = |place: usize| Some(Arc::clone(&fallbacks[place.checked_sub(by_route)?].1));
    let before = |place: usize| if place < by_route { Duration::ZERO } else { attempt };
    let mut champion = plan.champion.lock().unwrap_or_else(PoisonError::into_inner);
    let failed = ask(&mut *champion, &champions, u32::MAX, answered, scratch, |place| {
        (Variant::Champion, why(place), before(place))
    });
    for (indexes, error) in failed {
        let reject = Reject::new("not-answered", format!("the champion cannot answer: {error}"));
        for index in indexes {
            answered.answers[index] = Some(Err(reject.clone()));
        }
    }
    (scratch.champion, scratch.candidate) = (champions, candidates);
}

/// Sorts the good records by the variant that the route gives them to.
fn split(
    plan: &Plan,
    topic: &str,
    batch: &Batch,
    champions: &mut Vec<usize>,
    candidates: &mut Vec<usize>,
) {
    champions.clear();
    candidates.clear();
    // The hash is worth its time only where a share is split.
    let whole = plan.route.share() <= 0.0;
    for index in (0..batch.len()).filter(|index| batch.row(*index).is_ok()) {
        let chosen = if whole {
            Variant::Champion
        } else {
            let feature = batch.feature(index);
            match feature.key {
                Some(key) => variant(&plan.route, key),
                None => {
                    let source = format!("{topic}/{}/{}", feature.partition, feature.offset);
                    variant(&plan.route, source.as_bytes())
                }
            }
        };
        match chosen {
            Variant::Champion => champions.push(index),
            Variant::Candidate => candidates.push(index),
        }
    }
}

/// Lets the candidate answer its records; returns those that fall back to the champion, and why, and the time that
/// they have lost by then.
fn ask_candidate(
    plan: &Plan,
    indexes: &[usize],
    answered: &mut Answered,
    scratch: &mut Scratch,
) -> (Vec<(usize, Arc<str>)>, Duration) {
    let begun = Instant::now();
    let failed = match &plan.candidate {
        None => return (Vec::new(), Duration::ZERO),
        Some(_) if indexes.is_empty() => return (Vec::new(), Duration::ZERO),
        Some(Err(why)) => vec![(indexes.to_vec(), format!("the candidate is not loaded: {why}"))],
        Some(Ok(candidate)) => {
            let mut candidate = candidate.lock().unwrap_or_else(PoisonError::into_inner);
            let mark = |_| (Variant::Candidate, None, Duration::ZERO);
            let failed = ask(&mut *candidate, indexes, CANDIDATE_PATIENCE, answered, scratch, mark);
            let told = |error| format!("the candidate cannot answer: {error}");
            failed.into_iter().map(|(indexes, error)| (indexes, told(error))).collect()
        }
    };
    let mut fallbacks = Vec::new();
    for (indexes, why) in failed {
        let why: Arc<str> = why.into();
        fallbacks.extend(indexes.into_iter().map(|index| (index, Arc::clone(&why))));
    }
    (fallbacks, begun.elapsed())
}

/// Asks `model` for the records at `indexes`, writes the answers, and returns those that it cannot answer.
///
/// After a failure it is asked at most `patience` times for halves. `mark` tells variant, fallback and the time spent
/// before by the place in `indexes`.
fn ask(
    model: &mut dyn Answerer,
    indexes: &[usize],
    mut patience: u32,
    answered: &mut Answered,
    scratch: &mut Scratch,
    mark: impl Fn(usize) -> (Variant, Option<Arc<str>>, Duration),
) -> Vec<(Vec<usize>, AnswerError)> {
    let begun = Instant::now();
    let mut failed = Vec::new();
    // First in, first out: large parts that are good get their answers before patience ends.
    let mut parts = VecDeque::new();
    parts.push_back(0..indexes.len());
    while let Some(part) = parts.pop_front() {
        let asked = &indexes[part.clone()];
        if asked.is_empty() {
            continue;
        }
        match ask_once(model, asked, &answered.batch, scratch) {
            Ok(()) => {
                let took = begun.elapsed();
                for (row, index) in asked.iter().enumerate() {
                    let (variant, fallback, before) = mark(part.start + row);
                    let took = micros(before + took);
                    answered.take(*index, &scratch.part, row, (variant, fallback, took));
                }
            }
            Err(error) if asked.len() == 1 || patience == 0 => failed.push((asked.to_vec(), error)),
            Err(_) => {
                patience -= 1;
                let middle = part.start + part.len() / 2;
                parts.extend([part.start..middle, middle..part.end]);
            }
        }
    }
    failed
}

fn ask_once(
    model: &mut dyn Answerer,
    indexes: &[usize],
    batch: &Batch,
    scratch: &mut Scratch,
) -> Result<(), AnswerError> {
    let n = indexes.len();
    // The common case: all rows in their order, which need not be copied.
    let rows = if n * batch.width() == batch.rows().len() && indexes.is_sorted() {
        batch.rows()
    } else {
        scratch.rows.clear();
        for index in indexes {
            let row = batch.row(*index).expect("only records with a row are asked about");
            scratch.rows.extend_from_slice(row);
        }
        &scratch.rows
    };
    model.answer_into(rows, n, &mut scratch.part)?;
    // The engine is trusted with numbers, not with their count.
    let (got, what) = (scratch.part.score.len(), "scores");
    if got == n { Ok(()) } else { Err(AnswerError::Shape { rows: n, what, got }) }
}

impl Answered {
    fn take(
        &mut self,
        index: usize,
        part: &Answers,
        row: usize,
        (variant, fallback, took): (Variant, Option<Arc<str>>, u32),
    ) {
        let start = self.scores.len();
        if part.width > 2 {
            self.scores.extend_from_slice(&part.scores[row * part.width..][..part.width]);
        }
        let label = part.labels.as_ref().and_then(|labels| labels.get(row).copied());
        let (score, scores) = (part.score[row], start..self.scores.len());
        self.answers[index] = Some(Ok(Answer { label, score, took, scores, variant, fallback }));
    }
}

/// Whole microseconds; what took more than an hour is told as what a header can hold.
fn micros(took: Duration) -> u32 {
    u32::try_from(took.as_micros()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::sync::Mutex;

    use model::StreamSchema;
    use routes::{ModelRef, Route};

    use super::*;
    use crate::batch::Feature;
    use crate::plan::Loaded;

    /// Answers the sum of a row and `add`; cannot answer rows that hold `poison`.
    struct Sum {
        add: f32,
        poison: f32,
        asked: usize,
    }

    impl Answerer for Sum {
        fn answer_into(
            &mut self,
            rows: &[f32],
            n: usize,
            answers: &mut Answers,
        ) -> Result<(), AnswerError> {
            self.asked += 1;
            if let Some(place) = rows.iter().position(|number| *number == self.poison) {
                let row = place / (rows.len() / n);
                return Err(AnswerError::NotFinite { row, value: f32::NAN });
            }
            let sums = rows.chunks(rows.len() / n).map(|row| row.iter().sum::<f32>() + self.add);
            answers.score = sums.collect();
            answers.scores = answers.score.clone();
            (answers.width, answers.labels) = (1, None);
            Ok(())
        }
    }

    fn sum(add: f32, poison: f32) -> Loaded {
        Arc::new(Mutex::new(Sum { add, poison, asked: 0 }))
    }

    fn plan(champion: Loaded, candidate: Option<Result<Loaded, String>>, share: f64) -> Arc<Plan> {
        let model = |n: u8| ModelRef { digest: format!("sha256:{n}"), image: String::new() };
        let mut route = Route::bootstrap("s", model(1));
        if candidate.is_some() {
            route = route.with_candidate(model(2), share);
        }
        Arc::new(Plan { route, champion, candidate, fallbacks: Arc::default() })
    }

    /// Records whose one number is their place; `bad` ones are no JSON.
    fn batch(count: usize, bad: &[usize]) -> Answered {
        let schema = r#"{"stream":"s","format":"json","fields":[{"name":"a","dtype":"float32"}]}"#;
        let schema = StreamSchema::parse(schema).unwrap();
        let mut answered = Answered::default();
        for n in 0..count {
            let value = if bad.contains(&n) { "x".to_owned() } else { format!(r#"{{"a":{n}}}"#) };
            let (key, value) = (n.to_string(), Some(value.as_bytes()));
            let feature = Feature {
                offset: n as i64,
                key: Some(key.as_bytes()),
                value,
                ..Feature::default()
            };
            answered.batch.push(&schema, &feature);
        }
        answered
    }

    fn scored(answered: &Answered, index: usize) -> (f32, Variant, Option<String>) {
        let answer = answered.answers[index].clone().unwrap().unwrap();
        (answer.score, answer.variant, answer.fallback.map(|why| why.to_string()))
    }

    #[test]
    fn every_good_record_is_answered_by_the_variant_of_its_key() {
        let plan = plan(sum(0.0, -1.0), Some(Ok(sum(1000.0, -1.0))), 0.4);
        let mut answered = batch(100, &[3, 50]);
        answer(&plan, "s.features", &mut answered, &mut Scratch::default());
        let mut candidates = 0;
        for n in 0..100 {
            if [3, 50].contains(&n) {
                assert_eq!(answered.answers[n], None);
                continue;
            }
            let chosen = variant(&plan.route, n.to_string().as_bytes());
            let add = if chosen == Variant::Candidate { 1000.0 } else { 0.0 };
            assert_eq!(scored(&answered, n), (n as f32 + add, chosen, None));
            candidates += usize::from(chosen == Variant::Candidate);
        }
        assert!((20..60).contains(&candidates), "{candidates}");
    }

    #[test]
    fn a_record_that_the_champion_cannot_answer_costs_only_itself() {
        let plan = plan(sum(0.0, 7.0), None, 0.0);
        let mut answered = batch(20, &[0]);
        answer(&plan, "s.features", &mut answered, &mut Scratch::default());
        let reject = answered.answers[7].clone().unwrap().unwrap_err();
        assert_eq!(reject.class, "not-answered");
        assert!(reject.reason.starts_with("the champion cannot answer"), "{}", reject.reason);
        assert!((1..20).filter(|n| *n != 7).all(|n| scored(&answered, n).0 == n as f32));
    }

    #[test]
    fn what_the_candidate_cannot_answer_the_champion_does() {
        let plan = plan(sum(0.0, -1.0), Some(Ok(sum(1000.0, 7.0))), 1.0);
        let mut answered = batch(20, &[]);
        answer(&plan, "s.features", &mut answered, &mut Scratch::default());
        let (score, chosen, why) = scored(&answered, 7);
        assert_eq!((score, chosen), (7.0, Variant::Champion));
        assert!(why.unwrap().starts_with("the candidate cannot answer"));
        assert_eq!(scored(&answered, 8), (1008.0, Variant::Candidate, None));
    }

    #[test]
    fn every_answer_tells_how_long_its_model_took() {
        /// Needs `least`; cannot answer rows that hold `poison`.
        struct Slow {
            least: Duration,
            poison: f32,
        }
        impl Answerer for Slow {
            fn answer_into(
                &mut self,
                rows: &[f32],
                n: usize,
                answers: &mut Answers,
            ) -> Result<(), AnswerError> {
                std::thread::sleep(self.least);
                Sum { add: 0.0, poison: self.poison, asked: 0 }.answer_into(rows, n, answers)
            }
        }
        let slow = |millis, poison| -> Loaded {
            Arc::new(Mutex::new(Slow { least: Duration::from_millis(millis), poison }))
        };
        let (mut answered, mut scratch) = (batch(40, &[]), Scratch::default());
        let of = |n: usize, plan: &Plan| variant(&plan.route, n.to_string().as_bytes());
        let halved = plan(slow(0, -1.0), Some(Ok(slow(60, -1.0))), 0.5);
        let bad = (0..40).find(|n| of(*n, &halved) == Variant::Candidate).unwrap();
        let plan = plan(slow(0, -1.0), Some(Ok(slow(60, bad as f32))), 0.5);
        for (plan, fails) in [(halved, None), (plan, Some(bad))] {
            answer(&plan, "s.features", &mut answered, &mut scratch);
            for n in 0..40 {
                let answer = answered.answers[n].clone().unwrap().unwrap();
                let least = match of(n, &plan) {
                    Variant::Champion => 0,
                    Variant::Candidate if fails.is_some() => 120_000,
                    Variant::Candidate => 60_000,
                };
                assert!(answer.took >= least, "{n}: {answer:?}");
                assert_eq!(answer.fallback.is_some(), fails == Some(n));
            }
            let champions = (0..40).filter(|n| of(*n, &plan) == Variant::Champion);
            let took = |n: usize| answered.answers[n].as_ref().unwrap().as_ref().unwrap().took;
            assert!(champions.map(took).max().unwrap() < 60_000, "the candidate's time is its own");
        }
    }

    #[test]
    fn a_candidate_that_is_not_there_falls_back_with_the_reason() {
        let plan = plan(sum(0.0, -1.0), Some(Err("no such image".into())), 1.0);
        let mut answered = batch(3, &[]);
        answer(&plan, "s.features", &mut answered, &mut Scratch::default());
        let why = "the candidate is not loaded: no such image".to_owned();
        assert_eq!(scored(&answered, 2), (2.0, Variant::Champion, Some(why)));
    }

    #[test]
    fn a_candidate_that_answers_nothing_is_not_asked_without_end() {
        struct Broken(usize);
        impl Answerer for Broken {
            fn answer_into(
                &mut self,
                _: &[f32],
                _: usize,
                _: &mut Answers,
            ) -> Result<(), AnswerError> {
                self.0 += 1;
                Err(AnswerError::Engine("out of memory".into()))
            }
        }
        let broken = Arc::new(Mutex::new(Broken(0)));
        let plan = plan(sum(0.0, -1.0), Some(Ok(Arc::clone(&broken) as Loaded)), 1.0);
        let mut answered = batch(2000, &[]);
        answer(&plan, "s.features", &mut answered, &mut Scratch::default());
        assert!((0..2000).all(|n| scored(&answered, n).1 == Variant::Champion));
        let asked = broken.lock().unwrap().0;
        assert!(asked <= 2 * CANDIDATE_PATIENCE as usize + 1, "{asked}");
    }

    #[test]
    fn records_without_a_key_are_split_by_their_source() {
        let plan = plan(sum(0.0, -1.0), Some(Ok(sum(1000.0, -1.0))), 0.5);
        let schema = r#"{"stream":"s","format":"json","fields":[{"name":"a","dtype":"float32"}]}"#;
        let schema = StreamSchema::parse(schema).unwrap();
        let mut answered = Answered::default();
        for offset in 0..50 {
            let value = Some(&br#"{"a":1}"#[..]);
            answered
                .batch
                .push(&schema, &Feature { partition: 2, offset, value, ..Feature::default() });
        }
        answer(&plan, "s.features", &mut answered, &mut Scratch::default());
        for n in 0..50 {
            let key = format!("s.features/2/{n}");
            assert_eq!(scored(&answered, n).1, variant(&plan.route, key.as_bytes()));
        }
    }
}
