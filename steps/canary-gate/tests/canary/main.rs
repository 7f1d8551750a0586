//! The gate as a black box: the binary, an in-memory broker and a scorer that errs as it is asked to.
#![expect(clippy::unwrap_used, reason = "tests")]

mod judged;
mod replay;
mod stalled;

use fault::exit;
use testkit::{Behaviour, Ran, Stage, model};

const GATE: &str = env!("CARGO_BIN_EXE_canary-gate");

/// Flags of a quick canary of model 2; `more` takes the place of those with the same name.
fn flags(more: &[&str]) -> Vec<String> {
    let model = model(2);
    let mut flags = vec![
        format!("--model-digest={}", model.digest),
        format!("--image={}", model.image),
        "--shares=10%,50%".into(),
        "--min-records=50".into(),
        "--min-step-time=100ms".into(),
        "--poll=20ms".into(),
        "--confirm-timeout=1m".into(),
        "--deadline=30s".into(),
        // A machine under load answers as few records as it likes.
        "--undecidable=go".into(),
    ];
    let name = |flag: &str| flag.split('=').next().unwrap_or_default().to_owned();
    flags.retain(|flag| !more.iter().any(|other| name(other) == name(flag)));
    flags.extend(more.iter().map(|flag| (*flag).to_owned()));
    flags
}

fn run(stage: &Stage, more: &[&str]) -> Ran {
    let flags = flags(more);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    stage.run(GATE, "r-1", &flags).unwrap()
}

fn start(stage: &Stage, more: &[&str]) -> testkit::Running {
    let flags = flags(more);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    stage.start(GATE, "r-1", &flags).unwrap()
}

fn assert_ended(ran: &Ran, verdict: &str, words: &str) {
    assert_eq!(ran.code, Some(i32::from(exit::VERDICT)), "{}", ran.log);
    assert_eq!(ran.verdict, verdict, "{}", ran.reason);
    assert!(ran.reason.contains(words), "{}", ran.reason);
}

fn shares(stage: &Stage) -> Vec<f64> {
    stage.routes().unwrap().iter().map(routes::Route::share).collect()
}

#[test]
fn a_better_candidate_passes_and_keeps_its_last_share() {
    let stage = Stage::with_champion(1).unwrap();
    let better = Behaviour { candidate_errors: 0.02, ..Behaviour::default() };
    let _scorer = stage.scorer(better).unwrap();
    let ran = run(&stage, &[]);
    assert_ended(&ran, "pass", "label errors at less than 1.25 times the champion's rate");
    assert_eq!(shares(&stage), [0.0, 0.1, 0.5]);
    assert_eq!(stage.route().unwrap().candidate.unwrap().model, model(2));

    let details = &ran.record["details"]["canary"];
    assert_eq!(details["steps"][1]["confirmed_by"][0], "fake");
    assert!(details["steps"][1]["candidate"]["labelled"].as_u64() >= Some(50));
    let view = &details["metrics"][0]["view"];
    assert_eq!(view["safe"]["proven"], true);
    // The interval is two-sided and the proof is not, so its upper end may lie beyond the margin.
    assert!(view["estimate"].as_f64().unwrap() < 1.0, "{view}");
    assert!(view["estimate"].as_f64().unwrap() < view["upper"].as_f64().unwrap(), "{view}");
    let events = stage.events().unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].context.event_type, "dev.cdeventsx.headgate-canary.passed.0.1.0");
    assert_eq!(events[0].custom_data.outputs["share"], "0.5");
}

#[test]
fn harm_sets_the_share_to_0_at_once() {
    let stage = Stage::with_champion(1).unwrap();
    let harmful = Behaviour { candidate_errors: 0.6, ..Behaviour::default() };
    let _scorer = stage.scorer(harmful).unwrap();
    let ran = run(&stage, &["--min-step-time=1m"]);
    assert_ended(&ran, "fail", "harm at a share of 10 %");
    assert_eq!(shares(&stage), [0.0, 0.1, 0.0]);
    let route = stage.route().unwrap();
    assert!(route.candidate.is_none() && route.champion == model(1), "{route:?}");
    let withdrawn = &ran.record["details"]["canary"]["withdrawn"];
    assert_eq!(withdrawn["confirmed_by"][0], "fake");
    assert!(withdrawn["written_after"].as_f64().unwrap() < 1.0, "{withdrawn}");
}

#[test]
fn a_candidate_that_does_not_answer_fails() {
    let stage = Stage::with_champion(1).unwrap();
    let _scorer = stage.scorer(Behaviour { fallbacks: 0.3, ..Behaviour::default() }).unwrap();
    let ran = run(&stage, &[]);
    assert_ended(&ran, "fail", "failed to answer");
    assert_eq!(stage.route().unwrap().share(), 0.0);
}

