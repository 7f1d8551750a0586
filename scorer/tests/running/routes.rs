//! What a running scorer does when the route changes.

use crate::support::{LIMIT, World, number, score};
use ::routes::{
    Confirmation, Confirmations as _, ModelRef, Route, RouteWriter as _, Routes, Scorers, Variant,
    variant,
};
use kafka::{Outgoing, Record};

/// Whether the prediction is what `route` asks for, given what champion and candidate answer to `n`.
fn follows(record: &Record, route: &Route, champion: f64, candidate: f64) {
    let key = record.key.as_ref().unwrap();
    let chosen = variant(route, key);
    let (answer, model) = match (chosen, &route.candidate) {
        (Variant::Candidate, Some(it)) => (candidate, &it.model.digest),
        _ => (champion, &route.champion.digest),
    };
    assert_eq!(score(record), answer, "{:?}", record.headers);
    assert_eq!(record.header("variant"), Some(chosen.as_str()));
    assert_eq!(record.header("model"), Some(&**model));
    assert_eq!(record.header("generation"), Some(&*route.generation.to_string()));
}

#[test]
fn shares_are_split_and_a_change_is_in_force_once_it_is_confirmed() {
    let mut world = World::new();
    let (_a, _b) = (world.scorer("a"), world.scorer("b"));
    let (same, opposite) = (world.image("Identity"), world.image("Neg"));
    let first = Route::bootstrap("s", same.clone());
    let routes = [
        first.clone(),
        first.with_candidate(opposite.clone(), 0.4),
        first.with_candidate(opposite.clone(), 1.0),
        first.promoted(opposite, "2999-01-01T00:00:00Z".into()),
        first.restored(same, "r".into()),
    ];
    let mut written = Vec::new();
    for (step, route) in (0..).zip(routes) {
        written.push(world.in_force(route));
        world.numbers(step * 200..(step + 1) * 200);
    }
    for record in world.read("s.predictions", 1000) {
        let n = number(&record);
        let step = usize::try_from(n / 200).unwrap();
        let (champion, candidate) = if step == 3 { (-n, n) } else { (n, -n) };
        // What was written after a confirmation is answered under that generation or a later one.
        let generation: u64 = record.header("generation").unwrap().parse().unwrap();
        let route = written.iter().find(|route| route.generation == generation).unwrap();
        assert!(generation >= written[step].generation);
        if generation == written[step].generation {
            follows(&record, route, champion as f64, candidate as f64);
        }
    }
}

#[test]
fn a_candidate_that_cannot_answer_never_disturbs() {
    let mut world = World::new();
    let _scorer = world.scorer("a");
    let (same, root) = (world.image("Identity"), world.image("Sqrt"));
    let route = Route::bootstrap("s", same.clone()).with_candidate(root.clone(), 1.0);
    world.in_force(route);
    world.numbers(-4..96);
    let predictions = world.read("s.predictions", 100);
    for record in &predictions {
        let n = number(record);
        if n < 0 {
            assert_eq!((score(record), record.header("variant")), (n as f64, Some("champion")));
            assert_eq!(record.header("model"), Some(&*same.digest));
            let why = record.header("fallback").unwrap();
            assert!(why.starts_with("the candidate cannot answer"), "{why}");
        } else {
            assert!((score(record) - (n as f64).sqrt()).abs() < 1e-5);
            assert_eq!(record.header("model"), Some(&*root.digest));
            assert_eq!(record.header("fallback"), None);
        }
    }
    let deadline = std::time::Instant::now() + LIMIT;
    let mut scorers = Scorers::open(&world.kafka, "s").unwrap();
    while scorers.live().unwrap()[0].fallbacks != 4 {
        assert!(std::time::Instant::now() < deadline, "{:?}", scorers.live());
    }
}

#[test]
fn a_candidate_that_cannot_be_loaded_is_told_and_the_champion_answers() {
    let mut world = World::new();
    let _scorer = world.scorer("a");
    let same = world.image("Identity");
    world.in_force(Route::bootstrap("s", same.clone()));
    let absent = ModelRef { digest: format!("sha256:{}", "ab".repeat(32)), ..same.clone() };
    let route =
        world.route(Route::bootstrap("s", same.clone()).with_candidate(absent.clone(), 0.5));
    let confirmation = world.confirm(&route);
    assert!(
        matches!(&confirmation, Confirmation::Refused { error, .. } if error.contains(&absent.digest))
    );
    world.numbers(0..100);
    for record in world.read("s.predictions", 100) {
        assert_eq!(score(&record), number(&record) as f64);
        assert_eq!(record.header("variant"), Some("champion"));
        let candidates = variant(&route, record.key.as_ref().unwrap()) == Variant::Candidate;
        assert_eq!(record.header("fallback").is_some(), candidates, "{:?}", record.headers);
    }
    // A champion that cannot be loaded: the route before it goes on.
    let refused = world.route(Route::bootstrap("s", absent));
    assert!(matches!(world.confirm(&refused), Confirmation::Refused { .. }));
    world.numbers(100..120);
    for record in world.read("s.predictions", 120) {
        let generation: u64 = record.header("generation").unwrap().parse().unwrap();
        assert!(generation <= route.generation, "{:?}", record.headers);
    }
    // And the way back is open.
    world.in_force(Route::bootstrap("s", same));
}

#[test]
fn stale_and_senseless_routes_are_passed_over() {
    let mut world = World::new();
    let _scorer = world.scorer("a");
    let (same, opposite) = (world.image("Identity"), world.image("Neg"));
    let route = world.in_force(Route::bootstrap("s", same));
    world.in_force(route.clone());
    let stale = Route { champion: opposite.clone(), ..route.clone() };
    let senseless = Route { generation: 90, ..route.clone() }.with_candidate(opposite.clone(), 7.0);
    for value in [
        b"no route".to_vec(),
        serde_json::to_vec(&senseless).unwrap(),
        serde_json::to_vec(&stale).unwrap(),
    ] {
        let (topic, key) = ("headgate.routes".into(), Some(b"s".to_vec()));
        let value = Some(value);
        world.writer.send(&Outgoing { topic, key, value, ..Outgoing::default() }).unwrap();
    }
    world.writer.flush().unwrap();
    // As a rollback does: nobody else writes where the newest record is no route.
    let mut routes = Routes::open_last_readable(&world.kafka, "s").unwrap();
    let route = routes.write(Route::bootstrap("s", opposite), "r", "a test", None).unwrap();
    assert!(matches!(world.confirm(&route), Confirmation::Confirmed { .. }));
    world.numbers(1..21);
    for record in world.read("s.predictions", 20) {
        assert_eq!(score(&record), -number(&record) as f64);
    }
}
