//! What a promotion leaves behind that did not come to its end.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fault::exit;
use kafka::Outgoing;
use routes::{ROUTES_TOPIC, Route, SCORERS_TOPIC, ScorerState, ScorerStatus};
use testkit::{Behaviour, Ran, Stage, model};

const PROMOTE: &str = env!("CARGO_BIN_EXE_promote");

fn flags(n: u8, strategy: &str, limit: &str) -> Vec<String> {
    vec![
        format!("--model-digest={}", model(n).digest),
        format!("--image={}", model(n).image),
        format!("--strategy={strategy}"),
        format!("--confirm-timeout={limit}"),
    ]
}

fn run(stage: &Stage, release: &str, n: u8, strategy: &str, limit: &str) -> Ran {
    let flags = flags(n, strategy, limit);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    stage.run(PROMOTE, release, &flags).unwrap()
}

fn start(stage: &Stage, release: &str, n: u8, strategy: &str) -> testkit::Running {
    let flags = flags(n, strategy, "2m");
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    stage.start(PROMOTE, release, &flags).unwrap()
}

fn assert_ended(ran: &Ran, verdict: &str, words: &str) {
    assert_eq!(ran.code, Some(i32::from(exit::VERDICT)), "{}", ran.log);
    assert_eq!(ran.verdict, verdict, "{}", ran.reason);
    assert!(ran.reason.contains(words), "{}", ran.reason);
}

/// A scorer that lives and has `generation` of a route that is not on the topic in force; it ends with this value.
struct Elsewhere(Arc<AtomicBool>, Option<std::thread::JoinHandle<()>>);

