//! The candidate's share: raised, taken back, and given up to whoever else takes over the route.

use std::sync::Arc;
use std::time::{Duration, Instant};

use contract::{Step as _, Verdict};
use routes::{Changes, Decision, ModelRef, Route, RouteWriter, Traffic};

use crate::CanaryGate;
use crate::policy::gate::Outcome;

/// How long to wait for the route of whoever fenced this gate, before the candidate is taken back all the same.
const TAKEOVER_WAIT: Duration = Duration::from_secs(5);

/// The route of one stream in the hands of one gate.
///
/// Once it has written, it does not leave without the candidate's share at 0, unless it was asked to
/// [keep](Trial::keep) it or someone else took over; not on an error and not on a panic either.
pub(crate) struct Trial {
    traffic: Arc<dyn Traffic>,
    stream: String,
    release: String,
    model: ModelRef,
    /// The id of the outcome event.
    event: String,
    routes: Box<dyn RouteWriter>,
    /// From before this gate's first write.
    changes: Box<dyn Changes>,
    /// What this gate wrote, as (generation, time).
    written: Vec<(u64, String)>,
    foreign: Option<Route>,
    /// The candidate may have a share that this gate has to answer for.
    exposed: bool,
}

/// What became of a write.
#[derive(Debug)]
pub(crate) enum Wrote {
    Done(Route),
    /// Someone else changed the route meanwhile; nothing was written.
    TakenOver(Route),
}

impl Trial {
    /// Becomes the writer of the stream's route.
    ///
    /// # Errors
    /// The broker is away, or the routes topic is missing.
    pub(crate) fn open(
        traffic: Arc<dyn Traffic>,
        stream: &str,
        release: &str,
        model: ModelRef,
        event: &str,
    ) -> anyhow::Result<Self> {
        let changes = traffic.changes()?;
        let routes = traffic.writer()?;
        // An earlier run of this release may have left the candidate a share.
        let exposed = routes.current().is_some_and(|route| {
            let ours = |it: &routes::Candidate| it.model.digest == model.digest && it.share > 0.0;
            route.tried_by() == Some(release) && route.candidate.as_ref().is_some_and(ours)
        });
        Ok(Self {
            traffic,
            stream: stream.to_owned(),
            release: release.to_owned(),
            model,
            event: event.to_owned(),
            routes,
            changes,
            written: Vec::new(),
            foreign: None,
            exposed,
        })
    }

    /// The route as it stands.
    pub(crate) fn current(&self) -> Option<&Route> {
        self.routes.current()
    }

    /// Gives the candidate a share.
    ///
    /// # Errors
    /// There is no champion, or the broker is away.
    pub(crate) fn raise(&mut self, share: f64) -> anyhow::Result<Wrote> {
        let Some(current) = self.routes.current() else {
            anyhow::bail!("the route of {} went away", self.stream)
        };
        let route = current.with_candidate(self.model.clone(), share);
        // Before the write: one that fails may have arrived all the same.
        self.exposed = true;
        let digest = &self.model.digest;
        let reason = match share < 1.0 {
            true => format!("canary of {digest} at {}", report::percent(share)),
            false => format!("switch to {digest}, on trial"),
        };
        self.write(route, &reason, None)
    }

    /// The champion answers everything, for this reason. `None` where the candidate never got a share from this gate.
    ///
    /// # Errors
    /// The broker is away: then the share could not be taken back.
    pub(crate) fn withdraw(&mut self, outcome: &Outcome) -> anyhow::Result<Option<Wrote>> {
        self.take_back(&outcome.reason, Some(outcome.verdict))
    }

    /// The same, where this run reaches no verdict.
    ///
    /// # Errors
    /// As [`Trial::withdraw`].
    pub(crate) fn leave(&mut self) -> anyhow::Result<Option<Wrote>> {
        self.take_back("canary-gate left before a verdict", None)
    }

