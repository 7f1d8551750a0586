//! The route in force together with the models that answer under it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::{AnswerError, Answers};
use routes::Route;

/// Something that answers rows: a model of this process, a candidate in its child, or what a test puts in their place.
pub(crate) trait Answerer: Send {
    /// Begins with rows that [`Answerer::answer_into`] is asked for next, where the caller can do something else
    /// meanwhile.
    ///
    /// # Errors
    /// There will be no answers to this batch.
    fn begin(&mut self, _rows: &[f32], _n: usize) -> Result<(), NoAnswer> {
        Ok(())
    }

    /// As [`model::Model::answer_into`]; adds what the model took to `spent`, also where it failed.
    ///
    /// # Errors
    /// The whole batch is without answers.
    fn answer_into(
        &mut self,
        rows: &[f32],
        n: usize,
        answers: &mut Answers,
        spent: &mut Duration,
    ) -> Result<(), NoAnswer>;
}

/// Why rows have no answers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoAnswer {
    /// The model cannot answer; it may be one record's fault.
    #[error("{0}")]
    Model(String),
    /// The model took longer than it may; it may be one record's fault.
    #[error("no answer within {}", words::duration(*.0))]
    Late(Duration),
    /// Nobody is there to answer, and asking for less does not help.
    #[error("{0}")]
    Gone(String),
}

/// A loaded model, shared by the plans that use it.
pub(crate) type Loaded = Arc<Mutex<dyn Answerer>>;

/// What answers from one moment on.
pub(crate) struct Plan {
    pub(crate) route: Route,
    pub(crate) champion: Loaded,
    /// Why there is none is in the error; `None` where the route has no candidate.
    pub(crate) candidate: Option<Result<Loaded, String>>,
    /// Records that the candidate failed to answer in this generation, as far as they are committed.
    pub(crate) fallbacks: Arc<AtomicU64>,
}

/// Where a new plan waits to be picked up between two batches.
#[derive(Default)]
pub(crate) struct Slot {
    plan: Mutex<Option<Arc<Plan>>>,
    version: AtomicU64,
}

impl Plan {
    pub(crate) fn generation(&self) -> u64 {
        self.route.generation
    }

    /// Whether the candidate `digest` has records to answer.
    pub(crate) fn asks(&self, digest: &str) -> bool {
        let candidate = self.route.candidate.as_ref();
        candidate.is_some_and(|it| it.model.digest == digest && it.share > 0.0)
            && matches!(self.candidate, Some(Ok(_)))
    }
}

impl Slot {
    /// Puts a plan in the place of the last one; `None` when nothing is to be answered any more.
    pub(crate) fn put(&self, plan: Option<Arc<Plan>>) {
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = plan;
        self.version.fetch_add(1, Ordering::Release);
    }

    /// The newest plan.
    pub(crate) fn get(&self) -> Option<Arc<Plan>> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Grows with every [`Slot::put`]; asking costs next to nothing.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }
}

impl From<AnswerError> for NoAnswer {
    fn from(error: AnswerError) -> Self {
        Self::Model(error.to_string())
    }
}
