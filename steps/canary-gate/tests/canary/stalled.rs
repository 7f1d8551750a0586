//! A gate that could learn nothing ends soon, or does not begin; and a candidate that nobody can judge does not pass.

use std::time::{Duration, Instant};

use fault::exit;
use testkit::{Behaviour, LabelForm, Stage, model};

use super::{assert_ended, await_labels, run, shares, start};

/// A candidate that answers a score to everything and never a label, as a net with one output does.
fn no_label() -> Behaviour {
    Behaviour { labels: (true, false), ..Behaviour::default() }
}

#[test]
fn a_candidate_that_gives_no_labels_fails_and_replays() {
    for accept in ["--accept=evidence", "--accept=no-harm"] {
        let stage = Stage::with_champion(1).unwrap();
        let _scorer = stage.scorer(no_label()).unwrap();
        let ran = run(&stage, &[accept, "--min-records=100", "--shares=50%"]);
        assert_ended(&ran, "fail", "the candidate's answers cannot be judged by label errors");
        assert!(ran.reason.contains("answers have no label"), "{}", ran.reason);
        assert_eq!(stage.route().unwrap().share(), 0.0);
        let metric = &ran.record["details"]["canary"]["metrics"][0];
        let candidate = &metric["judged"]["candidate"];
        assert!(candidate["answers"].as_u64().unwrap() > 5, "{metric}");
        assert_eq!(candidate["not"]["no-label"], candidate["answers"], "{metric}");
        assert_eq!(candidate["judged"], 0);
        super::replay::assert_replays(&stage, &ran);
    }
}

#[test]
fn two_models_without_labels_are_inconclusive_and_by_a_loss_they_pass() {
    for accept in ["--accept=evidence", "--accept=no-harm"] {
        let stage = Stage::with_champion(1).unwrap();
        // There is no past: the scorer begins with the gate.
        let gate = start(&stage, &[accept]);
        stage.await_route(|route| route.share() == 0.1).unwrap();
        let behaviour = Behaviour { labels: (false, false), ..Behaviour::default() };
        let _scorer = stage.scorer(behaviour).unwrap();
        let ran = gate.end().unwrap();
        assert_ended(&ran, "inconclusive", "label errors");
        assert!(ran.reason.contains("have no label"), "{}", ran.reason);
        assert_eq!(shares(&stage), [0.0, 0.1, 0.0]);

        // By now the past shows it, so nothing is begun.
        await_labels(&stage, 500);
        let again = stage.run(super::GATE, "r-2", &as_texts(&super::flags(&[accept]))).unwrap();
        assert_ended(&again, "inconclusive", "label errors cannot judge the champion");
        assert!(again.reason.contains("nothing was begun"), "{}", again.reason);
        assert_eq!(shares(&stage), [0.0, 0.1, 0.0]);

        let loss = r#"--metrics=[{"name": "error", "of": "loss", "loss": "squared-error", "margin": 0.2, "proof": true}]"#;
        let flags = super::flags(&[accept, loss]);
        let judged = stage.run(super::GATE, "r-3", &as_texts(&flags)).unwrap();
        assert_ended(&judged, "pass", "error");
        super::replay::assert_replays(&stage, &judged);
    }
}

fn as_texts(flags: &[String]) -> Vec<&str> {
    flags.iter().map(String::as_str).collect()
}

#[test]
fn labels_that_meet_nothing_are_warned_of_and_given_up_long_before_the_deadline() {
    for (form, words) in [
        (LabelForm::OtherId, "one label has the key `order-r"),
        (LabelForm::Text, "has a text for a label, for example `{\"label\":\""),
    ] {
        let stage = Stage::with_champion(1).unwrap();
        let gate = start(&stage, &["--meet-within=8s", "--deadline=10m"]);
        stage.await_route(|route| route.share() == 0.1).unwrap();
        let began = Instant::now();
        let _scorer = stage.scorer(Behaviour { label_form: form, ..Behaviour::default() }).unwrap();
        let ran = gate.end().unwrap();
        assert_ended(&ran, "inconclusive", words);
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
        let warning = ran.log.lines().find(|line| line.contains("WARN") && line.contains(" came"));
        assert!(warning.is_some(), "a warning within seconds: {}", ran.log);
        assert_eq!(shares(&stage), [0.0, 0.1, 0.0]);
        super::replay::assert_replays(&stage, &ran);
    }
}

#[test]
fn labels_that_stay_away_though_there_were_some_are_not_waited_for() {
    let stage = Stage::with_champion(1).unwrap();
    let form = LabelForm::UntilCandidate;
    let _scorer = stage.scorer(Behaviour { label_form: form, ..Behaviour::default() }).unwrap();
    await_labels(&stage, 2_000);
    let ran = run(&stage, &["--meet-within=5s", "--deadline=10m"]);
    assert_ended(&ran, "inconclusive", "no label came for");
    assert_eq!(shares(&stage), [0.0, 0.1, 0.0]);
    super::replay::assert_replays(&stage, &ran);
}

#[test]
fn answers_that_all_waited_too_long_end_it_where_nothing_was_known() {
    let stage = Stage::with_champion(1).unwrap();
    let form = LabelForm::Never;
    let _scorer = stage.scorer(Behaviour { label_form: form, ..Behaviour::default() }).unwrap();
    let ran = run(&stage, &["--label-wait=3s", "--deadline=10m"]);
    assert_ended(&ran, "inconclusive", "waited 3 s each (--label-wait) and not one met its label");
    assert_eq!(shares(&stage), [0.0, 0.1, 0.0]);
}

#[test]
fn a_past_whose_labels_meet_nothing_is_no_beginning() {
    for (form, words) in [
        (LabelForm::OtherId, "none met one of"),
        (LabelForm::Text, "is a label: each has a text for a label"),
    ] {
        let stage = Stage::with_champion(1).unwrap();
        let _scorer = stage.scorer(Behaviour { label_form: form, ..Behaviour::default() }).unwrap();
        await_labels(&stage, 1_000);
        let ran = run(&stage, &[]);
        assert_ended(&ran, "inconclusive", words);
        assert!(ran.reason.contains("nothing was begun"), "{}", ran.reason);
        assert_eq!(shares(&stage), [0.0], "no traffic was moved");
    }
}

#[test]
fn an_image_that_does_not_hold_the_model_moves_no_traffic() {
    let stage = Stage::with_champion(1).unwrap();
    let _scorer = stage.scorer(Behaviour::default()).unwrap();
    for (image, code, words) in [
        ("oci:models/nowhere", exit::USAGE, "was not found"),
        ("oci:models/m3", exit::USAGE, "and --model-digest is"),
        ("127.0.0.1:1/models/m2:v1", exit::TRANSIENT, "not reachable for now"),
    ] {
        let ran = run(&stage, &[&format!("--image={image}"), "--registry-timeout=1s"]);
        assert_eq!(ran.code, Some(i32::from(code)), "{image}: {}", ran.log);
        assert!(ran.log.contains(words) && ran.log.contains("hint: "), "{image}: {}", ran.log);
        assert_eq!(shares(&stage), [0.0]);
    }
    let other = format!("holds the model {}", model(3).digest);
    assert!(run(&stage, &["--image=oci:models/m3"]).log.contains(&other));
}