    fn take_back(
        &mut self,
        reason: &str,
        verdict: Option<Verdict>,
    ) -> anyhow::Result<Option<Wrote>> {
        if !self.exposed {
            return Ok(None);
        }
        if let Some(foreign) = self.taken_over()? {
            self.exposed = false;
            return Ok(Some(Wrote::TakenOver(foreign)));
        }
        let written = match self.routes.current().map(Route::without_candidate) {
            Some(route) => self.write(route, reason, verdict),
            None => Err(anyhow::anyhow!("the route of {} went away", self.stream)),
        };
        let wrote = match written {
            Ok(wrote) => wrote,
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "trying once more to take it back");
                self.withdraw_anew(reason, verdict)?
            }
        };
        self.exposed = false;
        Ok(Some(wrote))
    }

    /// Leaves the candidate where it is, for the step that follows.
    pub(crate) fn keep(&mut self) {
        self.exposed = false;
    }

    /// The route that someone else wrote since this gate began, if any.
    ///
    /// # Errors
    /// The broker is away.
    pub(crate) fn taken_over(&mut self) -> anyhow::Result<Option<Route>> {
        while let Some(entry) = self.changes.next(Duration::ZERO)? {
            if let Some(route) = entry.route()
                && !self.written.contains(&(route.generation, route.at.clone()))
            {
                self.foreign = Some(route);
            }
        }
        Ok(self.foreign.clone())
    }

    fn write(
        &mut self,
        route: Route,
        reason: &str,
        verdict: Option<Verdict>,
    ) -> anyhow::Result<Wrote> {
        if let Some(foreign) = self.taken_over()? {
            return Ok(Wrote::TakenOver(foreign));
        }
        let decision = self.decision(&*self.routes, verdict);
        match self.routes.write(route, &self.release, reason, Some(decision)) {
            Ok(route) => {
                self.written.push((route.generation, route.at.clone()));
                Ok(Wrote::Done(route))
            }
            Err(error) => match self.await_takeover()? {
                Some(foreign) => Ok(Wrote::TakenOver(foreign)),
                None => Err(error),
            },
        }
    }

    /// What stands in a route beside its reason: a run after a crash reads it, see [`crate::policy::admission`].
    fn decision(&self, routes: &dyn RouteWriter, verdict: Option<Verdict>) -> Decision {
        Decision {
            step: CanaryGate::NAME.into(),
            verdict,
            event: Some(self.event.clone()),
            model: self.model.digest.clone(),
            from: routes.current().map(|route| route.generation),
        }
    }

    /// Whoever fenced this gate is about to write, if it lives.
    fn await_takeover(&mut self) -> anyhow::Result<Option<Route>> {
        let started = Instant::now();
        while started.elapsed() < TAKEOVER_WAIT {
            if let Some(foreign) = self.taken_over()? {
                return Ok(Some(foreign));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(None)
    }

    /// Becomes the writer again and takes the candidate back, if the route is still this release's.
    fn withdraw_anew(&mut self, reason: &str, verdict: Option<Verdict>) -> anyhow::Result<Wrote> {
        let mut routes = self.traffic.writer()?;
        let Some(current) = routes.current().cloned() else {
            anyhow::bail!("the route of {} went away", self.stream)
        };
        if current.release != self.release {
            return Ok(Wrote::TakenOver(current));
        }
        let (back, decision) = (current.without_candidate(), self.decision(&*routes, verdict));
        let written = routes.write(back, &self.release, reason, Some(decision))?;
        self.written.push((written.generation, written.at.clone()));
        self.routes = routes;
        Ok(Wrote::Done(written))
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        if let Err(error) = self.leave() {
            let (error, stream) = (format!("{error:#}"), &self.stream);
            tracing::error!(error, stream, "THE CANDIDATE MAY STILL HAVE A SHARE: run rollback");
        }
    }
}

#[cfg(test)]
#[path = "trial_tests.rs"]
mod tests;