#[test]
fn a_deadline_without_evidence_is_inconclusive_and_sets_0() {
    let stage = Stage::with_champion(1).unwrap();
    let alike = Behaviour { champion_errors: 0.0, candidate_errors: 0.0, ..Behaviour::default() };
    let _scorer = stage.scorer(alike).unwrap();
    let ran = run(&stage, &["--deadline=3s"]);
    assert_ended(
        &ran,
        "inconclusive",
        "not decided by the deadline of 3 s, at a share of 50 %: the log evidence",
    );
    assert_eq!(shares(&stage), [0.0, 0.1, 0.5, 0.0]);
}

#[test]
fn without_harm_is_enough_only_where_that_was_asked_for() {
    let stage = Stage::with_champion(1).unwrap();
    let alike = Behaviour { champion_errors: 0.0, candidate_errors: 0.0, ..Behaviour::default() };
    let _scorer = stage.scorer(alike).unwrap();
    assert_ended(&run(&stage, &["--accept=no-harm"]), "pass", "no harm seen up to a share of 50 %");
}

#[test]
fn no_scorer_live_is_inconclusive_and_sets_0() {
    let stage = Stage::with_champion(1).unwrap();
    let ran = run(&stage, &["--confirm-timeout=500ms"]);
    assert_ended(&ran, "inconclusive", "no scorer of this stream was live");
    assert_eq!(shares(&stage), [0.0, 0.1, 0.0]);
}

#[test]
fn a_scorer_that_refuses_fails_it() {
    let stage = Stage::with_champion(1).unwrap();
    let refuses = Behaviour { refuses: Some(model(2).digest), ..Behaviour::default() };
    let _scorer = stage.scorer(refuses).unwrap();
    assert_ended(
        &run(&stage, &[]),
        "fail",
        "scorer fake cannot answer with the candidate: no model",
    );
    assert_eq!(shares(&stage), [0.0, 0.1, 0.0]);
}

#[test]
fn a_stream_that_is_not_split_as_the_route_says_teaches_nothing() {
    let stage = Stage::with_champion(1).unwrap();
    let _scorer = stage.scorer(Behaviour { lies: true, ..Behaviour::default() }).unwrap();
    assert_ended(&run(&stage, &[]), "inconclusive", "not split as the route says");
    assert_eq!(stage.route().unwrap().share(), 0.0);
}

#[test]
fn a_stream_without_a_champion_is_refused_and_nothing_is_written() {
    let stage = Stage::empty().unwrap();
    assert_ended(&run(&stage, &[]), "fail", "no champion");
    assert!(stage.routes().unwrap().is_empty());
}

#[test]
fn the_canary_of_another_release_is_left_alone() {
    let stage = Stage::with_champion(1).unwrap();
    let other = stage.route().unwrap().with_candidate(model(3), 0.05);
    let other = stage.write(other, "r-0", "canary").unwrap();
    assert_ended(&run(&stage, &[]), "inconclusive", "release r-0 has");
    assert_eq!(stage.route().unwrap(), other);
}

#[test]
fn a_signal_in_the_middle_leaves_share_0() {
    let stage = Stage::with_champion(1).unwrap();
    let _scorer = stage.scorer(Behaviour::default()).unwrap();
    let gate = start(&stage, &["--min-step-time=1m"]);
    stage.await_route(|route| route.share() == 0.1).unwrap();
    gate.terminate().unwrap();
    let ran = gate.end().unwrap();
    assert_eq!(ran.code, Some(i32::from(exit::TRANSIENT)), "{}", ran.log);
    assert_eq!(shares(&stage), [0.0, 0.1, 0.0]);
    assert!(stage.events().unwrap().is_empty());
}

#[test]
fn an_outcome_is_repeated_without_touching_the_traffic() {
    let stage = Stage::with_champion(1).unwrap();
    let harmful = Behaviour { candidate_errors: 0.6, ..Behaviour::default() };
    let _scorer = stage.scorer(harmful).unwrap();
    let (first, second) = (run(&stage, &[]), run(&stage, &[]));
    assert_ended(&second, "fail", "harm");
    assert_eq!((&first.event, &first.reason), (&second.event, &second.reason));
    assert_eq!(shares(&stage), [0.0, 0.1, 0.0]);
    assert_eq!(stage.events().unwrap().len(), 1);
}

#[test]
fn whoever_takes_over_the_route_keeps_it() {
    let stage = Stage::with_champion(1).unwrap();
    let _scorer = stage.scorer(Behaviour::default()).unwrap();
    let gate = start(&stage, &["--min-step-time=1m"]);
    let route = stage.await_route(|route| route.share() == 0.1).unwrap();
    let foreign = stage.write(route.restored(model(9), "r-0".into()), "r-2", "by hand").unwrap();
    let ran = gate.end().unwrap();
    assert_ended(&ran, "inconclusive", "taken over by release r-2 in generation 3: by hand");
    assert_eq!(stage.route().unwrap(), foreign);
    assert_eq!(ran.record["details"]["canary"]["after"]["generation"], 3);
}

