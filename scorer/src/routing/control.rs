//! The thread that knows the routes: it has models loaded, proposes plans and publishes the status.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use routes::{ModelRef, Route};

use crate::answering::plan::{Loaded, Plan};
use crate::models::candidate::breaker::{Breaker, FAILURES, WITHIN};
use crate::models::candidate::child::Child;
use crate::models::candidate::isolated::{Hooks, Isolated};
use crate::models::load::Loader;
use crate::routing::adoption::{Adoption, Decision, InForce, Place, Readiness, Seat, Seen};
use crate::routing::status::StatusPublisher;
use crate::shared::Shared;

/// What the other threads report to this one.
pub(crate) enum Event {
    /// A route was read, and when.
    Route(Box<Route>, Instant),
    /// The stream has no route any more.
    Retired,
    /// A record about this stream is no route, and why.
    Unreadable(String),
    /// A model answers, or why not.
    Loaded(Seat, Result<Ready, String>),
    /// The process of the candidate of this digest was ended, and why; `None` where the scorer had no more use of it.
    Broken(String, Option<String>),
    /// The last transaction under another plan is committed, this one answers.
    InForce(Arc<Plan>),
    /// Nothing is answered any more.
    Idle,
    /// The scorer ends: the last record on the scorers topic, then nothing.
    End,
}

/// What was loaded.
pub(crate) enum Ready {
    Here(Loaded),
    Apart(Box<Child>),
}

/// A model that could not be loaded.
struct Failure {
    tries: u32,
    /// `None` for never, as long as the route stays with it.
    again: Option<Instant>,
}

/// The shortest and the longest time before a model that could not be loaded is tried again.
const RETRY_PAUSE: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(60));

pub(crate) struct Control {
    shared: Arc<Shared>,
    loader: Loader,
    events: Sender<Event>,
    adoption: Adoption,
    models: HashMap<String, Loaded>,
    candidates: HashMap<String, Arc<Mutex<Isolated>>>,
    breakers: HashMap<String, Breaker>,
    loading: HashSet<Seat>,
    failures: HashMap<Seat, Failure>,
    proposed: Option<Arc<Plan>>,
    seen_at: Option<Instant>,
    status: StatusPublisher,
}

impl Control {
    pub(crate) fn new(shared: &Arc<Shared>, loader: Loader, events: Sender<Event>) -> Self {
        Self {
            shared: Arc::clone(shared),
            loader,
            events,
            adoption: Adoption::new(&shared.stream, &shared.scorer),
            models: HashMap::new(),
            candidates: HashMap::new(),
            breakers: HashMap::new(),
            loading: HashSet::new(),
            failures: HashMap::new(),
            proposed: None,
            seen_at: None,
            status: StatusPublisher::default(),
        }
    }

