//! Asks the models of a plan for the answers to a batch.
//!
//! One record that a model cannot answer must not cost the others theirs, so a batch that fails is halved until
//! the record is found. The champion is asked until every answer is there or known to be impossible; a
//! candidate that fails is asked only so often, because its keys can fall back to the champion.
//!
//! A candidate answers beside the champion: it is given its records first, then the champion is asked, and only then
//! are the candidate's answers waited for.
//!
//! The clock is read once for each call of a model, never for each record.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use model::{AnswerError, Answers};
use routes::variant;
use stream::{Variant, split_key};

use crate::answering::batch::{Batch, Reject};
use crate::answering::plan::{Answerer, NoAnswer, Plan};
use crate::observe::pulse::{Doing, Pulse};

/// How often a candidate that failed a batch is asked again for parts of it.
const CANDIDATE_PATIENCE: u32 = 32;

/// The answers to a batch, one for each record; `None` where the record itself is bad.
#[derive(Default)]
pub(crate) struct Answered {
    /// The plan under which it was answered.
    pub(crate) plan: Option<Arc<Plan>>,
    pub(crate) batch: Batch,
    pub(crate) answers: Vec<Option<Result<ModelAnswer, Reject>>>,
    /// The numbers of models with more than two classes.
    pub(crate) scores: Vec<f32>,
    /// What each call of a model took.
    pub(crate) calls: Vec<(Variant, Duration)>,
}

/// The answer to one record.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ModelAnswer {
    pub(crate) label: Option<i64>,
    pub(crate) score: f32,
    /// Microseconds that its model needed for the part of the batch that this record was in, halves that failed
    /// included; after a fallback also what the candidate's attempt took.
    pub(crate) took: u32,
    /// Where its numbers are in [`Answered::scores`]; empty for up to two classes.
    pub(crate) scores: std::ops::Range<usize>,
    /// Who truly answered.
    pub(crate) variant: Variant,
    /// Why the champion answered a key of the candidate's.
    pub(crate) fallback: Option<Arc<str>>,
}

/// Memory that is used again from batch to batch.
#[derive(Default)]
pub(crate) struct Scratch {
    champion: Vec<usize>,
    candidate: Vec<usize>,
    rows: Vec<f32>,
    /// The rows that the candidate was given first.
    begun: Vec<f32>,
    part: Answers,
}

impl Answered {
    /// Forgets everything but the memory.
    pub(crate) fn clear(&mut self) {
        self.plan = None;
        self.batch.clear();
        self.answers.clear();
        self.scores.clear();
        self.calls.clear();
    }
}

/// Answers every record of `answered.batch` under `plan`; `topic` is the features topic.
pub(crate) fn answer(
    plan: &Arc<Plan>,
    topic: &str,
    answered: &mut Answered,
    scratch: &mut Scratch,
    pulse: &Pulse,
) {
    answered.plan = Some(Arc::clone(plan));
    answered.answers.clear();
    answered.answers.resize(answered.batch.len(), None);
    answered.scores.clear();
    answered.calls.clear();
    let (mut champions, mut candidates) =
        (std::mem::take(&mut scratch.champion), std::mem::take(&mut scratch.candidate));
    split(plan, topic, &answered.batch, &mut champions, &mut candidates);

    let begun = Instant::now();
    let candidate = plan.candidate.as_ref().filter(|_| !candidates.is_empty());
    let (mut candidate, why) = match candidate {
        None => (None, None),
        Some(Err(why)) => (None, Some(format!("the candidate is not loaded: {why}"))),
        Some(Ok(candidate)) => {
            let mut candidate = candidate.lock().unwrap_or_else(PoisonError::into_inner);
            pulse.beat(Doing::AskingCandidate);
            let rows = rows_of(&answered.batch, &candidates, &mut scratch.begun);
            match candidate.begin(rows, candidates.len()) {
                Ok(()) => (Some(candidate), None),
                Err(error) => (None, Some(cannot(&error))),
            }
        }
    };
    // Nobody is there to be waited for: these are the champion's like its own.
    let mut fallbacks = Fallbacks::default();
    if let Some(why) = why {
        fallbacks.add(&candidates, &why);
    }
    let by_route = champions.len();
    champions.extend_from_slice(&fallbacks.indexes);
    ask_champion(plan, &champions, (by_route, &fallbacks), answered, scratch, pulse);

    if let Some(candidate) = &mut candidate {
        pulse.beat(Doing::AskingCandidate);
        let mark = |_| (Variant::Candidate, None, Duration::ZERO);
        let patience = CANDIDATE_PATIENCE;
        let failed = ask(&mut **candidate, &candidates, patience, answered, scratch, || (), mark);
        for (indexes, error) in failed {
            fallbacks.add(&indexes, &cannot(&error));
        }
        fallbacks.lost = begun.elapsed();
        if !fallbacks.indexes.is_empty() {
            let fallen = fallbacks.indexes.clone();
            ask_champion(plan, &fallen, (0, &fallbacks), answered, scratch, pulse);
        }
    }
    (scratch.champion, scratch.candidate) = (champions, candidates);
}

