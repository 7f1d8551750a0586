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
#[path = "answer_tests.rs"]
mod tests;
