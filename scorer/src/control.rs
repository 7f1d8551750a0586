//! The thread that knows the routes: it has models loaded, proposes plans and tells the scorer's status.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use contract::kafka::{Outgoing, Writer};
use routes::status::HEARTBEAT;
use routes::{ModelRef, Route, SCORERS_TOPIC, ScorerStatus};

use crate::adoption::{Adoption, Decision, InForce, Readiness, Seen};
use crate::load::Loader;
use crate::plan::{Loaded, Plan};
use crate::supervise::Shared;

/// What the other threads tell this one.
pub(crate) enum Event {
    /// A route was read, and when.
    Route(Box<Route>, Instant),
    /// The stream has no route any more.
    Retired,
    /// A record about this stream is no route, and why.
    Unreadable(String),
    Loaded(String, Result<Loaded, String>),
    /// The last transaction under another plan is committed, this one answers.
    InForce(Arc<Plan>),
    /// Nothing is answered any more.
    Idle,
    /// The scorer ends: the last word on the scorers topic, then nothing.
    End,
}

/// The shortest and the longest time before a model that could not be loaded is tried again.
const TRY_AGAIN: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(60));

pub(crate) struct Control {
    shared: Arc<Shared>,
    loader: Loader,
    events: Sender<Event>,
    adoption: Adoption,
    models: HashMap<String, Loaded>,
    loading: HashSet<String>,
    /// How often it failed and when it may be tried again, by digest.
    failures: HashMap<String, (u32, Instant)>,
    proposed: Option<Arc<Plan>>,
    seen_at: Option<Instant>,
    writer: Option<Writer>,
    told: Option<(ScorerStatus, Instant)>,
}

impl Control {
    pub(crate) fn new(shared: &Arc<Shared>, loader: Loader, events: Sender<Event>) -> Self {
        Self {
            shared: Arc::clone(shared),
            loader,
            events,
            adoption: Adoption::new(&shared.stream, &shared.scorer),
            models: HashMap::new(),
            loading: HashSet::new(),
            failures: HashMap::new(),
            proposed: None,
            seen_at: None,
            writer: None,
            told: None,
        }
    }

