//! What only a real Kafka can show: of two writers of a route, the one that was opened later stays.
#![expect(clippy::unwrap_used, reason = "tests")]

use kafka::{Outgoing, TopicSpec};
use routes::{Routes, Variant};
use testkit::{Behaviour, Stage, model};

const GATE: &str = env!("CARGO_BIN_EXE_canary-gate");

fn stage() -> Stage {
    let stage = Stage::on(testkit::kafka::bootstrap(), &testkit::kafka::unique("canary")).unwrap();
    stage.bootstrap(1).unwrap();
    stage
}

fn flags(step_time: &str) -> Vec<String> {
    let model = model(2);
    vec![
        format!("--model-digest={}", model.digest),
        format!("--image={}", model.image),
        "--shares=10%,50%".into(),
        "--min-records=50".into(),
        format!("--min-step-time={step_time}"),
        "--poll=20ms".into(),
        "--confirm-timeout=1m".into(),
        "--deadline=30s".into(),
        // A machine under load answers as few records as it likes.
        "--undecidable=go".into(),
    ]
}

fn start(stage: &Stage, step_time: &str) -> testkit::Running {
    let flags = flags(step_time);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    stage.start(GATE, "r-1", &flags).unwrap()
}

fn shares(stage: &Stage) -> Vec<f64> {
    stage.routes().unwrap().iter().map(routes::Route::share).collect()
}

#[test]
fn a_canary_from_beginning_to_end() {
    let stage = stage();
    let better = Behaviour { candidate_errors: 0.02, ..Behaviour::default() };
    let _scorer = stage.scorer(better).unwrap();
    let ran = start(&stage, "100ms").end().unwrap();
    assert_eq!(ran.verdict, "pass", "{} {}", ran.reason, ran.log);
    assert_eq!(shares(&stage), [0.0, 0.1, 0.5]);
    // Labels follow at once at 4,000 a second: a gate that keeps up has few answers waiting.
    let waiting = &ran.record["details"]["canary"]["waiting"]["answers"];
    assert!(waiting.as_u64().unwrap() < 2_000, "{waiting}");
}

#[test]
fn a_switch_reads_the_champions_past_and_is_taken_back_on_harm() {
    let stage = stage();
    let harmful = Behaviour { candidate_errors: 0.6, ..Behaviour::default() };
    let _scorer = stage.scorer(harmful).unwrap();
    let topic = stream::Topics::of(&stage.stream).labels;
    let mut labels = stage.kafka.reader(&topic, &kafka::Start::Beginning).unwrap();
    let (mut seen, started) = (0, std::time::Instant::now());
    while seen < 3_000 {
        assert!(started.elapsed().as_secs() < 60, "{seen} labels");
        seen += usize::from(labels.next(std::time::Duration::from_millis(100)).unwrap().is_some());
    }
    let mut flags = flags("1m");
    flags.extend(["--strategy=blue-green".into(), "--baseline-records=2000".into()]);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let ran = stage.start(GATE, "r-1", &flags).unwrap().end().unwrap();
    assert_eq!(ran.verdict, "fail", "{} {}", ran.reason, ran.log);
    assert!(ran.reason.contains("the champion before the switch"), "{}", ran.reason);
    assert_eq!(ran.record["details"]["canary"]["baseline"]["answers"], 2_000);
    assert_eq!(shares(&stage), [0.0, 1.0, 0.0]);
}

#[test]
fn a_fenced_gate_gives_way_to_the_route_of_who_fenced_it() {
    let stage = stage();
    let _scorer = stage.scorer(Behaviour::default()).unwrap();
    let gate = start(&stage, "1m");
    let route = stage.await_route(|route| route.share() == 0.1).unwrap();
    let foreign = stage.write(route.restored(model(9), "r-0".into()), "r-2", "by hand").unwrap();
    let ran = gate.end().unwrap();
    assert_eq!(ran.verdict, "inconclusive", "{}", ran.log);
    assert!(ran.reason.contains("taken over by release r-2 in generation 3"), "{}", ran.reason);
    assert_eq!(stage.route().unwrap(), foreign);
}