    /// Works until [`Event::End`].
    pub(crate) fn run(mut self, inbox: &Receiver<Event>) {
        self.publish();
        loop {
            match inbox.recv_timeout(self.status.due()) {
                Ok(Event::End) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(event) => {
                    self.take(event);
                    // All that has piled up is one change to the outside.
                    for event in inbox.try_iter() {
                        if matches!(event, Event::End) {
                            return self.leave();
                        }
                        self.take(event);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.load();
            self.propose();
            self.publish();
        }
        self.leave();
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Route(route, at) => self.see(*route, at),
            Event::Retired => {
                tracing::info!("the stream was retired");
                self.adoption.retire();
                self.shared.seen.set(None);
            }
            Event::Unreadable(why) => {
                tracing::warn!(why, "skipped a record that is no route");
                self.shared.metrics.route_skipped("unreadable");
            }
            Event::Loaded(seat, result) => self.loaded(seat, result),
            Event::Broken(digest, why) => self.broken(&digest, why),
            Event::InForce(plan) => self.in_force(&plan),
            Event::Idle => self.adoption.in_force(None),
            Event::End => {}
        }
    }

    fn see(&mut self, route: Route, at: Instant) {
        let generation = route.generation;
        match self.adoption.see(route) {
            Seen::Taken => {
                tracing::info!(generation, "route seen");
                self.seen_at = Some(at);
                self.shared.seen.set(self.adoption.newest());
            }
            Seen::Known => {}
            Seen::Stale => {
                tracing::warn!(generation, "skipped a route that is not newer");
                self.shared.metrics.route_skipped("stale");
            }
            Seen::Defective(why) => {
                tracing::warn!(generation, why, "skipped a route that makes no sense");
                self.shared.metrics.route_skipped("defective");
            }
        }
    }

    fn loaded(&mut self, seat: Seat, result: Result<Ready, String>) {
        self.loading.remove(&seat);
        match result {
            Ok(ready) => {
                tracing::info!(model = seat.digest, "model loaded");
                self.shared.metrics.loaded("ok");
                self.failures.remove(&seat);
                self.adoption.model(&seat, Readiness::Loaded);
                match ready {
                    Ready::Here(model) => drop(self.models.insert(seat.digest, model)),
                    Ready::Apart(child) => self.seat(seat.digest, *child),
                }
            }
            Err(error) => {
                self.shared.metrics.loaded("failed");
                let tries = self.failures.get(&seat).map_or(0, |failure| failure.tries);
                let pause = RETRY_PAUSE.1.min(RETRY_PAUSE.0 * 2u32.pow(tries.min(5)));
                let again = pause.as_secs();
                tracing::warn!(
                    model = seat.digest,
                    error,
                    again_after_s = again,
                    "model not loaded"
                );
                let failure = Failure { tries: tries + 1, again: Some(Instant::now() + pause) };
                self.adoption.model(&seat, Readiness::Failed(error));
                self.failures.insert(seat, failure);
            }
        }
    }

    /// A candidate's child is there: the first, or one in the place of another.
    fn seat(&mut self, digest: String, child: Child) {
        self.shared.metrics.candidate_process(Some(child.id()));
        if let Some(candidate) = self.candidates.get(&digest) {
            candidate.lock().unwrap_or_else(PoisonError::into_inner).revive(child);
            return;
        }
        let (events, shared, name) =
            (self.events.clone(), Arc::clone(&self.shared), digest.clone());
        let lost = move |why| {
            // Whoever would listen has ended, and so will the child.
            let _heard = events.send(Event::Broken(name.clone(), why));
        };
        let name = digest.clone();
        let give_up =
            move || shared.stop.is_set() || shared.slot.get().is_none_or(|plan| !plan.asks(&name));
        let hooks = Hooks { give_up: Box::new(give_up), lost: Box::new(lost) };
        let isolated = Isolated::new(child, self.loader.limits.deadline, hooks);
        self.candidates.insert(digest, Arc::new(Mutex::new(isolated)));
    }

    /// A candidate's child is gone: another one is started, unless that was too often.
    fn broken(&mut self, digest: &str, why: Option<String>) {
        self.shared.metrics.candidate_process(None);
        let seat = Seat { digest: digest.to_owned(), place: Place::Apart };
        if !self.candidates.contains_key(digest) || self.shared.stop.is_set() {
            return;
        }
        if let Some(why) = why {
            self.shared.metrics.candidate_failures.inc();
            let out = self.breakers.entry(digest.to_owned()).or_default().fail(Instant::now());
            tracing::warn!(model = digest, why, out, "the candidate's process was ended");
            if out {
                let minutes = WITHIN.as_secs() / 60;
                let error = format!(
                    "its process was ended {FAILURES} times within {minutes} minutes and is not started again; \
                     the last time: {why}"
                );
                self.candidates.remove(digest);
                self.failures.insert(seat.clone(), Failure { tries: 0, again: None });
                return self.adoption.model(&seat, Readiness::Failed(error));
            }
        }
        let route = self.adoption.newest();
        let candidate = route.and_then(|route| route.candidate.as_ref());
        let model = candidate.map(|it| &it.model).filter(|model| model.digest == digest).cloned();
        if let Some(model) = model
            && self.loading.insert(seat)
        {
            self.start_to_load(model, Place::Apart);
        }
    }

    fn in_force(&mut self, plan: &Plan) {
        let generation = plan.generation();
        tracing::info!(generation, share = plan.route.share(), "route in force");
        self.shared.metrics.generation.set(i64::try_from(generation).unwrap_or(i64::MAX));
        self.shared.metrics.share.set(plan.route.share());
        self.shared.metrics.answering(&plan.route);
        if let Some(at) = self.seen_at.take_if(|_| self.adoption.newest() == Some(&plan.route)) {
            self.shared.metrics.switch.observe(at.elapsed().as_secs_f64());
        }
        self.adoption.in_force(Some(description(plan)));
    }

    /// Starts to load what is wanted and not there, each on a thread of its own: a registry that hangs must not
    /// hold up the way back.
    fn load(&mut self) {
        let wanted = self.adoption.wanted(jiff::Timestamp::now());
        for seat in self.adoption.forget_all_but(&wanted) {
            match seat.place {
                Place::Here => drop(self.models.remove(&seat.digest)),
                Place::Apart => {
                    self.breakers.remove(&seat.digest);
                    if self.candidates.remove(&seat.digest).is_some() {
                        self.shared.metrics.candidate_process(None);
                    }
                }
            }
            self.failures.remove(&seat);
            tracing::info!(model = seat.digest, "model dropped");
        }
        for (model, place) in wanted {
            let seat = Seat::of(&model, place);
            let start = match self.adoption.readiness(&seat) {
                None => true,
                Some(Readiness::Failed(_)) => self.failures.get(&seat).is_none_or(|failure| {
                    failure.again.is_some_and(|again| again <= Instant::now())
                }),
                Some(Readiness::Loading | Readiness::Loaded) => false,
            };
            if start && self.loading.insert(seat.clone()) {
                if self.adoption.readiness(&seat).is_none() {
                    self.adoption.model(&seat, Readiness::Loading);
                }
                self.start_to_load(model, place);
            }
        }
    }

    fn start_to_load(&self, model: ModelRef, place: Place) {
        let (loader, events) = (self.loader.clone(), self.events.clone());
        let seat = Seat::of(&model, place);
        // On this thread, which stays: a child is killed when the thread that started it ends.
        let child = match place {
            Place::Here => Ok(None),
            Place::Apart => Child::start(&loader.limits, &model.digest).map(Some),
        };
        let child = match child {
            Ok(child) => child,
            Err(error) => {
                let error = format!("no process can be started for it: {error}");
                let _heard = self.events.send(Event::Loaded(seat, Err(error)));
                return;
            }
        };
        let named = seat.clone();
        let work = move || {
            let load = || match child {
                None => loader.load(&model).map(Ready::Here),
                Some(child) => {
                    loader.load_apart(&model, child).map(|child| Ready::Apart(Box::new(child)))
                }
            };
            // A model that makes the engine panic is a model that cannot be loaded, no more.
            let result = std::panic::catch_unwind(AssertUnwindSafe(load))
                .unwrap_or_else(|_| Err("loading it panicked".into()));
            let _heard = events.send(Event::Loaded(named, result));
        };
        if let Err(error) = std::thread::Builder::new().name("load".into()).spawn(work) {
            let _heard = self.events.send(Event::Loaded(seat, Err(error.to_string())));
        }
    }

    /// Puts a plan for the newest route where the session picks it up, once its models are there.
    fn propose(&mut self) {
        match self.adoption.decide() {
            Decision::Nothing if self.proposed.is_some() => {
                self.proposed = None;
                self.shared.slot.put(None);
            }
            Decision::Force(wanted)
                if self.proposed.as_deref().map(description).as_ref() != Some(&wanted) =>
            {
                if let Some(plan) = self.plan(wanted) {
                    let plan = Arc::new(plan);
                    self.proposed = Some(Arc::clone(&plan));
                    self.shared.slot.put(Some(plan));
                }
            }
            _ => {}
        }
    }

    fn plan(&self, wanted: InForce) -> Option<Plan> {
        let route = self.adoption.newest()?.clone();
        let champion = Arc::clone(self.models.get(&route.champion.digest)?);
        let candidate = match (&route.candidate, wanted.without_candidate) {
            (None, _) => None,
            (Some(_), Some(error)) => Some(Err(error)),
            (Some(candidate), None) => {
                let candidate = self.candidates.get(&candidate.model.digest)?;
                Some(Ok(Arc::clone(candidate) as Loaded))
            }
        };
        let same = self.proposed.as_ref().filter(|last| last.route.id == route.id);
        let fallbacks = same.map(|last| Arc::clone(&last.fallbacks)).unwrap_or_default();
        Some(Plan { route, champion, candidate, fallbacks })
    }

    /// Publishes the status when it changed or is a heartbeat old.
    fn publish(&mut self) {
        let fallbacks =
            self.proposed.as_ref().map_or(0, |plan| plan.fallbacks.load(Ordering::Relaxed));
        let status = self.adoption.status(fallbacks);
        if let Some(sent) = self.status.publish(&self.shared.kafka, status) {
            self.shared.lease.renew(sent);
        }
    }

    /// The scorer is not waited for any more.
    fn leave(mut self) {
        self.status.withdraw(&self.shared.kafka, &self.adoption.status(0));
    }
}

fn description(plan: &Plan) -> InForce {
    let without_candidate = plan.candidate.as_ref().and_then(|one| one.as_ref().err().cloned());
    let (route, generation) = (plan.route.id.clone(), plan.generation());
    InForce { route, generation, without_candidate }
}