/// Records of the candidate that the champion is to answer.
#[derive(Default)]
struct Fallbacks {
    indexes: Vec<usize>,
    /// Why, one for each.
    why: Vec<Arc<str>>,
    /// The time that they had lost before the champion was asked.
    lost: Duration,
}

impl Fallbacks {
    fn add(&mut self, indexes: &[usize], why: &str) {
        let why: Arc<str> = why.into();
        self.indexes.extend_from_slice(indexes);
        self.why.resize(self.indexes.len(), why);
    }
}

/// Lets the champion answer; what stands at `indexes[from..]` are the fallbacks.
fn ask_champion(
    plan: &Plan,
    indexes: &[usize],
    (from, fallbacks): (usize, &Fallbacks),
    answered: &mut Answered,
    scratch: &mut Scratch,
    pulse: &Pulse,
) {
    let mark = |place: usize| match place.checked_sub(from) {
        None => (Variant::Champion, None, Duration::ZERO),
        Some(place) => {
            let why = fallbacks.why.get(place).map(Arc::clone);
            (Variant::Champion, why, fallbacks.lost)
        }
    };
    let mut champion = plan.champion.lock().unwrap_or_else(PoisonError::into_inner);
    // It has its rows in time: it only needs to know how many they are.
    let _begun = champion.begin(&[], indexes.len());
    let alive = || pulse.beat(Doing::AskingChampion);
    let failed = ask(&mut *champion, indexes, u32::MAX, answered, scratch, alive, mark);
    for (indexes, error) in failed {
        let reject = Reject::new("not-answered", format!("the champion cannot answer: {error}"));
        for index in indexes {
            answered.answers[index] = Some(Err(reject.clone()));
        }
    }
}

fn cannot(error: &NoAnswer) -> String {
    format!("the candidate cannot answer: {error}")
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
    let (whole, mut room) = (plan.route.share() <= 0.0, Vec::new());
    for index in (0..batch.len()).filter(|index| batch.row(*index).is_ok()) {
        let chosen = if whole {
            Variant::Champion
        } else {
            variant(&plan.route, split_key(&batch.feature(index), topic, &mut room))
        };
        match chosen {
            Variant::Champion => champions.push(index),
            Variant::Candidate => candidates.push(index),
        }
    }
}

/// Asks `model` for the records at `indexes`, writes the answers, and returns those that it cannot answer.
///
/// After a failure it is asked at most `patience` times for halves. `alive` is called before each call; `mark` gives
/// variant, fallback and the time spent before by the place in `indexes`.
fn ask(
    model: &mut dyn Answerer,
    indexes: &[usize],
    mut patience: u32,
    answered: &mut Answered,
    scratch: &mut Scratch,
    alive: impl Fn(),
    mark: impl Fn(usize) -> (Variant, Option<Arc<str>>, Duration),
) -> Vec<(Vec<usize>, NoAnswer)> {
    let mut spent = Duration::ZERO;
    let mut failed = Vec::new();
    // First in, first out: large parts that are good get their answers before patience ends.
    let mut parts = VecDeque::new();
    parts.push_back(0..indexes.len());
    while let Some(part) = parts.pop_front() {
        let asked = &indexes[part.clone()];
        if asked.is_empty() {
            continue;
        }
        alive();
        let before = spent;
        let result = ask_once(model, asked, &answered.batch, scratch, &mut spent);
        let (variant, ..) = mark(part.start);
        answered.calls.push((variant, spent - before));
        match result {
            Ok(()) => {
                for (row, index) in asked.iter().enumerate() {
                    let (variant, fallback, before) = mark(part.start + row);
                    let took = micros(before + spent);
                    answered.take(*index, &scratch.part, row, (variant, fallback, took));
                }
            }
            Err(gone @ NoAnswer::Gone(_)) => {
                failed.push((asked.to_vec(), gone.clone()));
                let rest = parts.drain(..).map(|part| (indexes[part].to_vec(), gone.clone()));
                failed.extend(rest);
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
    spent: &mut Duration,
) -> Result<(), NoAnswer> {
    let n = indexes.len();
    let rows = rows_of(batch, indexes, &mut scratch.rows);
    model.answer_into(rows, n, &mut scratch.part, spent)?;
    // The engine is trusted with numbers, not with their count.
    let (got, what) = (scratch.part.score.len(), "scores");
    if got == n { Ok(()) } else { Err(AnswerError::Shape { rows: n, what, got }.into()) }
}

/// The rows of the records at `indexes`, in `room` where they have to be copied.
fn rows_of<'a>(batch: &'a Batch, indexes: &[usize], room: &'a mut Vec<f32>) -> &'a [f32] {
    // The common case: all rows in their order, which need not be copied.
    if indexes.len() * batch.width() == batch.rows().len() && indexes.is_sorted() {
        return batch.rows();
    }
    room.clear();
    for index in indexes {
        let row = batch.row(*index).expect("only records with a row are asked about");
        room.extend_from_slice(row);
    }
    room
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
        self.answers[index] =
            Some(Ok(ModelAnswer { label, score, took, scores, variant, fallback }));
    }
}

/// Whole microseconds; what took more than an hour is given as what a header can hold.
fn micros(took: Duration) -> u32 {
    u32::try_from(took.as_micros()).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[path = "ask_tests.rs"]
mod tests;
