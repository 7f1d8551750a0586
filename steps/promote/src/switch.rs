//! The route written, confirmed, or taken back.

use contract::{Context, Verdict};
use routes::{Confirmation, Confirmations, Decision, ModelRef, Route, RouteWriter, Traffic, span};
use words::list;

use crate::decide::{self, Back, Plan, back, back_from, plan};
use crate::{Args, Strategy};

/// A promotion under way.
pub(crate) struct Work<'a> {
    pub(crate) model: &'a ModelRef,
    pub(crate) args: &'a Args,
    pub(crate) context: &'a Context,
    pub(crate) traffic: &'a dyn Traffic,
    /// An event of this release says already that this promotion was confirmed.
    pub(crate) is_emitted: bool,
}

/// A promotion that was decided.
pub(crate) struct Done {
    pub(crate) verdict: Verdict,
    pub(crate) reason: String,
    pub(crate) before: Option<Route>,
    pub(crate) after: Option<Route>,
    pub(crate) confirmation: Option<Confirmation>,
    /// What it began from, in words.
    pub(crate) on: String,
}

impl Work<'_> {
    /// Carries it out; `now` is the route in force.
    ///
    /// # Errors
    /// The broker is away, or the process was asked to end; what was written is taken back before.
    pub(crate) fn run(&self, now: Option<Route>) -> anyhow::Result<Done> {
        let mut done = match self.plan(now.as_ref()) {
            Plan::Refuse(reason) => return Ok(refused(now, reason)),
            Plan::Finish => return self.finish(now),
            Plan::Write(_) => refused(now, String::new()),
        };
        let args = self.args;
        inputs::image_holds(&args.registry, self.context, &args.image, &args.model_digest)?;
        let mut scorers = self.traffic.confirmations()?;
        if self.args.strategy == Strategy::Bootstrap && !self.is_awaited(&mut *scorers)? {
            (done.verdict, done.reason) = (
                Verdict::Inconclusive,
                format!(
                    "no scorer of this stream was live within {}; nothing was changed",
                    self.limit()
                ),
            );
            return Ok(done);
        }
        let mut routes = self.traffic.writer()?;
        let before = routes.current().cloned();
        // Someone else may have written before this run became the writer.
        let route = match self.plan(before.as_ref()) {
            Plan::Write(route) => route,
            Plan::Refuse(reason) => return Ok(refused(before, reason)),
            Plan::Finish => return self.finish(before),
        };
        done.on = decide::generation(before.as_ref().map(|route| route.generation));
        let reason = format!("promote {} on {}", self.model.digest, done.on);
        let decision = decide::decision(&self.model.digest, before.as_ref());
        let way_back = back(before.as_ref());
        done.before = before;
        let written =
            routes.write(*route, &self.context.common.release, &reason, Some(decision))?;
        self.confirm(done, &mut *scorers, &mut *routes, &written, way_back)
    }

    fn plan(&self, now: Option<&Route>) -> Plan {
        let until = contract::event::after(self.args.bake);
        let common = &self.context.common;
        plan(now, &common.stream, self.model, self.args.strategy, &common.release, until)
    }

    /// The first model of a stream is written only where there is somebody to answer with it.
    fn is_awaited(&self, scorers: &mut dyn Confirmations) -> anyhow::Result<bool> {
        self.context.kafka.partitions(&stream::Topics::of(&self.context.common.stream).features)?;
        scorers.await_any(self.args.confirm_timeout, &self.context.stop)
    }

    /// An earlier run wrote the route and was ended; whether that counts, the scorers say.
    fn finish(&self, now: Option<Route>) -> anyhow::Result<Done> {
        let common = &self.context.common;
        let mut scorers = self.traffic.confirmations()?;
        let mut done = refused(now, String::new());
        let Some(route) = done.before.clone() else { return Ok(done) };
        let on = decide::begun_on(&route, &common.release);
        done.on = on.unwrap_or_else(|| "a generation that is not known".into());
        done.after = Some(route.clone());
        let way_back = back_from(&route, &common.release, self.is_emitted);
        if way_back == Back::Stay {
            let answer = scorers.confirm(&route, self.args.confirm_timeout, &self.context.stop)?;
            (done.verdict, done.reason) = self.judge(&answer);
            if done.verdict == Verdict::Fail {
                // Others rest on this route, so it is not for this run to judge it.
                done.verdict = Verdict::Inconclusive;
            }
            if done.verdict != Verdict::Pass {
                done.reason.push_str(
                    "; the route stays, for others have written since or it was confirmed before",
                );
            }
            done.confirmation = Some(answer);
            return Ok(done);
        }
        let mut routes = self.traffic.writer()?;
        anyhow::ensure!(
            routes.current() == Some(&route),
            fault::transient(
                "someone else changed the route meanwhile",
                "run the step again; it begins from what the route is now",
            )
        );
        self.confirm(done, &mut *scorers, &mut *routes, &route, way_back)
    }

    /// Waits for the scorers; goes the way back when they do not follow.
    fn confirm(
        &self,
        mut done: Done,
        scorers: &mut dyn Confirmations,
        routes: &mut dyn RouteWriter,
        written: &Route,
        way_back: Back,
    ) -> anyhow::Result<Done> {
        let answer = scorers.confirm(written, self.args.confirm_timeout, &self.context.stop);
        let answer = match answer {
            Ok(answer) => answer,
            // Asked to end, or the broker went away: the former route must be in force before leaving.
            Err(error) => {
                self.take_back(routes, way_back, None)?;
                return Err(error);
            }
        };
        (done.verdict, done.reason) = self.judge(&answer);
        if done.verdict != Verdict::Pass {
            self.take_back(routes, way_back, Some(done.verdict))?;
        }
        (done.after, done.confirmation) = (routes.current().cloned(), Some(answer));
        Ok(done)
    }

    fn judge(&self, answer: &Confirmation) -> (Verdict, String) {
        let digest = &self.model.digest;
        match answer {
            Confirmation::Confirmed { .. } => {
                (Verdict::Pass, format!("{digest} is the champion; {answer}"))
            }
            Confirmation::Refused { scorer, error } => {
                (Verdict::Fail, format!("scorer {scorer} cannot answer with {digest}: {error}"))
            }
            Confirmation::TimedOut { missing } if missing.is_empty() => (
                Verdict::Inconclusive,
                format!("no scorer of this stream was live within {}", self.limit()),
            ),
            Confirmation::TimedOut { missing } => (
                Verdict::Inconclusive,
                format!("not confirmed within {} by {}", self.limit(), list(missing)),
            ),
        }
    }

    fn take_back(
        &self,
        routes: &mut dyn RouteWriter,
        way_back: Back,
        verdict: Option<Verdict>,
    ) -> anyhow::Result<()> {
        let (release, digest) = (&self.context.common.release, &self.model.digest);
        let reason = format!("promotion of {digest} was not confirmed");
        match way_back {
            Back::To(route) => {
                let decision = Decision { verdict, ..decide::decision(digest, routes.current()) };
                routes.write(*route, release, &reason, Some(decision)).map(drop)
            }
            Back::Retire => routes.retire(release, &reason),
            Back::Stay => Ok(()),
        }
    }

    fn limit(&self) -> String {
        span(self.args.confirm_timeout)
    }
}

/// Nothing was written.
fn refused(now: Option<Route>, reason: String) -> Done {
    Done {
        verdict: Verdict::Fail,
        reason,
        on: decide::generation(now.as_ref().map(|route| route.generation)),
        after: now.clone(),
        before: now,
        confirmation: None,
    }
}
