//! The champion's deadline: a call that does not end is ended, and if it cannot be, so is the scorer.
//!
//! The engine ends a call between two operators, which covers loops; the record is found by halving the batch and goes
//! to the dead letters. A single operator that does not end cannot be ended from outside, so the process is: whatever
//! runs it starts it again, and says why it had ended.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use model::{AnswerError, Answers, Interrupt, Model};

use crate::answering::plan::{Answerer, NoAnswer};

/// A model in this process whose calls have a deadline.
pub(crate) struct Watched {
    model: Model,
    call: Arc<Call>,
    deadline: Duration,
    /// The rows of the batch that is being answered, whose parts have less time; 0 before the first one.
    whole: usize,
}

/// The models of this process that are asked; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Watch(Arc<Mutex<Vec<Weak<Call>>>>);

/// A call that could not be ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stuck {
    /// The model's digest.
    pub(crate) digest: String,
    pub(crate) since: Duration,
}

struct Call {
    digest: String,
    interrupt: Interrupt,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Whether records wait for it; a model that is being loaded holds nothing up.
    serving: bool,
    since: Option<Instant>,
    limit: Duration,
    interrupted: bool,
}

/// The least that a part of a batch is given; only a single record that had the whole deadline is given up.
const MIN_PART: Duration = Duration::from_secs(1);
/// How long a call may take to end once it was asked to.
pub(crate) const GRACE: Duration = Duration::from_secs(5);
/// How often calls are looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

impl Watched {
    /// Has `watch` look after the calls of `model`.
    pub(crate) fn new(model: Model, digest: &str, deadline: Duration, watch: &Watch) -> Self {
        let (digest, interrupt) = (digest.to_owned(), model.interrupt());
        let call = Arc::new(Call { digest, interrupt, state: Mutex::default() });
        let mut calls = watch.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.retain(|call| call.strong_count() > 0);
        calls.push(Arc::downgrade(&call));
        Self { model, call, deadline, whole: 0 }
    }

    /// As [`model::Model::answer`], with the whole deadline; the outer error says that it passed.
    pub(crate) fn try_answer(
        &mut self,
        rows: &[f32],
        n: usize,
    ) -> Result<Result<(), AnswerError>, NoAnswer> {
        self.call(rows, n, &mut Answers::default(), self.deadline)
    }

    fn call(
        &mut self,
        rows: &[f32],
        n: usize,
        answers: &mut Answers,
        limit: Duration,
    ) -> Result<Result<(), AnswerError>, NoAnswer> {
        self.call.begin(Instant::now(), limit);
        let result = self.model.answer_into(rows, n, answers);
        let late = self.call.end();
        match result {
            Err(_) if late => Err(NoAnswer::Late(limit)),
            result => Ok(result),
        }
    }
}

impl Answerer for Watched {
    fn begin(&mut self, _: &[f32], n: usize) -> Result<(), NoAnswer> {
        if self.whole == 0 {
            self.call.serve();
        }
        self.whole = n.max(1);
        Ok(())
    }

    fn answer_into(
        &mut self,
        rows: &[f32],
        n: usize,
        answers: &mut Answers,
        spent: &mut Duration,
    ) -> Result<(), NoAnswer> {
        let begun = Instant::now();
        let limit = part(self.deadline, n, self.whole);
        let result = self.call(rows, n, answers, limit);
        *spent += begun.elapsed();
        Ok(result??)
    }
}

impl Watch {
    /// Ends calls that took too long, and returns one that should have ended long ago; to be called every [`POLL_INTERVAL`].
    ///
    /// The last look was `since` ago. What is more than that the whole process was paused for, which is no call's fault.
    pub(crate) fn look(&self, now: Instant, since: Duration) -> Option<Stuck> {
        let paused = since.saturating_sub(POLL_INTERVAL);
        let calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls
            .iter()
            .filter_map(Weak::upgrade)
            .find_map(|call| call.state().look(now, paused, &call))
    }

