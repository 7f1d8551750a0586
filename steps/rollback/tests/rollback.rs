//! Rollback as a black box: the binary, an in-memory broker and a scorer that follows the route.
#![expect(clippy::unwrap_used, reason = "tests")]

use contract::event::OutcomeEvent;
use fault::exit;
use kafka::{Outgoing, Start, Window};
use serde_json::json;
use stream::{PredictionHeaders, SourceOffset};
use testkit::{Behaviour, Ran, Stage, model};

const ROLLBACK: &str = env!("CARGO_BIN_EXE_rollback");
const QUICK: [&str; 3] = ["--confirm-timeout=1m", "--observe=5s", "--observe-records=200"];

fn run(stage: &Stage, release: &str, more: &[&str]) -> Ran {
    let name = |flag: &str| flag.split('=').next().unwrap_or_default().to_owned();
    let mut flags = QUICK.to_vec();
    flags.retain(|flag| !more.iter().any(|other| name(other) == name(flag)));
    flags.extend(more);
    stage.run(ROLLBACK, release, &flags).unwrap()
}

fn assert_ended(ran: &Ran, verdict: &str, words: &str) {
    assert_eq!(ran.code, Some(i32::from(exit::VERDICT)), "{}", ran.log);
    assert_eq!(ran.verdict, verdict, "{}", ran.reason);
    assert!(ran.reason.contains(words), "{}", ran.reason);
}

/// What promote emits about model `n`.
fn promoted(n: u8) -> OutcomeEvent {
    let model = model(n);
    serde_json::from_value(json!({
        "context": {
            "specversion": "0.5.1", "id": format!("promote-{n}"), "source": "/headgate/dev/promote",
            "type": "dev.cdevents.service.upgraded.0.3.0", "timestamp": contract::event::now(),
        },
        "subject": { "id": "s", "content": {} },
        "customDataContentType": "application/json",
        "customData": {
            "contract": "1.0", "step": "promote", "step-version": "0.1.0", "release": format!("r-{n}"),
            "stream": "s", "environment": "dev", "verdict": "pass", "reason": "",
            "inputs": { "model": model.digest, "image": model.image }, "outputs": {}, "report": { "digest": "" },
        },
    }))
    .unwrap()
}

/// A stream on which model 2 followed on model 1.
fn upgraded() -> Stage {
    let stage = Stage::with_champion(1).unwrap();
    stage.emit(&promoted(1)).unwrap();
    let route = stage.route().unwrap().promoted(model(2), contract::event::now());
    stage.write(route, "r-2", "promote").unwrap();
    stage.emit(&promoted(2)).unwrap();
    stage
}

/// Waits until `count` answers of model `n` are on the stream.
fn await_answers(stage: &Stage, n: u8, count: usize) {
    let mut reader = stage.kafka.reader("s.predictions", &Start::Beginning).unwrap();
    let (digest, mut seen) = (model(n).digest, 0);
    let started = std::time::Instant::now();
    while seen < count {
        assert!(started.elapsed().as_secs() < 30, "{seen} of {count} answers");
        let record = reader.next(std::time::Duration::from_millis(100)).unwrap();
        seen +=
            usize::from(record.is_some_and(|r| {
                PredictionHeaders::of(&r.headers).stated_model() == Some(&*digest)
            }));
    }
}

/// Offsets and number of the answers of model `n`, counted independently of the step.
fn answered_by(stage: &Stage, n: u8) -> (Window, u64) {
    let (digest, mut window, mut count) = (model(n).digest, Window::default(), 0);
    let mut reader = stage.kafka.reader("s.predictions", &Start::Beginning).unwrap();
    reader
        .read_to_end(|record| {
            let headers = PredictionHeaders::of(&record.headers);
            if headers.stated_model() == Some(&*digest) {
                let SourceOffset { partition, offset, .. } = headers.source().unwrap();
                let range = window.0.entry(partition).or_insert((offset, offset + 1));
                *range = (range.0.min(offset), range.1.max(offset + 1));
                count += 1;
            }
        })
        .unwrap();
    (window, count)
}

#[test]
fn a_bad_champion_gives_way_to_the_last_known_good_model() {
    let stage = upgraded();
    let scorer = stage.scorer(Behaviour::default()).unwrap();
    await_answers(&stage, 2, 100);
    let ran = run(&stage, "r-2", &[]);
    assert_ended(&ran, "pass", "since generation 3");
    let route = stage.route().unwrap();
    assert_eq!((route.champion, route.previous), (model(1), None));

    drop(scorer);
    let (window, count) = answered_by(&stage, 2);
    let events = stage.events().unwrap();
    let data = &events.last().unwrap().custom_data;
    assert_eq!(data.outputs["ranges"], window.to_string());
    assert_eq!(data.outputs["answers"], count.to_string());
    assert_eq!(data.outputs["bad"], model(2).digest);
    let event = events.last().unwrap();
    assert_eq!(event.context.event_type, "dev.cdevents.service.rolledback.0.3.0");
    assert_eq!(event.subject.content["artifactId"], model(1).image);
    assert_eq!(event.subject.content["environment"]["id"], "dev");
    assert!(ran.record["details"]["proof"]["predictions"]["later_answers"].as_u64() >= Some(200));
}