/// Waits until the champion has given this many answers, each with its label.
fn await_labels(stage: &Stage, count: usize) {
    let mut reader = stage.kafka.reader("s.labels", &kafka::Start::Beginning).unwrap();
    let (mut seen, started) = (0, std::time::Instant::now());
    while seen < count {
        assert!(started.elapsed().as_secs() < 30, "{seen} of {count} labels");
        seen += usize::from(reader.next(std::time::Duration::from_millis(100)).unwrap().is_some());
    }
}

const SWITCH: [&str; 2] = ["--strategy=blue-green", "--baseline-records=2000"];

#[test]
fn a_switch_to_a_better_model_passes_and_keeps_the_whole_stream() {
    let stage = Stage::with_champion(1).unwrap();
    let better = Behaviour { candidate_errors: 0.02, ..Behaviour::default() };
    let _scorer = stage.scorer(better).unwrap();
    await_labels(&stage, 3_000);
    let ran = run(&stage, &SWITCH);
    assert_ended(&ran, "pass", "not worse than the champion up to a share of 100 %");
    assert_eq!(shares(&stage), [0.0, 1.0]);
    let route = stage.route().unwrap();
    assert_eq!((route.champion, route.candidate.unwrap().model), (model(1), model(2)));

    let baseline = &ran.record["details"]["canary"]["baseline"];
    assert_eq!(baseline["answers"], 2_000);
    let errors = baseline["errors"].as_u64().unwrap();
    assert!((120..=280).contains(&errors), "a tenth of 2,000: {errors}");
    assert!(baseline["predictions"].as_str().unwrap().contains("0:"), "{baseline}");
    let events = stage.events().unwrap();
    assert_eq!(events[0].custom_data.result["strategy"], "blue-green");
    let page = std::fs::read_to_string(ran.outputs.join("report.html")).unwrap();
    assert!(page.contains("The champion&#39;s past") || page.contains("The champion's past"));
}

#[test]
fn a_harmful_switch_is_taken_back_in_its_bake() {
    let stage = Stage::with_champion(1).unwrap();
    let harmful = Behaviour { candidate_errors: 0.6, ..Behaviour::default() };
    let _scorer = stage.scorer(harmful).unwrap();
    await_labels(&stage, 3_000);
    let ran = run(&stage, &[SWITCH[0], SWITCH[1], "--min-step-time=1m"]);
    assert_ended(&ran, "fail", "harm at a share of 100 %");
    assert!(ran.reason.contains("the champion before the switch"), "{}", ran.reason);
    assert_eq!(shares(&stage), [0.0, 1.0, 0.0]);
    assert_eq!(stage.route().unwrap().champion, model(1));
}

#[test]
fn without_a_labelled_past_nothing_is_switched() {
    let stage = Stage::with_champion(1).unwrap();
    let ran = run(&stage, &SWITCH);
    assert_ended(
        &ran,
        "inconclusive",
        "the champion has 0 answers from before the switch that could be held against",
    );
    assert_eq!(shares(&stage), [0.0]);
}

#[test]
fn wrong_usage_is_reported_as_such() {
    let stage = Stage::with_champion(1).unwrap();
    let ran = run(&stage, &["--shares=50%,5%"]);
    assert_eq!(ran.code, Some(i32::from(exit::USAGE)));
    assert!(ran.log.contains("hint: give rising shares"), "{}", ran.log);
    let short = run(&stage, &["--model-digest=sha256:12"]);
    assert_eq!(short.code, Some(i32::from(exit::USAGE)), "{}", short.log);
    assert!(short.log.contains("is no model digest"), "{}", short.log);
    assert_eq!(shares(&stage), [0.0]);
}

#[test]
fn the_report_reads_well() {
    let stage = Stage::with_champion(1).unwrap();
    let harmful = Behaviour { candidate_errors: 0.3, ..Behaviour::default() };
    let _scorer = stage.scorer(harmful).unwrap();
    let ran = run(&stage, &[]);
    let page = std::fs::read_to_string(ran.outputs.join("report.html")).unwrap();
    for words in [
        "Share of the candidate",
        "Label errors",
        "Price in records",
        "Shares",
        "Records",
        "replay",
    ] {
        assert!(page.contains(words), "{words}");
    }
    // They stay, for people to look at.
    let pictures = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(env!("CARGO_PKG_NAME"));
    std::fs::create_dir_all(&pictures).unwrap();
    testkit::browser::assert_reads_well(&ran.outputs.join("report.html"), &pictures);
}