    /// Works until [`Event::End`].
    pub(crate) fn run(mut self, inbox: &Receiver<Event>) {
        self.tell();
        loop {
            let due = self
                .told
                .as_ref()
                .map_or(HEARTBEAT / 4, |(_, at)| HEARTBEAT.saturating_sub(at.elapsed()));
            match inbox.recv_timeout(due) {
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
            self.tell();
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
                self.shared.metrics.passed_over("unreadable");
            }
            Event::Loaded(digest, result) => self.loaded(digest, result),
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
                self.shared.metrics.passed_over("stale");
            }
            Seen::Defective(why) => {
                tracing::warn!(generation, why, "skipped a route that makes no sense");
                self.shared.metrics.passed_over("defective");
            }
        }
    }

    fn loaded(&mut self, digest: String, result: Result<Loaded, String>) {
        self.loading.remove(&digest);
        match result {
            Ok(model) => {
                tracing::info!(model = digest, "model loaded");
                self.shared.metrics.loaded("ok");
                self.failures.remove(&digest);
                self.adoption.model(&digest, Readiness::Loaded);
                self.models.insert(digest, model);
            }
            Err(error) => {
                self.shared.metrics.loaded("failed");
                let (tries, _) = self.failures.get(&digest).copied().unwrap_or((0, Instant::now()));
                let pause = TRY_AGAIN.1.min(TRY_AGAIN.0 * 2u32.pow(tries.min(5)));
                tracing::warn!(model = digest, error, again_after = ?pause, "model not loaded");
                self.adoption.model(&digest, Readiness::Failed(error));
                self.failures.insert(digest, (tries + 1, Instant::now() + pause));
            }
        }
    }

    fn in_force(&mut self, plan: &Plan) {
        let generation = plan.generation();
        tracing::info!(generation, share = plan.route.share(), "route in force");
        self.shared.metrics.generation.set(i64::try_from(generation).unwrap_or(i64::MAX));
        self.shared.metrics.share.set(plan.route.share());
        if let Some(at) = self.seen_at.take_if(|_| self.adoption.newest() == Some(&plan.route)) {
            self.shared.metrics.switch.observe(at.elapsed().as_secs_f64());
        }
        self.adoption.in_force(Some(description(plan)));
    }

    /// Starts to load what is wanted and not there, each on a thread of its own: a registry that hangs must not
    /// hold up the way back.
    fn load(&mut self) {
        let wanted = self.adoption.wanted(jiff::Timestamp::now());
        for digest in self.adoption.forget_all_but(&wanted) {
            self.models.remove(&digest);
            self.failures.remove(&digest);
            tracing::info!(model = digest, "model dropped");
        }
        for model in wanted {
            let start = match self.adoption.readiness(&model.digest) {
                None => true,
                Some(Readiness::Failed(_)) => {
                    self.failures.get(&model.digest).is_none_or(|(_, at)| *at <= Instant::now())
                }
                Some(Readiness::Loading | Readiness::Loaded) => false,
            };
            if start && self.loading.insert(model.digest.clone()) {
                if self.adoption.readiness(&model.digest).is_none() {
                    self.adoption.model(&model.digest, Readiness::Loading);
                }
                self.start_to_load(model);
            }
        }
    }

    fn start_to_load(&self, model: ModelRef) {
        let (loader, events) = (self.loader.clone(), self.events.clone());
        let digest = model.digest.clone();
        let work = move || {
            // A model that makes the engine panic is a model that cannot be loaded, no more.
            let result = std::panic::catch_unwind(AssertUnwindSafe(|| loader.load(&model)))
                .unwrap_or_else(|_| Err("loading it panicked".into()));
            let _heard = events.send(Event::Loaded(model.digest, result));
        };
        if let Err(error) = std::thread::Builder::new().name("load".into()).spawn(work) {
            let _heard = self.events.send(Event::Loaded(digest, Err(error.to_string())));
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
                Some(Ok(Arc::clone(self.models.get(&candidate.model.digest)?)))
            }
        };
        let same = self.proposed.as_ref().filter(|last| last.route.id == route.id);
        let fallbacks = same.map(|last| Arc::clone(&last.fallbacks)).unwrap_or_default();
        Some(Plan { route, champion, candidate, fallbacks })
    }

    /// Tells the status when it changed or was last told a heartbeat ago.
    fn tell(&mut self) {
        let fallbacks =
            self.proposed.as_ref().map_or(0, |plan| plan.fallbacks.load(Ordering::Relaxed));
        let status = self.adoption.status(fallbacks);
        if let Some((last, at)) = &self.told
            && at.elapsed() < HEARTBEAT
            && same_but_for_counts(last, &status)
        {
            return;
        }
        let sent = Instant::now();
        let value = serde_json::to_vec(&status).expect("a status is JSON");
        match self.write(&status, Some(value)) {
            Ok(()) => {
                self.shared.lease.renew(sent);
                self.told = Some((status, sent));
            }
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "the status cannot be told");
                (self.writer, self.told) = (None, None);
            }
        }
    }

    /// The scorer is not waited for any more.
    fn leave(mut self) {
        let status = self.adoption.status(0);
        if let Err(error) = self.write(&status, None) {
            tracing::warn!(
                error = format!("{error:#}"),
                "others will wait for this scorer a while"
            );
        }
    }

    fn write(&mut self, status: &ScorerStatus, value: Option<Vec<u8>>) -> anyhow::Result<()> {
        let mut writer = match self.writer.take() {
            Some(writer) => writer,
            None => self.shared.kafka.writer()?,
        };
        let key = Some(status.key().into_bytes());
        writer.send(&Outgoing {
            topic: SCORERS_TOPIC.into(),
            key,
            value,
            ..Outgoing::default()
        })?;
        writer.flush()?;
        self.writer = Some(writer);
        Ok(())
    }
}

/// Counts are news for the next heartbeat only.
fn same_but_for_counts(last: &ScorerStatus, now: &ScorerStatus) -> bool {
    let fallbacks = now.fallbacks;
    (ScorerStatus { fallbacks, ..last.clone() }) == *now
}

fn description(plan: &Plan) -> InForce {
    let without_candidate = plan.candidate.as_ref().and_then(|one| one.as_ref().err().cloned());
    let (route, generation) = (plan.route.id.clone(), plan.generation());
    InForce { route, generation, without_candidate }
}
