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
pub struct Adoption {
    stream: String,
    scorer: String,
    newest: Option<Route>,
    in_force: Option<InForce>,
    models: BTreeMap<Seat, Readiness>,
}

/// A model at its place: a candidate that is promoted is loaded a second time, in the scorer's own process.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Seat {
    pub digest: String,
    pub place: Place,
}

/// Where a model answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// In the scorer's process: a champion, and a former one.
    Here,
    /// In a process of its own: a candidate.
    Apart,
}

/// How far a model is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    Loading,
    Loaded,
    /// It may be tried again; this is what went wrong last.
    Failed(String),
}

/// The plan that answers, as far as adoption cares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce {
    /// The route's `id`.
    pub route: String,
    pub generation: u64,
    /// Why the champion answers in the candidate's place.
    pub without_candidate: Option<String>,
}

/// What became of a route that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
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
pub enum Decision {
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
    pub fn of(model: &ModelRef, place: Place) -> Self {
        Self { digest: model.digest.clone(), place }
    }
}

impl Adoption {
    pub fn new(stream: &str, scorer: &str) -> Self {
        Self { stream: stream.to_owned(), scorer: scorer.to_owned(), ..Self::default() }
    }

    /// Takes note of a route.
    pub fn see(&mut self, route: Route) -> Seen {
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
    pub fn retire(&mut self) {
        self.newest = None;
    }

    /// The newest route that was taken.
    pub fn newest(&self) -> Option<&Route> {
        self.newest.as_ref()
    }

    /// The models to have loaded and where, most urgent first; `now` decides whether the previous one is still kept.
    pub fn wanted(&self, now: jiff::Timestamp) -> Vec<(ModelRef, Place)> {
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
    pub fn model(&mut self, seat: &Seat, readiness: Readiness) {
        self.models.insert(seat.clone(), readiness);
    }

    /// How far the model is; `None` when nobody began to load it.
    pub fn readiness(&self, seat: &Seat) -> Option<&Readiness> {
        self.models.get(seat)
    }

    /// Forgets models that are not among `wanted`, and returns where they were.
    pub fn forget_all_but(&mut self, wanted: &[(ModelRef, Place)]) -> Vec<Seat> {
        let kept: BTreeSet<Seat> =
            wanted.iter().map(|(model, place)| Seat::of(model, *place)).collect();
        let gone = self.models.keys().filter(|seat| !kept.contains(seat)).cloned().collect();
        self.models.retain(|seat, _| kept.contains(seat));
        gone
    }

    /// Takes note of what answers from now on; `None` when nothing does.
    pub fn in_force(&mut self, plan: Option<InForce>) {
        self.in_force = plan;
    }

    /// What is to be done about the newest route.
    pub fn decide(&self) -> Decision {
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
    pub fn status(&self, fallbacks: u64) -> ScorerStatus {
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
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use routes::Previous;

    fn model(n: u8) -> ModelRef {
        let digest = format!("sha256:{}", format!("{n:02x}").repeat(32));
        ModelRef { digest, image: format!("oci:models@sha256:{n}") }
    }

    fn route(generation: u64, champion: u8, candidate: Option<u8>) -> Route {
        let id = format!("r{generation}");
        let route = Route { generation, id, ..Route::bootstrap("s", model(champion)) };
        match candidate {
            Some(n) => route.with_candidate(model(n), 0.1),
            None => route,
        }
    }

    fn here(n: u8) -> Seat {
        Seat::of(&model(n), Place::Here)
    }

    fn apart(n: u8) -> Seat {
        Seat::of(&model(n), Place::Apart)
    }

    fn forced(generation: u64) -> InForce {
        InForce { route: format!("r{generation}"), generation, without_candidate: None }
    }

    /// Generation 1 of model 1 is in force, generation 2 with candidate 2 was seen.
    fn on_trial() -> Adoption {
        let mut adoption = Adoption::new("s", "a");
        assert_eq!(adoption.see(route(1, 1, None)), Seen::Taken);
        adoption.model(&here(1), Readiness::Loaded);
        adoption.in_force(Some(forced(1)));
        assert_eq!(adoption.see(route(2, 1, Some(2))), Seen::Taken);
        adoption
    }

    fn told(adoption: &Adoption) -> (u64, u64, ScorerState) {
        let status = adoption.status(0);
        assert_eq!(status.error.is_some(), status.state == ScorerState::Failed);
        (status.generation, status.seen, status.state)
    }

    #[test]
    fn without_a_route_the_scorer_is_ready_and_answers_nothing() {
        let adoption = Adoption::new("s", "a");
        assert_eq!(adoption.decide(), Decision::Nothing);
        assert_eq!(told(&adoption), (0, 0, ScorerState::Ready));
        assert!(adoption.wanted(jiff::Timestamp::UNIX_EPOCH).is_empty());
    }

    #[test]
    fn a_route_is_in_force_once_all_its_models_are_there() {
        let mut adoption = on_trial();
        assert_eq!(adoption.decide(), Decision::Wait);
        assert_eq!(told(&adoption), (1, 2, ScorerState::Loading));
        adoption.model(&apart(2), Readiness::Loading);
        assert_eq!(adoption.decide(), Decision::Wait);
        adoption.model(&apart(2), Readiness::Loaded);
        assert_eq!(adoption.decide(), Decision::Force(forced(2)));
        assert_eq!(told(&adoption), (1, 2, ScorerState::Loading));
        adoption.in_force(Some(forced(2)));
        assert_eq!(told(&adoption), (2, 2, ScorerState::Ready));
    }

    #[test]
    fn a_candidate_that_cannot_be_loaded_leaves_the_champion_in_force() {
        let mut adoption = on_trial();
        adoption.model(&apart(2), Readiness::Failed("no such image".into()));
        let Decision::Force(plan) = adoption.decide() else { panic!() };
        assert!(plan.without_candidate.as_ref().unwrap().ends_with("no such image"));
        adoption.in_force(Some(plan));
        assert_eq!(told(&adoption), (2, 2, ScorerState::Failed));
        // The image was pushed late, and the next try found it.
        adoption.model(&apart(2), Readiness::Loaded);
        assert_eq!(adoption.decide(), Decision::Force(forced(2)));
        adoption.in_force(Some(forced(2)));
        assert_eq!(told(&adoption), (2, 2, ScorerState::Ready));
    }

    #[test]
    fn a_candidate_that_is_out_is_reported_under_the_generation_in_force() {
        let mut adoption = on_trial();
        adoption.model(&apart(2), Readiness::Loaded);
        adoption.in_force(Some(forced(2)));
        adoption.model(&apart(2), Readiness::Failed("no answer within 2s".into()));
        assert_eq!(told(&adoption), (2, 2, ScorerState::Failed));
        let Decision::Force(plan) = adoption.decide() else { panic!() };
        assert!(plan.without_candidate.unwrap().ends_with("no answer within 2s"));
    }

    #[test]
    fn a_promoted_candidate_is_loaded_into_the_scorer_before_it_is_champion() {
        let mut adoption = on_trial();
        adoption.model(&apart(2), Readiness::Loaded);
        adoption.in_force(Some(forced(2)));
        let promoted = route(3, 1, None).promoted(model(2), "2999-01-01T00:00:00Z".into());
        adoption.see(promoted);
        assert_eq!(adoption.decide(), Decision::Wait);
        let wanted = adoption.wanted(jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(wanted, [(model(2), Place::Here), (model(1), Place::Here)]);
        adoption.model(&here(2), Readiness::Loaded);
        assert_eq!(adoption.decide(), Decision::Force(forced(3)));
        // Until then its process goes on, which is why it is forgotten last.
        assert_eq!(adoption.forget_all_but(&wanted), [apart(2)]);
    }

    #[test]
    fn a_champion_that_cannot_be_loaded_leaves_the_former_route_in_force() {
        let mut adoption = on_trial();
        adoption.see(route(3, 4, None));
        adoption.model(&here(4), Readiness::Failed("truncated".into()));
        assert!(matches!(adoption.decide(), Decision::Refuse(_)));
        assert_eq!(told(&adoption), (1, 3, ScorerState::Failed));
    }

    #[test]
    fn a_way_back_overtakes_a_candidate_that_still_loads() {
        let mut adoption = on_trial();
        adoption.model(&apart(2), Readiness::Loading);
        adoption.see(route(3, 1, None));
        assert_eq!(adoption.decide(), Decision::Force(forced(3)));
    }

    #[test]
    fn stale_and_senseless_routes_are_passed_over() {
        let mut adoption = on_trial();
        assert_eq!(adoption.see(route(1, 9, None)), Seen::Stale);
        assert_eq!(adoption.see(route(2, 9, None)), Seen::Stale);
        assert_eq!(adoption.see(route(2, 1, Some(2))), Seen::Known);
        let mut broken = route(3, 1, None);
        broken.champion.digest = "sha256:12".into();
        assert!(matches!(adoption.see(broken), Seen::Defective(_)));
        assert_eq!(adoption.newest().unwrap().generation, 2);
    }

    #[test]
    fn a_retired_stream_begins_anew_at_any_generation() {
        let mut adoption = on_trial();
        adoption.retire();
        adoption.in_force(None);
        assert_eq!(told(&adoption), (0, 0, ScorerState::Ready));
        assert_eq!(adoption.see(route(1, 1, None)), Seen::Taken);
    }

    #[test]
    fn a_topic_that_was_lost_and_made_anew_is_followed_from_its_first_generation_on() {
        let mut adoption = on_trial();
        let (id, epoch) = ("anew".to_owned(), "anew".to_owned());
        let anew = Route { id, epoch, ..route(1, 9, None) };
        assert_eq!(adoption.see(anew.clone()), Seen::Taken);
        // Until its model is there, the status names the route that answers, and that is another one.
        let status = adoption.status(0);
        assert!(!status.has_in_force(&anew) && status.has_seen(&anew), "{status:?}");
        adoption.model(&here(9), Readiness::Loaded);
        let Decision::Force(plan) = adoption.decide() else { panic!() };
        adoption.in_force(Some(plan));
        assert!(adoption.status(0).has_in_force(&anew));
        assert_eq!(adoption.see(Route { generation: 0, ..anew }), Seen::Stale);
    }

    #[test]
    fn the_former_champion_is_kept_until_its_time_is_over() {
        let mut adoption = Adoption::new("s", "a");
        let until = "2026-01-01T00:00:00Z".to_owned();
        let (until_then, promoted_by) = (until.clone(), String::new());
        let previous = Some(Previous { model: model(1), until: until_then, promoted_by });
        adoption.see(Route { previous, ..route(3, 2, None) });
        let end: jiff::Timestamp = until.parse().unwrap();
        assert_eq!(
            adoption.wanted(end - jiff::SignedDuration::from_secs(1)),
            [(model(2), Place::Here), (model(1), Place::Here)]
        );
        let wanted = adoption.wanted(end);
        assert_eq!(wanted, [(model(2), Place::Here)]);
        for n in [1, 2] {
            adoption.model(&here(n), Readiness::Loaded);
        }
        assert_eq!(adoption.forget_all_but(&wanted), [here(1)]);
        assert_eq!(adoption.readiness(&here(1)), None);
    }
}