impl Elsewhere {
    fn start(stage: &Stage, generation: u64) -> Self {
        let status = ScorerStatus {
            stream: "s".into(),
            scorer: "elsewhere".into(),
            route: "of a topic that was lost".into(),
            generation,
            state: ScorerState::Ready,
            seen_route: "of a topic that was lost".into(),
            seen: generation,
            error: None,
            fallbacks: 0,
        };
        let (stop, kafka) = (Arc::new(AtomicBool::new(false)), stage.kafka.clone());
        let asked = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut writer = kafka.writer().unwrap();
            while !asked.load(Ordering::Relaxed) {
                let (topic, key) = (SCORERS_TOPIC.to_owned(), Some(status.key().into_bytes()));
                let value = Some(serde_json::to_vec(&status).unwrap());
                writer.send(&Outgoing { topic, key, value, ..Outgoing::default() }).unwrap();
                writer.flush().unwrap();
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        Self(stop, Some(thread))
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        self.1.take().unwrap().join().unwrap();
    }
}

/// Routes and retirements of the stream, in their order: champion by number.
fn history(stage: &Stage) -> Vec<Option<Route>> {
    let history = routes::history(&stage.kafka, &stage.stream).unwrap().into_iter();
    history.map(routes::Entry::route).collect()
}

#[test]
fn a_bootstrap_without_a_scorer_writes_nothing_and_passes_once_there_is_one() {
    let stage = Stage::empty().unwrap();
    let first = run(&stage, "r", 1, "bootstrap", "300ms");
    assert_ended(&first, "inconclusive", "no scorer of this stream was live within 300 ms");
    assert_eq!(history(&stage), []);
    let again = run(&stage, "r", 1, "bootstrap", "300ms");
    assert_eq!((&again.verdict, &again.event), (&first.verdict, &first.event));

    let _scorer = stage.scorer(Behaviour::default()).unwrap();
    let passed = run(&stage, "r", 1, "bootstrap", "300ms");
    let passed = match passed.verdict.as_str() {
        // A machine under load: the heartbeat comes a moment later.
        "inconclusive" => run(&stage, "r", 1, "bootstrap", "1m"),
        _ => passed,
    };
    assert_ended(&passed, "pass", "1 scorer confirmed in");
    assert_ne!(passed.event, first.event, "readers drop an event whose id they have met");
    // And another model is not the first one any more.
    assert_ended(&run(&stage, "r-2", 2, "bootstrap", "1m"), "fail", "this stream has a champion");
}

#[test]
fn a_bootstrap_that_a_scorer_refuses_leaves_the_stream_without_a_route() {
    let stage = Stage::empty().unwrap();
    let refuses = Some(model(1).digest);
    let _scorer = stage.scorer(Behaviour { refuses, ..Behaviour::default() }).unwrap();
    assert_ended(&run(&stage, "r", 1, "bootstrap", "1m"), "fail", "cannot answer with");
    let history = history(&stage);
    assert!(matches!(history.as_slice(), [Some(_), None]), "{history:?}");
    assert_ended(&run(&stage, "r-2", 2, "bootstrap", "1m"), "pass", "is the champion");
    // Generations grow, so that no answer of the failed one counts for this one.
    assert_eq!(stage.route().unwrap().generation, 2);
}

#[test]
fn a_bootstrap_that_is_stopped_or_killed_and_run_again_is_taken_back() {
    let stage = Stage::empty().unwrap();
    let elsewhere = Elsewhere::start(&stage, 0);
    let stopped = start(&stage, "r", 1, "bootstrap");
    stage.await_route(|route| route.champion == model(1)).unwrap();
    stopped.terminate().unwrap();
    let ran = stopped.end().unwrap();
    assert_eq!(ran.code, Some(i32::from(exit::TRANSIENT)), "{}", ran.log);
    assert!(matches!(history(&stage).as_slice(), [Some(_), None]));

    let killed = start(&stage, "r", 1, "bootstrap");
    stage.await_route(|route| route.generation == 2).unwrap();
    killed.kill().unwrap();
    assert_ended(&run(&stage, "r", 1, "bootstrap", "1s"), "inconclusive", "by elsewhere");
    assert!(matches!(history(&stage).as_slice(), [Some(_), None, Some(_), None]));

    // And one that was killed is finished by the next where the scorers follow.
    let killed = start(&stage, "r", 1, "bootstrap");
    stage.await_route(|route| route.generation == 3).unwrap();
    killed.kill().unwrap();
    drop(elsewhere);
    let _scorer = stage.scorer(Behaviour::default()).unwrap();
    assert_ended(&run(&stage, "r", 1, "bootstrap", "1m"), "pass", "1 scorer confirmed");
    assert_eq!(stage.route().unwrap().generation, 3);
}

#[test]
fn a_promotion_that_is_killed_and_run_again_brings_the_former_champion_back() {
    let stage = Stage::with_champion(1).unwrap();
    let trial = stage.route().unwrap().with_candidate(model(2), 0.5);
    stage.write(trial, "r", "canary").unwrap();
    let _elsewhere = Elsewhere::start(&stage, 0);
    let killed = start(&stage, "r", 2, "canary");
    stage.await_route(|route| route.champion == model(2)).unwrap();
    killed.kill().unwrap();
    assert_ended(&run(&stage, "r", 2, "canary", "1s"), "inconclusive", "by elsewhere");
    let route = stage.route().unwrap();
    assert_eq!((route.champion, route.promoted_by.as_str()), (model(1), "r-0"));
}

#[test]
fn a_route_that_no_scorer_has_seen_is_not_confirmed_by_a_higher_generation() {
    let stage = Stage::empty().unwrap();
    let _scorer = stage.scorer(Behaviour::default()).unwrap();
    // Its topic was lost: what it has in force is not what is promoted here, and it does not follow.
    let _elsewhere = Elsewhere::start(&stage, 5);
    let ran = run(&stage, "r", 1, "bootstrap", "2s");
    assert_ended(&ran, "inconclusive", "not confirmed within 2 s by elsewhere");
    let history = history(&stage);
    let [Some(written), None] = history.as_slice() else { panic!("{history:?}") };
    assert_eq!(written.generation, 6, "above all that a scorer has seen");
}

#[test]
fn a_record_that_is_no_route_is_not_a_stream_without_one() {
    for (value, words) in [
        ("no route", "it is not JSON"),
        (r#"{"stream":"other"}"#, "missing field"),
        (
            &serde_json::to_string(&Route {
                generation: u64::MAX,
                ..Route::bootstrap("s", model(1))
            })
            .unwrap(),
            "18446744073709551615 is no generation",
        ),
        (
            &serde_json::to_string(&Route { generation: 1, ..Route::bootstrap("other", model(1)) })
                .unwrap(),
            "it names the stream `other`",
        ),
    ] {
        let stage = Stage::empty().unwrap();
        let (topic, key) = (ROUTES_TOPIC.to_owned(), Some(b"s".to_vec()));
        let value = Some(value.as_bytes().to_vec());
        stage.send(&Outgoing { topic, key, value, ..Outgoing::default() }).unwrap();
        let _scorer = stage.scorer(Behaviour::default()).unwrap();
        for strategy in ["bootstrap", "canary"] {
            let ran = run(&stage, "r", 1, strategy, "10s");
            assert_eq!(ran.code, Some(i32::from(exit::USAGE)), "{}", ran.log);
            assert!(ran.log.contains("offset 0") && ran.log.contains(words), "{}", ran.log);
        }
        // The way out that the hint names.
        let retired = Outgoing {
            topic: ROUTES_TOPIC.into(),
            key: Some(b"s".to_vec()),
            ..Outgoing::default()
        };
        stage.send(&retired).unwrap();
        assert_ended(&run(&stage, "r", 1, "bootstrap", "1m"), "pass", "is the champion");
    }
}

#[test]
fn the_same_model_by_another_release_is_from_then_on_that_ones() {
    let stage = Stage::empty().unwrap();
    let _scorer = stage.scorer(Behaviour::default()).unwrap();
    assert_ended(&run(&stage, "a", 1, "bootstrap", "1m"), "pass", "");
    assert_ended(&run(&stage, "b", 1, "canary", "1m"), "pass", "is the champion");
    let route = stage.route().unwrap();
    assert_eq!((route.generation, route.promoted_by.as_str()), (2, "b"));
    // An outcome that was emitted is emitted again, and nothing changes.
    let again = run(&stage, "a", 1, "bootstrap", "1m");
    assert_ended(&again, "pass", "is the champion");
    assert_eq!(stage.route().unwrap(), route);
    assert_eq!(stage.events().unwrap().len(), 2);
}