#[test]
fn a_release_whose_canary_failed_does_not_depose_the_champion_of_another() {
    let stage = upgraded();
    let _scorer = stage.scorer(Behaviour::default()).unwrap();
    let trial = stage.route().unwrap().with_candidate(model(3), 0.5);
    let trial = stage.write(trial, "r-bad", "canary").unwrap();
    stage.write(trial.without_candidate(), "r-bad", "canary-gate fail: harm").unwrap();

    let ran = run(&stage, "r-bad", &[]);
    assert_ended(&ran, "pass", "nothing to do: this release tries no candidate");
    assert_eq!(stage.route().unwrap().champion, model(2));
    assert_eq!(stage.routes().unwrap().len(), 4);

    // Nor does it take another's candidate; and the release that did promote still can take its model back.
    let trial = stage.route().unwrap().with_candidate(model(3), 0.5);
    stage.write(trial, "r-next", "canary").unwrap();
    assert_ended(&run(&stage, "r-bad", &["--observe=1s"]), "pass", "nothing to do");
    assert_eq!(stage.route().unwrap().share(), 0.5);
    assert_ended(&run(&stage, "r-2", &[]), "pass", &format!("back on {}", model(1).digest));
    let route = stage.route().unwrap();
    assert_eq!((route.champion, route.promoted_by.as_str()), (model(1), "r-1"));
}

#[test]
fn a_promotion_that_was_ended_before_its_event_can_be_taken_back() {
    let stage = Stage::with_champion(1).unwrap();
    stage.emit(&promoted(1)).unwrap();
    let _scorer = stage.scorer(Behaviour::default()).unwrap();
    let route = stage.route().unwrap().promoted(model(2), contract::event::now());
    let route = stage.write(route, "r-2", "promote").unwrap();
    let trial = stage.write(route.with_candidate(model(3), 0.5), "r-3", "canary").unwrap();
    stage.write(trial.without_candidate(), "r-3", "canary-gate fail").unwrap();
    assert_ended(&run(&stage, "r-3", &[]), "pass", "nothing to do");
    assert_ended(&run(&stage, "r-2", &[]), "pass", &format!("back on {}", model(1).digest));
    assert_eq!(stage.route().unwrap().champion, model(1));
}

#[test]
fn that_there_was_nothing_to_do_once_does_not_keep_a_model_that_has_to_go_later() {
    let stage = Stage::with_champion(1).unwrap();
    stage.emit(&promoted(1)).unwrap();
    let _scorer = stage.scorer(Behaviour::default()).unwrap();
    let bad = format!("--bad={}", model(2).digest);
    for flags in [&[][..], &[bad.as_str()]] {
        assert_ended(&run(&stage, "r-2", flags), "pass", "nothing to do");
    }
    for flags in [&[][..], &[bad.as_str()]] {
        let route = stage.route().unwrap().promoted(model(2), contract::event::now());
        stage.write(route, "r-2", "promote").unwrap();
        assert_ended(&run(&stage, "r-2", flags), "pass", "the stream is back on");
        assert_eq!(stage.route().unwrap().champion, model(1));
    }
}

#[test]
fn a_record_that_is_no_route_does_not_bar_the_way_back_and_is_written_over() {
    let garbage = |stage: &Stage| {
        let (topic, key) = (routes::ROUTES_TOPIC.to_owned(), Some(b"s".to_vec()));
        let value = Some(b"no route".to_vec());
        stage.send(&Outgoing { topic, key, value, ..Outgoing::default() }).unwrap();
        assert!(stage.route().is_err(), "nobody goes on without a word");
    };
    let stage = upgraded();
    let _scorer = stage.scorer(Behaviour::default()).unwrap();
    garbage(&stage);
    assert_ended(&run(&stage, "r-2", &["--bad=champion"]), "pass", "is no route: it is not JSON");
    assert_eq!(stage.route().unwrap().champion, model(1));
    // Also where nothing else is to be done.
    garbage(&stage);
    assert_ended(&run(&stage, "by-hand", &[]), "pass", "nothing to do");
    let route = stage.route().unwrap();
    assert_eq!((route.champion, route.generation, route.promoted_by), (model(1), 4, "r-1".into()));

    // Where it is all that is left, nobody knows the champion.
    let stage = Stage::empty().unwrap();
    let (topic, key) = (routes::ROUTES_TOPIC.to_owned(), Some(b"s".to_vec()));
    let value = Some(b"no route".to_vec());
    stage.send(&Outgoing { topic, key, value, ..Outgoing::default() }).unwrap();
    let ran = run(&stage, "r-2", &["--bad=champion"]);
    assert_eq!(ran.code, Some(i32::from(exit::USAGE)), "{}", ran.log);
    assert!(ran.log.contains("kcat"), "{}", ran.log);
}