    /// Ends calls of models of this process that take too long, and the process where that does not help: an orchestrator
    /// starts it again, and says why it had ended.
    #[expect(
        clippy::disallowed_methods,
        clippy::print_stderr,
        reason = "the polling thread is in a call that does not return, so nothing can be ended in order"
    )]
    pub(crate) fn run(&self) {
        let mut last = Instant::now();
        loop {
            std::thread::sleep(POLL_INTERVAL);
            let now = Instant::now();
            let since = now - std::mem::replace(&mut last, now);
            if let Some(Stuck { digest, since }) = self.look(now, since) {
                let error = fault::transient(
                    format!(
                        "the champion {digest} has been answering one batch for {} s and cannot be interrupted",
                        since.as_secs()
                    ),
                    "roll back to another model; the scorer goes on with the same records when it starts again",
                );
                eprintln!("{}", fault::render(&error));
                std::process::exit(i32::from(fault::exit_code(&error)));
            }
        }
    }
}

impl Call {
    fn begin(&self, now: Instant, limit: Duration) {
        let mut state = self.state();
        *state = State { since: Some(now), limit, interrupted: false, ..*state };
    }

    fn serve(&self) {
        self.state().serving = true;
    }

    /// Returns whether the call was interrupted.
    fn end(&self) -> bool {
        let mut state = self.state();
        state.since = None;
        if state.interrupted {
            self.interrupt.clear();
        }
        state.interrupted
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn look(&mut self, now: Instant, paused: Duration, call: &Call) -> Option<Stuck> {
        let begun = self.since? + paused;
        self.since = Some(begun);
        let since = now.saturating_duration_since(begun);
        if since > self.limit && !self.interrupted {
            self.interrupted = true;
            call.interrupt.set();
        }
        let stuck = self.serving && since > self.limit + GRACE;
        stuck.then(|| Stuck { digest: call.digest.clone(), since })
    }
}

/// What `n` rows of a batch of `whole` may take.
fn part(deadline: Duration, n: usize, whole: usize) -> Duration {
    if n <= 1 || n >= whole {
        return deadline;
    }
    deadline.mul_f64(n as f64 / whole as f64).max(MIN_PART.min(deadline))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_call_is_interrupted_and_then_stuck_but_not_for_a_pause_of_the_process() {
        let samples =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/model/samples");
        let model = Model::load(&samples.join("linear.onnx")).unwrap();
        let watch = Watch::default();
        let watched = Watched::new(model, "sha256:1", Duration::from_secs(10), &watch);
        let start = Instant::now();
        let after = |seconds, since| {
            watch.look(
                start + Duration::from_secs(seconds),
                Duration::from_secs(since) + POLL_INTERVAL,
            )
        };
        let interrupted = || watched.call.state().interrupted;
        watched.call.begin(start, Duration::from_secs(10));
        assert_eq!(after(60, 0), None, "a model that is being loaded holds nothing up");
        watched.call.end();
        watched.call.serve();
        watched.call.begin(start, Duration::from_secs(10));
        assert_eq!((after(9, 0), interrupted()), (None, false));
        assert_eq!((after(109, 100), interrupted()), (None, false), "paused for 100 s");
        assert_eq!((after(111, 0), interrupted()), (None, true));
        let stuck = after(116, 0).unwrap();
        assert_eq!((&*stuck.digest, stuck.since), ("sha256:1", Duration::from_secs(16)));
        assert!(watched.call.end());
        assert_eq!(after(999, 0), None);
    }

    #[test]
    fn a_part_has_its_part_of_the_time_and_a_single_record_all_of_it() {
        let seconds = Duration::from_secs;
        for (deadline, n, whole, may) in [
            (10, 2000, 2000, 10),
            (10, 1000, 2000, 5),
            (10, 2, 2000, 1),
            (10, 1, 2000, 10),
            (10, 1, 1, 10),
        ] {
            assert_eq!(part(seconds(deadline), n, whole), seconds(may), "{n} of {whole}");
        }
        let short = Duration::from_millis(200);
        assert_eq!(part(short, 10, 2000), short, "never more than the whole");
    }
}
