//! Ended and begun again; replayed; asked by people.

use std::process::{Command, Output};

use fault::exit;
use testkit::{Behaviour, Ran, Stage, model};

use super::{GATE, assert_ended, run, shares, start};

/// One of the binary's tools.
fn tool(stage: &Stage, args: &[&str]) -> Output {
    let brokers = format!("--brokers={}", stage.brokers());
    Command::new(GATE).env_clear().args(args).arg(brokers).output().unwrap()
}

fn replayed(stage: &Stage, ran: &Ran) -> (Option<i32>, serde_json::Value, String) {
    let report = ran.outputs.join("report.json");
    let output = tool(stage, &["replay", report.to_str().unwrap()]);
    let line = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code(), line, String::from_utf8_lossy(&output.stderr).into_owned())
}

pub(crate) fn assert_replays(stage: &Stage, ran: &Ran) {
    let (code, line, errors) = replayed(stage, ran);
    assert_eq!(code, Some(i32::from(exit::VERDICT)), "{line} {errors}");
    assert_eq!((&line["verdict"], &line["same"]), (&ran.verdict.clone().into(), &true.into()));
    assert!(line["records"].as_u64() > Some(100), "{line}");
}

#[test]
fn a_killed_gate_goes_on_where_it_was_and_replays_as_one() {
    let stage = Stage::with_champion(1).unwrap();
    let _scorer = stage.scorer(Behaviour::default()).unwrap();
    let gate = start(&stage, &["--margin=1", "--checkpoint=50ms", "--min-step-time=1s"]);
    stage.await_route(|route| route.share() == 0.5).unwrap();
    gate.kill().unwrap();
    let ran = run(&stage, &["--margin=1", "--checkpoint=50ms", "--min-step-time=1s"]);
    assert_ended(&ran, "pass", "not worse");
    assert_eq!(shares(&stage), [0.0, 0.1, 0.5], "no share was given twice");
    let steps = ran.record["details"]["canary"]["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 2);
    assert!(steps[0]["candidate"]["labelled"].as_u64() > Some(0), "the first share still counts");
    assert!(ran.log.contains("going on where an earlier run was ended"), "{}", ran.log);
    assert_replays(&stage, &ran);
}

#[test]
fn a_gate_that_a_signal_ended_takes_its_share_again_and_keeps_its_evidence() {
    let stage = Stage::with_champion(1).unwrap();
    let gate = start(&stage, &["--confirm-timeout=5m", "--deadline=10m"]);
    stage.await_route(|route| route.share() == 0.1).unwrap();
    let asked = std::time::Instant::now();
    gate.terminate().unwrap();
    stage.await_route(|route| route.share() == 0.0).unwrap();
    assert!(asked.elapsed().as_secs() < 5, "{:?}", asked.elapsed());
    assert_eq!(gate.end().unwrap().code, Some(i32::from(exit::TRANSIENT)));

    let better = Behaviour { candidate_errors: 0.02, ..Behaviour::default() };
    let _scorer = stage.scorer(better).unwrap();
    let ran = run(&stage, &["--confirm-timeout=5m", "--deadline=10m"]);
    assert_ended(&ran, "pass", "not worse");
    assert_eq!(shares(&stage), [0.0, 0.1, 0.0, 0.1, 0.5]);
    assert_eq!(ran.record["details"]["canary"]["steps"].as_array().unwrap().len(), 3);
    assert_replays(&stage, &ran);
}

#[test]
fn every_kind_of_verdict_replays_bit_for_bit() {
    for (behaviour, flags, verdict) in [
        (Behaviour { candidate_errors: 0.6, ..Behaviour::default() }, &[][..], "fail"),
        (Behaviour { fallbacks: 0.3, ..Behaviour::default() }, &[], "fail"),
        (Behaviour::default(), &["--deadline=3s", "--min-records=15000"], "inconclusive"),
        (Behaviour { lies: true, ..Behaviour::default() }, &[], "inconclusive"),
    ] {
        let stage = Stage::with_champion(1).unwrap();
        let _scorer = stage.scorer(behaviour).unwrap();
        let ran = run(&stage, flags);
        assert_eq!(ran.verdict, verdict, "{}", ran.reason);
        assert_replays(&stage, &ran);
    }
}

#[test]
fn a_replay_says_what_differs_and_what_is_gone() {
    let stage = Stage::with_champion(1).unwrap();
    let _scorer =
        stage.scorer(Behaviour { candidate_errors: 0.6, ..Behaviour::default() }).unwrap();
    let ran = run(&stage, &[]);
    let report = ran.outputs.join("report.json");
    let mut record = ran.record.clone();
    record["details"]["canary"]["outcome"]["verdict"] = "pass".into();
    std::fs::write(&report, record.to_string()).unwrap();
    let (code, line, _) = replayed(&stage, &ran);
    assert_eq!(code, Some(i32::from(exit::VERDICT_AGAINST)), "{line}");
    assert_eq!((&line["verdict"], &line["same"]), (&"fail".into(), &false.into()));

    std::fs::write(&report, ran.record.to_string()).unwrap();
    let elsewhere = Stage::with_champion(1).unwrap();
    let (code, _, errors) = replayed(&elsewhere, &ran);
    assert_eq!(code, Some(i32::from(exit::USAGE)), "{errors}");
    assert!(errors.contains("no longer holds"), "{errors}");

    std::fs::write(&report, "{}").unwrap();
    let (code, _, errors) = replayed(&stage, &ran);
    assert_eq!(code, Some(i32::from(exit::USAGE)));
    assert!(errors.contains("no decision record that can be replayed"), "{errors}");
}

#[test]
fn people_pause_resume_and_abort_a_gate() {
    let stage = Stage::with_champion(1).unwrap();
    let better = Behaviour { candidate_errors: 0.02, ..Behaviour::default() };
    let _scorer = stage.scorer(better).unwrap();
    let gate = start(&stage, &["--min-step-time=1s"]);
    stage.await_route(|route| route.share() == 0.1).unwrap();
    let said = tool(&stage, &["pause", "--release=r-1", "--by=ann", "--reason=lunch"]);
    assert!(said.status.success(), "{said:?}");
    // Held far beyond its least time.
    let held =
        stage.await_route_for(|route| route.share() > 0.1, std::time::Duration::from_secs(4));
    assert!(held.is_err(), "raised although it was paused");
    assert!(tool(&stage, &["resume", "--release=r-1"]).status.success());
    let ran = gate.end().unwrap();
    assert_ended(&ran, "pass", "not worse");
    assert_eq!(ran.record["details"]["canary"]["commands"][0]["command"], "pause");
    assert_eq!(ran.record["details"]["canary"]["commands"][0]["by"], "ann");
    assert_replays(&stage, &ran);

    let stage = Stage::with_champion(1).unwrap();
    let _scorer = stage.scorer(Behaviour::default()).unwrap();
    let gate = start(&stage, &["--min-step-time=1m", "--deadline=5m"]);
    stage.await_route(|route| route.share() == 0.1).unwrap();
    // So that there is something to replay.
    stage.await_predictions(1_000).unwrap();
    let said = tool(&stage, &["abort", "--release=r-1", "--by=ann", "--reason=wrong file"]);
    assert!(said.status.success(), "{said:?}");
    let ran = gate.end().unwrap();
    assert_ended(&ran, "inconclusive", "aborted by ann: wrong file");
    assert_eq!(shares(&stage), [0.0, 0.1, 0.0]);
    assert_replays(&stage, &ran);
}

#[test]
fn a_command_for_a_gate_that_is_not_there_is_refused() {
    let stage = Stage::with_champion(1).unwrap();
    for what in ["pause", "resume", "abort"] {
        let said = tool(&stage, &[what, "--release=r-1"]);
        let errors = String::from_utf8_lossy(&said.stderr).into_owned();
        assert_eq!(said.status.code(), Some(i32::from(exit::USAGE)), "{what}: {errors}");
        assert!(errors.contains("no gate of release r-1 is under way"), "{errors}");
    }
    let _scorer = stage.scorer(Behaviour::default()).unwrap();
    let gate = start(&stage, &["--min-step-time=1m", "--deadline=5m"]);
    stage.await_route(|route| route.share() == 0.1).unwrap();
    let other = tool(&stage, &["pause", "--release=r-7"]);
    let errors = String::from_utf8_lossy(&other.stderr).into_owned();
    assert!(errors.contains("under way are: r-1 on the stream s"), "{errors}");
    let said = tool(&stage, &["abort", "--release=r-1"]);
    let line: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!((&line["command"], &line["share"]), (&"abort".into(), &0.1.into()));
    assert_eq!(gate.end().unwrap().verdict, "inconclusive");
    let over = tool(&stage, &["pause", "--release=r-1"]);
    assert_eq!(over.status.code(), Some(i32::from(exit::USAGE)), "it is over");
}

#[test]
fn the_help_of_the_step_names_its_tools() {
    let help = Command::new(GATE).env_clear().arg("--help").output().unwrap();
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    for name in
        ["canary-gate replay", "canary-gate pause", "canary-gate resume", "canary-gate abort"]
    {
        assert!(help.contains(name), "{name}: {help}");
    }
}

#[test]
fn the_champion_beside_itself_measures_false_alarms_and_leaves_nothing() {
    let stage = Stage::with_champion(2).unwrap();
    let _scorer = stage.scorer(Behaviour::default()).unwrap();
    let ran = run(&stage, &["--strategy=a-a", "--trials=200", "--min-step-time=1s"]);
    assert_ended(&ran, "pass", "of 200 splits of the champion's own");
    assert_eq!(shares(&stage), [0.0, 0.1, 0.5, 0.0]);
    let route = stage.route().unwrap();
    assert!(route.champion == model(2) && route.candidate.is_none(), "{route:?}");
    let alarms = &ran.record["details"]["canary"]["false_alarms"];
    assert!(alarms["rate"]["estimate"].as_f64().unwrap() <= 0.05, "{alarms}");
    assert!(alarms["failures"].as_u64() > Some(100), "{alarms}");
    assert_replays(&stage, &ran);
}
