//! When a route is put in force, and what the scorer says of itself meanwhile.
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

fn reported(adoption: &Adoption) -> (u64, u64, ScorerState) {
    let status = adoption.status(0);
    assert_eq!(status.error.is_some(), status.state == ScorerState::Failed);
    (status.generation, status.seen, status.state)
}

#[test]
fn without_a_route_the_scorer_is_ready_and_answers_nothing() {
    let adoption = Adoption::new("s", "a");
    assert_eq!(adoption.decide(), Decision::Nothing);
    assert_eq!(reported(&adoption), (0, 0, ScorerState::Ready));
    assert!(adoption.wanted(jiff::Timestamp::UNIX_EPOCH).is_empty());
}

#[test]
fn a_route_is_in_force_once_all_its_models_are_there() {
    let mut adoption = on_trial();
    assert_eq!(adoption.decide(), Decision::Wait);
    assert_eq!(reported(&adoption), (1, 2, ScorerState::Loading));
    adoption.model(&apart(2), Readiness::Loading);
    assert_eq!(adoption.decide(), Decision::Wait);
    adoption.model(&apart(2), Readiness::Loaded);
    assert_eq!(adoption.decide(), Decision::Force(forced(2)));
    assert_eq!(reported(&adoption), (1, 2, ScorerState::Loading));
    adoption.in_force(Some(forced(2)));
    assert_eq!(reported(&adoption), (2, 2, ScorerState::Ready));
}

#[test]
fn a_candidate_that_cannot_be_loaded_leaves_the_champion_in_force() {
    let mut adoption = on_trial();
    adoption.model(&apart(2), Readiness::Failed("no such image".into()));
    let Decision::Force(plan) = adoption.decide() else { panic!() };
    assert!(plan.without_candidate.as_ref().unwrap().ends_with("no such image"));
    adoption.in_force(Some(plan));
    assert_eq!(reported(&adoption), (2, 2, ScorerState::Failed));
    // The image was pushed late, and the next try found it.
    adoption.model(&apart(2), Readiness::Loaded);
    assert_eq!(adoption.decide(), Decision::Force(forced(2)));
    adoption.in_force(Some(forced(2)));
    assert_eq!(reported(&adoption), (2, 2, ScorerState::Ready));
}

#[test]
fn a_candidate_that_is_out_is_reported_under_the_generation_in_force() {
    let mut adoption = on_trial();
    adoption.model(&apart(2), Readiness::Loaded);
    adoption.in_force(Some(forced(2)));
    adoption.model(&apart(2), Readiness::Failed("no answer within 2s".into()));
    assert_eq!(reported(&adoption), (2, 2, ScorerState::Failed));
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
    assert_eq!(reported(&adoption), (1, 3, ScorerState::Failed));
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
    assert_eq!(reported(&adoption), (0, 0, ScorerState::Ready));
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
