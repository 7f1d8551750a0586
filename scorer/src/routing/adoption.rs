//! Which route is to be in force, given the routes seen and the models loaded.
//!
//! ```text
//! route seen ─► models load ─► all there: put in force ─► in force: ready
//!                 │                candidate failed: put in force, the champion answers for it: failed
//!                 └─ champion failed: the former route stays: failed
//! ```

use std::collections::{BTreeMap, BTreeSet};

use routes::{ModelRef, Route, ScorerState, ScorerStatus};

/// Where the scorer stands with the routes of its stream.
#[derive(Debug, Default)]
pub(crate) struct Adoption {
    stream: String,
    scorer: String,
    newest: Option<Route>,
    in_force: Option<InForce>,
    models: BTreeMap<Seat, Readiness>,
}

/// A model at its place: a candidate that is promoted is loaded a second time, in the scorer's own process.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Seat {
    pub(crate) digest: String,
    pub(crate) place: Place,
}

/// Where a model answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Place {
    /// In the scorer's process: a champion, and a former one.
    Here,
    /// In a process of its own: a candidate.
    Apart,
}

/// How far a model is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    Loading,
    Loaded,
    /// It may be tried again; this is what went wrong last.
    Failed(String),
}

/// The plan that answers, as far as adoption cares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InForce {
    /// The route's `id`.
    pub(crate) route: String,
    pub(crate) generation: u64,
    /// Why the champion answers in the candidate's place.
    pub(crate) without_candidate: Option<String>,
}

/// What became of a route that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Taken,
    /// The newest one once more.
    Known,
    /// Not newer than one of the same epoch seen before.
    Stale,
    /// It makes no sense, and why.
    Defective(String),
}

/// What is to be done about the newest route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// There is none: nothing is answered.
    Nothing,
    /// Its models are not there yet; the former route stays.
    Wait,
    /// Its champion cannot be loaded; the former route stays.
    Refuse(String),
    /// It is to be in force.
    Force(InForce),
}

impl Seat {
    pub(crate) fn of(model: &ModelRef, place: Place) -> Self {
        Self { digest: model.digest.clone(), place }
    }
}

impl Adoption {
    pub(crate) fn new(stream: &str, scorer: &str) -> Self {
        Self { stream: stream.to_owned(), scorer: scorer.to_owned(), ..Self::default() }
    }

    /// Takes note of a route.
    pub(crate) fn see(&mut self, route: Route) -> Seen {
        match &self.newest {
            Some(newest) if *newest == route => return Seen::Known,
            Some(newest) if route.is_overtaken_by(newest) => return Seen::Stale,
            _ => {}
        }
        if let Some(defect) = route.defect() {
            return Seen::Defective(defect);
        }
        self.newest = Some(route);
        Seen::Taken
    }

    /// The stream was retired; the next route is taken whatever its generation.
    pub(crate) fn retire(&mut self) {
        self.newest = None;
    }

    /// The newest route that was taken.
    pub(crate) fn newest(&self) -> Option<&Route> {
        self.newest.as_ref()
    }

    /// The models to have loaded and where, most urgent first; `now` decides whether the previous one is still kept.
    pub(crate) fn wanted(&self, now: jiff::Timestamp) -> Vec<(ModelRef, Place)> {
        let Some(route) = &self.newest else { return Vec::new() };
        let kept = |previous: &&routes::Previous| {
            // An end that cannot be read is no reason to drop the way back.
            previous.until.parse::<jiff::Timestamp>().is_ok_and(|until| now < until)
                || previous.until.parse::<jiff::Timestamp>().is_err()
        };
        let candidate = route.candidate.as_ref().map(|candidate| (&candidate.model, Place::Apart));
        let previous = route.previous.as_ref().filter(kept);
        let previous = previous.map(|previous| (&previous.model, Place::Here));
        let mut met = BTreeSet::new();
        [Some((&route.champion, Place::Here)), candidate, previous]
            .into_iter()
            .flatten()
            .filter(|(model, place)| met.insert((&model.digest, *place)))
            .map(|(model, place)| (model.clone(), place))
            .collect()
    }

    /// Takes note of how far the model at `seat` is.
    pub(crate) fn model(&mut self, seat: &Seat, readiness: Readiness) {
        self.models.insert(seat.clone(), readiness);
    }

    /// How far the model is; `None` when nobody began to load it.
    pub(crate) fn readiness(&self, seat: &Seat) -> Option<&Readiness> {
        self.models.get(seat)
    }

    /// Forgets models that are not among `wanted`, and returns where they were.
    pub(crate) fn forget_all_but(&mut self, wanted: &[(ModelRef, Place)]) -> Vec<Seat> {
        let kept: BTreeSet<Seat> =
            wanted.iter().map(|(model, place)| Seat::of(model, *place)).collect();
        let gone = self.models.keys().filter(|seat| !kept.contains(seat)).cloned().collect();
        self.models.retain(|seat, _| kept.contains(seat));
        gone
    }

    /// Takes note of what answers from now on; `None` when nothing does.
    pub(crate) fn in_force(&mut self, plan: Option<InForce>) {
        self.in_force = plan;
    }

    /// What is to be done about the newest route.
    pub(crate) fn decide(&self) -> Decision {
        let Some(route) = &self.newest else { return Decision::Nothing };
        let readiness = |model, place| self.models.get(&Seat::of(model, place));
        match readiness(&route.champion, Place::Here) {
            Some(Readiness::Failed(error)) => {
                return Decision::Refuse(format!(
                    "the champion {}: {error}",
                    route.champion.digest
                ));
            }
            Some(Readiness::Loaded) => {}
            Some(Readiness::Loading) | None => return Decision::Wait,
        }
        let without_candidate = match &route.candidate {
            None => None,
            Some(candidate) => match readiness(&candidate.model, Place::Apart) {
                Some(Readiness::Loaded) => None,
                Some(Readiness::Failed(error)) => {
                    Some(format!("the candidate {}: {error}", candidate.model.digest))
                }
                Some(Readiness::Loading) | None => return Decision::Wait,
            },
        };
        let (route, generation) = (route.id.clone(), route.generation);
        Decision::Force(InForce { route, generation, without_candidate })
    }

    /// What the scorer says of itself.
    pub(crate) fn status(&self, fallbacks: u64) -> ScorerStatus {
        let (state, error) = match self.decide() {
            Decision::Nothing => (ScorerState::Ready, None),
            Decision::Wait => (ScorerState::Loading, None),
            Decision::Refuse(error) => (ScorerState::Failed, Some(error)),
            Decision::Force(InForce { without_candidate: Some(error), .. }) => {
                (ScorerState::Failed, Some(error))
            }
            Decision::Force(plan) if self.in_force.as_ref() == Some(&plan) => {
                (ScorerState::Ready, None)
            }
            // Everything is loaded; the transaction before it is being finished.
            Decision::Force(_) => (ScorerState::Loading, None),
        };
        ScorerStatus {
            stream: self.stream.clone(),
            scorer: self.scorer.clone(),
            route: self.in_force.as_ref().map_or_else(String::new, |plan| plan.route.clone()),
            generation: self.in_force.as_ref().map_or(0, |plan| plan.generation),
            state,
            seen_route: self.newest.as_ref().map_or_else(String::new, |route| route.id.clone()),
            seen: self.newest.as_ref().map_or(0, |route| route.generation),
            error,
            fallbacks,
        }
    }
}

#[cfg(test)]
#[path = "adoption_tests.rs"]
mod tests;