#[test]
fn a_bad_candidate_goes_and_the_champion_stays() {
    let stage = upgraded();
    let trial = stage.route().unwrap().with_candidate(model(3), 0.5);
    stage.write(trial, "r-3", "canary").unwrap();
    let _scorer = stage.scorer(Behaviour::default()).unwrap();
    await_answers(&stage, 3, 100);
    assert_ended(&run(&stage, "r-3", &["--bad="]), "pass", "since generation 4");
    let route = stage.route().unwrap();
    assert_eq!((route.champion, route.candidate), (model(2), None));
}

#[test]
fn an_exit_handler_takes_back_what_its_release_left_behind() {
    let stage = upgraded();
    let trial = stage.route().unwrap().with_candidate(model(3), 1.0);
    stage.write(trial, "r-3", "canary").unwrap();
    let _scorer = stage.scorer(Behaviour::default()).unwrap();
    await_answers(&stage, 3, 100);
    let other = run(&stage, "r-4", &["--bad=left-behind"]);
    assert_ended(&other, "pass", "this release left no candidate");
    assert_eq!(stage.route().unwrap().share(), 1.0, "another release's candidate stays");

    assert_ended(&run(&stage, "r-3", &["--bad=left-behind"]), "pass", "since generation 4");
    assert_eq!(stage.route().unwrap().candidate, None);
    let again = run(&stage, "r-3", &["--bad=left-behind"]);
    assert_ended(&again, "pass", "since generation 4");
    assert_eq!(stage.routes().unwrap().len(), 4);

    // The release is tried once more and leaves a candidate once more: that is another rollback.
    let trial = stage.route().unwrap().with_candidate(model(3), 0.5);
    stage.write(trial, "r-3", "canary").unwrap();
    assert_ended(&run(&stage, "r-3", &["--bad=left-behind"]), "pass", "since generation 6");
    assert_eq!(stage.route().unwrap().candidate, None);
}

#[test]
fn an_exit_handler_with_nothing_to_take_back_ends_at_once() {
    let watching = ["--bad=left-behind", "--observe=1m", "--confirm-timeout=1m"];
    let cases = [(Stage::empty().unwrap(), "r", None), (upgraded(), "r-2", Some(model(2)))];
    for (stage, release, champion) in cases {
        let started = std::time::Instant::now();
        let ran = run(&stage, release, &watching);
        assert_ended(&ran, "pass", "nothing to do");
        assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
        let events = stage.events().unwrap();
        let kind = &events.last().unwrap().context.event_type;
        assert_eq!(kind, "dev.cdeventsx.headgate-rollback.unneeded.0.1.0");
        // What the release promoted stays: it passed every gate.
        let route = routes::read(&stage.kafka, &stage.stream).unwrap();
        assert_eq!(route.map(|route| route.champion), champion);
    }
}

#[test]
fn running_it_twice_changes_nothing_more() {
    let stage = upgraded();
    let _scorer = stage.scorer(Behaviour::default()).unwrap();
    await_answers(&stage, 2, 10);
    let first = run(&stage, "r-2", &["--bad=champion"]);
    let second = run(&stage, "r-2", &["--bad=champion"]);
    assert_ended(&second, "pass", "since generation 3");
    assert_eq!((first.event, first.reason), (second.event, second.reason));
    assert_eq!(stage.routes().unwrap().len(), 3);
    assert_eq!(stage.events().unwrap().len(), 3);
}

#[test]
fn a_killed_run_is_finished_by_the_next_without_a_second_route() {
    let stage = upgraded();
    // Nobody confirms, so the first run waits after it has written the route.
    let first = stage.start(ROLLBACK, "r-2", &["--bad=champion", QUICK[0], QUICK[1], QUICK[2]]);
    stage.await_route(|route| route.champion == model(1) && route.generation == 3).unwrap();
    first.unwrap().kill().unwrap();
    let _scorer = stage.scorer(Behaviour::default()).unwrap();
    assert_ended(&run(&stage, "r-2", &["--bad=champion"]), "pass", "since generation 3");
    assert_eq!(stage.routes().unwrap().len(), 3);
}