#[test]
fn who_fences_and_writes_nothing_does_not_leave_the_candidate_its_share() {
    let stage = stage();
    let harmful = Behaviour { candidate_errors: 0.1, ..Behaviour::default() };
    let _scorer = stage.scorer(harmful).unwrap();
    let gate = start(&stage, "1m");
    stage.await_route(|route| route.share() == 0.1).unwrap();
    // Opened, and then nothing: as if it had been killed before its write.
    drop(Routes::open(&stage.kafka, &stage.stream).unwrap());
    gate.terminate().unwrap();
    let ran = gate.end().unwrap();
    assert_eq!(ran.code, Some(i32::from(fault::exit::TRANSIENT)), "{}", ran.log);
    assert_eq!(shares(&stage), [0.0, 0.1, 0.0]);
}

#[test]
fn a_killed_gate_run_again_fences_what_is_left_and_ends_alike() {
    let stage = stage();
    let harmful = Behaviour { candidate_errors: 0.6, ..Behaviour::default() };
    let scorer = stage.scorer(Behaviour { per_tick: 0, ..harmful.clone() }).unwrap();
    let gate = start(&stage, "100ms");
    stage.await_route(|route| route.share() == 0.1).unwrap();
    gate.kill().unwrap();
    assert_eq!(stage.route().unwrap().share(), 0.1, "nobody could take it back");
    drop(scorer);
    let _scorer = stage.scorer(harmful).unwrap();
    let ran = start(&stage, "100ms").end().unwrap();
    assert_eq!(ran.verdict, "fail", "{} {}", ran.reason, ran.log);
    assert_eq!(shares(&stage).last(), Some(&0.0));
}

#[test]
fn business_events_count_for_whom_the_key_drew() {
    let stage = stage();
    let topic = format!("{}.complaints", stage.stream);
    stage.kafka.create_topics(&[TopicSpec::new(&topic, 2)]).unwrap();
    let _scorer = stage.scorer(Behaviour::default()).unwrap();
    let metrics = format!(
        r#"--metrics=[{{"name": "errors", "of": "label-errors"}},
                      {{"name": "complaints", "of": "events", "topic": "{topic}"}}]"#
    );
    let mut flags = flags("1m");
    flags.push(metrics);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let gate = stage.start(GATE, "r-1", &flags).unwrap();
    stage.await_route(|route| route.share() == 0.1).unwrap();
    let predictions = stream::Topics::of(&stage.stream).predictions;
    let mut answered = stage.kafka.reader(&predictions, &kafka::Start::End).unwrap();
    let mut writer = stage.kafka.writer().unwrap();
    let started = std::time::Instant::now();
    // All whom the candidate answered complain, until the gate has heard enough.
    while stage.route().unwrap().share() > 0.0 {
        assert!(started.elapsed().as_secs() < 30, "{:?}", stage.route());
        let mut complaints = 0;
        while let Some(record) = answered.next(std::time::Duration::from_millis(20)).unwrap() {
            if stream::PredictionHeaders::of(&record.headers).variant() == Ok(Variant::Candidate)
                && complaints < 5
            {
                let (key, value) = (record.key, Some(br#"{"count": 1}"#.to_vec()));
                let complaint =
                    Outgoing { topic: topic.clone(), key, value, ..Outgoing::default() };
                writer.send(&complaint).unwrap();
                complaints += 1;
            }
            if complaints == 5 {
                break;
            }
        }
        writer.flush().unwrap();
    }
    let ran = gate.end().unwrap();
    assert_eq!(ran.verdict, "fail", "{} {}", ran.reason, ran.log);
    assert!(ran.reason.contains("complaints:"), "{}", ran.reason);
}

#[test]
fn a_verdict_on_a_real_kafka_replays_bit_for_bit() {
    let stage = stage();
    let _scorer =
        stage.scorer(Behaviour { candidate_errors: 0.02, ..Behaviour::default() }).unwrap();
    let ran = start(&stage, "500ms").end().unwrap();
    assert_eq!(ran.verdict, "pass", "{} {}", ran.reason, ran.log);
    let report = ran.outputs.join("report.json");
    let brokers = format!("--brokers={}", stage.brokers());
    let replay = std::process::Command::new(GATE)
        .env_clear()
        .args(["replay", report.to_str().unwrap(), &brokers])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&replay.stdout).into_owned();
    assert_eq!(replay.status.code(), Some(0), "{said} {replay:?}");
    assert!(said.contains(r#""same":true"#) && said.contains(r#""verdict":"pass""#), "{said}");
}
