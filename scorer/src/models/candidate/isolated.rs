//! A candidate as what a plan asks: up in a child, or down for a reason.

use std::time::{Duration, Instant};

use model::Answers;

use crate::answering::plan::{Answerer, NoAnswer};
use crate::models::candidate::child::{Child, Lost, Patience};
use crate::models::candidate::wire::Reply;

/// A candidate, whether its child lives or not.
pub(crate) struct Isolated {
    state: State,
    deadline: Duration,
    /// Until when the answers to the current batch are waited for.
    until: Instant,
    begun: Option<Begun>,
    hooks: Hooks,
}

/// What a candidate needs of the scorer around it.
pub(crate) struct Hooks {
    /// Whether nobody wants an answer any more: the scorer ends, or a plan without the candidate waits.
    pub(crate) give_up: Box<dyn Fn() -> bool + Send>,
    /// Is called when the child is gone, and why; `None` where the scorer gave up.
    pub(crate) lost: Box<dyn Fn(Option<String>) + Send>,
}

enum State {
    Up(Box<Child>),
    Down(String),
}

/// Rows that were asked for.
struct Begun {
    n: usize,
    at: Instant,
}

impl Isolated {
    pub(crate) fn new(child: Child, deadline: Duration, hooks: Hooks) -> Self {
        let state = State::Up(Box::new(child));
        Self { state, deadline, until: Instant::now(), begun: None, hooks }
    }

    /// Puts a new child in the place of one that is gone.
    pub(crate) fn revive(&mut self, child: Child) {
        (self.state, self.begun) = (State::Up(Box::new(child)), None);
    }

    /// Asks for rows, whose answer [`Isolated::collect`] waits for.
    fn ask(&mut self, rows: &[f32], n: usize) -> Result<(), NoAnswer> {
        let State::Up(child) = &mut self.state else { return Err(self.down()) };
        let patience = Patience { until: self.until, give_up: &self.hooks.give_up };
        self.begun = Some(Begun { n, at: Instant::now() });
        child.ask(rows, n, &patience).map_err(|lost| self.fall(lost))
    }

    fn collect(
        &mut self,
        begun: &Begun,
        answers: &mut Answers,
        spent: &mut Duration,
    ) -> Result<(), NoAnswer> {
        let State::Up(child) = &mut self.state else { return Err(self.down()) };
        let patience = Patience { until: self.until, give_up: &self.hooks.give_up };
        let reply = child.answer(begun.n, answers, &patience);
        // The child's own clock says how long the model took, the scorer's what it was at most.
        let wall = begun.at.elapsed();
        let least = |micros| wall.min(Duration::from_micros(micros));
        match reply {
            Ok(Reply::Done { micros }) => {
                *spent += least(micros);
                Ok(())
            }
            Ok(Reply::Failed { micros, why }) => {
                *spent += least(micros);
                Err(NoAnswer::Model(why))
            }
            Err(lost) => {
                *spent += wall;
                Err(self.fall(lost))
            }
        }
    }

    /// The child is killed; the scorer is given the reason.
    fn fall(&mut self, lost: Lost) -> NoAnswer {
        let why = match lost {
            Lost::Late => format!("no answer within {}", words::duration(self.deadline)),
            Lost::GaveUp => "the route changed before there was an answer".to_owned(),
            Lost::Broken(ref why) => why.clone(),
        };
        self.state = State::Down(format!("its process is being started again: {why}"));
        self.begun = None;
        (self.hooks.lost)((lost != Lost::GaveUp).then(|| why.clone()));
        NoAnswer::Gone(why)
    }

    fn down(&self) -> NoAnswer {
        match &self.state {
            State::Up(_) => NoAnswer::Gone("it was not asked".into()),
            State::Down(why) => NoAnswer::Gone(why.clone()),
        }
    }
}

impl Answerer for Isolated {
    fn begin(&mut self, rows: &[f32], n: usize) -> Result<(), NoAnswer> {
        self.until = Instant::now() + self.deadline;
        self.ask(rows, n)
    }

    fn answer_into(
        &mut self,
        rows: &[f32],
        n: usize,
        answers: &mut Answers,
        spent: &mut Duration,
    ) -> Result<(), NoAnswer> {
        if self.begun.is_none() {
            self.ask(rows, n)?;
        }
        let Some(begun) = self.begun.take() else { return Err(self.down()) };
        self.collect(&begun, answers, spent)
    }
}