#[test]
fn a_model_that_was_rolled_back_is_never_returned_to() {
    let stage = upgraded();
    let _scorer = stage.scorer(Behaviour::default()).unwrap();
    assert_ended(&run(&stage, "r-2", &[]), "pass", "");
    let next = stage.route().unwrap().promoted(model(3), contract::event::now());
    stage.write(next, "r-3", "promote").unwrap();
    stage.emit(&promoted(3)).unwrap();
    assert_ended(&run(&stage, "r-3", &[]), "pass", &format!("back on {}", model(1).digest));
    assert_eq!(stage.route().unwrap().champion, model(1));

    let last = run(&stage, "r-4", &["--bad=champion"]);
    assert_ended(&last, "fail", "nothing to go back to");
    assert_eq!(stage.route().unwrap().champion, model(1));
    let events = stage.events().unwrap();
    assert_eq!(
        events.last().unwrap().context.event_type,
        "dev.cdeventsx.headgate-rollback.failed.0.1.0"
    );
}

#[test]
fn a_model_without_a_part_in_the_stream_is_nothing_to_do() {
    let stage = upgraded();
    let bad = format!("--bad={}", model(9).digest);
    for flags in [&[bad.as_str()][..], &[]] {
        let ran = run(&stage, "r-9", flags);
        assert_ended(&ran, "pass", "nothing to do");
        assert_eq!(ran.record["details"]["wrote_route"], false);
    }
    assert_eq!(stage.routes().unwrap().len(), 2);
    let events = stage.events().unwrap();
    let kind = &events.last().unwrap().context.event_type;
    assert_eq!(kind, "dev.cdeventsx.headgate-rollback.unneeded.0.1.0");
}

#[test]
fn a_candidate_that_the_gate_took_back_has_its_ranges_reported() {
    let stage = upgraded();
    let trial = stage.route().unwrap().with_candidate(model(3), 0.5);
    let trial = stage.write(trial, "r-3", "canary").unwrap();
    let scorer = stage.scorer(Behaviour::default()).unwrap();
    await_answers(&stage, 3, 50);
    stage.write(trial.without_candidate(), "r-3", "canary-gate fail: harm").unwrap();
    let bad = format!("--bad={}", model(3).digest);
    let ran = run(&stage, "r-3", &[&bad]);
    assert_ended(&ran, "pass", "has no share of it");
    assert_eq!(stage.routes().unwrap().len(), 4);
    drop(scorer);
    let (window, count) = answered_by(&stage, 3);
    let data = stage.events().unwrap().pop().unwrap().custom_data;
    assert_eq!(
        (&data.outputs["ranges"], &data.outputs["answers"]),
        (&window.to_string(), &count.to_string())
    );
}

#[test]
fn a_scorer_that_goes_on_answering_with_the_bad_model_fails_it() {
    let stage = upgraded();
    let _scorer = stage.scorer(Behaviour { stuck_at: Some(2), ..Behaviour::default() }).unwrap();
    await_answers(&stage, 2, 10);
    let ran = run(&stage, "r-2", &[]);
    assert_ended(&ran, "fail", "later answers are not by the good model");
    assert_eq!(stage.route().unwrap().champion, model(1), "the route stays right");
}

#[test]
fn without_data_it_rests_on_the_confirmations_and_says_so() {
    let stage = upgraded();
    let _scorer = stage.scorer(Behaviour { per_tick: 0, ..Behaviour::default() }).unwrap();
    let ran = run(&stage, "r-2", &["--observe=300ms"]);
    assert_ended(
        &ran,
        "pass",
        "no later answer came within 300 ms, so this rests on the scorers' word alone",
    );
}

#[test]
fn without_a_scorer_the_route_is_right_but_nothing_is_proven() {
    let stage = upgraded();
    let ran = run(&stage, "r-2", &["--confirm-timeout=300ms"]);
    assert_ended(&ran, "inconclusive", "no scorer of this stream was live");
    assert_eq!(stage.route().unwrap().champion, model(1));
}

#[test]
fn wrong_usage_and_a_stream_without_a_route() {
    let stage = Stage::empty().unwrap();
    assert_ended(&run(&stage, "r", &[]), "fail", "no route");
    let ran = run(&stage, "r", &["--bad=latest"]);
    assert_eq!(ran.code, Some(i32::from(exit::USAGE)));
    assert!(ran.log.contains("`latest` is no model"), "{}", ran.log);
}

#[test]
fn the_report_reads_well() {
    let stage = upgraded();
    let _scorer = stage.scorer(Behaviour::default()).unwrap();
    await_answers(&stage, 2, 500);
    let ran = run(&stage, "r-2", &[]);
    let report = ran.outputs.join("report.html");
    let page = std::fs::read_to_string(&report).unwrap();
    for words in ["Offsets that the bad model answered", "Scorers that confirmed", "Good model"] {
        assert!(page.contains(words), "{words}");
    }
    // They stay, for people to look at.
    let pictures = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(env!("CARGO_PKG_NAME"));
    std::fs::create_dir_all(&pictures).unwrap();
    testkit::browser::assert_reads_well(&report, &pictures);
}
