//! The route in force together with the models that answer under it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use model::{AnswerError, Answers, Model};
use routes::Route;

/// Something that answers rows; a [`Model`], or what a test puts in its place.
pub trait Answerer: Send {
    /// As [`Model::answer_into`].
    ///
    /// # Errors
    /// The whole batch is without answers.
    fn answer_into(
        &mut self,
        rows: &[f32],
        n: usize,
        answers: &mut Answers,
    ) -> Result<(), AnswerError>;
}

/// A loaded model, shared by the plans that use it.
pub type Loaded = Arc<Mutex<dyn Answerer>>;

/// What answers from one moment on.
pub struct Plan {
    pub route: Route,
    pub champion: Loaded,
    /// Why there is none is in the error; `None` where the route has no candidate.
    pub candidate: Option<Result<Loaded, String>>,
    /// Records that the candidate failed to answer in this generation, as far as they are committed.
    pub fallbacks: Arc<AtomicU64>,
}

/// Where a new plan waits to be picked up between two batches.
#[derive(Default)]
pub struct Slot {
    plan: Mutex<Option<Arc<Plan>>>,
    version: AtomicU64,
}

impl Plan {
    pub fn generation(&self) -> u64 {
        self.route.generation
    }
}

impl Slot {
    /// Puts a plan in the place of the last one; `None` when nothing is to be answered any more.
    pub fn put(&self, plan: Option<Arc<Plan>>) {
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = plan;
        self.version.fetch_add(1, Ordering::Release);
    }

    /// The newest plan.
    pub fn get(&self) -> Option<Arc<Plan>> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Grows with every [`Slot::put`]; asking costs next to nothing.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }
}

impl Answerer for Model {
    fn answer_into(
        &mut self,
        rows: &[f32],
        n: usize,
        answers: &mut Answers,
    ) -> Result<(), AnswerError> {
        Model::answer_into(self, rows, n, answers)
    }
}
