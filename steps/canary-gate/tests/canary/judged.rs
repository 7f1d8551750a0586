//! By what a candidate is judged: metrics, slices, forecasts.

use fault::exit;
use testkit::prometheus::{MetricsPage, OwnPrometheus, Setup};
use testkit::{Behaviour, Stage, model};

use super::{assert_ended, await_labels, run, shares};

#[test]
fn a_slice_that_is_worse_fails_a_candidate_that_is_better_as_a_whole() {
    let stage = Stage::with_champion(1).unwrap();
    let behaviour = Behaviour {
        features: true,
        candidate_errors: 0.05,
        candidate_errors_on_gold: Some(0.6),
        ..Behaviour::default()
    };
    let _scorer = stage.scorer(behaviour).unwrap();
    let metrics = r#"[{"name": "errors", "of": "label-errors", "margin": 1.5, "slices": [
        {"feature": "tier", "values": ["gold", "lead"]}]}]"#;
    let ran =
        run(&stage, &["--min-step-time=30s", "--deadline=45s", &format!("--metrics={metrics}")]);
    assert_ended(&ran, "fail", "where tier = gold");
    let slices = &ran.record["details"]["canary"]["metrics"][0]["slices"];
    assert_eq!(slices[0]["view"]["harm"]["proven"], true);
    assert_eq!(slices[1]["view"]["harm"]["proven"], false);
    let known = &ran.record["details"]["canary"]["slices"];
    assert!(known["known"].as_u64() > Some(100) && known["unknown"] == 0, "{known}");
}

#[test]
fn slow_answers_are_harm_without_any_label() {
    let stage = Stage::with_champion(1).unwrap();
    let behaviour = Behaviour { took: Some((100, 9_000)), ..Behaviour::default() };
    let _scorer = stage.scorer(behaviour).unwrap();
    let metrics = r#"[{"name": "errors", "of": "label-errors"}, {"name": "slow", "of": "latency", "slo": "5ms"}]"#;
    let ran = run(&stage, &["--min-step-time=1m", &format!("--metrics={metrics}")]);
    assert_ended(&ran, "fail", "slow:");
    assert_eq!(shares(&stage), [0.0, 0.1, 0.0]);
}

#[test]
fn a_loss_is_judged_by_its_mean() {
    let stage = Stage::with_champion(1).unwrap();
    let behaviour = Behaviour { candidate_errors: 0.4, ..Behaviour::default() };
    let _scorer = stage.scorer(behaviour).unwrap();
    let metrics = r#"[{"name": "brier score", "of": "loss", "loss": "brier", "margin": 0.02, "proof": true}]"#;
    let ran =
        run(&stage, &["--min-step-time=1m", "--deadline=60s", &format!("--metrics={metrics}")]);
    assert_ended(&ran, "fail", "brier score:");
    assert!(ran.reason.contains("0.02 is tolerated"), "{}", ran.reason);
}

#[test]
fn a_plan_that_cannot_decide_is_refused_with_the_number_that_would() {
    let stage = Stage::with_champion(1).unwrap();
    let rare =
        Behaviour { champion_errors: 0.004, candidate_errors: 0.004, ..Behaviour::default() };
    let _scorer = stage.scorer(rare).unwrap();
    // More than ten seconds of it, at 4,000 records a second at most.
    await_labels(&stage, 44_000);
    let refuse = "--undecidable=refuse";
    let ran = run(&stage, &["--deadline=6s", "--baseline-records=44000", refuse]);
    assert_eq!(ran.code, Some(i32::from(exit::USAGE)), "{} {}", ran.reason, ran.log);
    assert!(ran.log.contains("cannot be expected to decide"), "{}", ran.log);
    assert!(ran.log.contains("hint: give it more time: --deadline="), "{}", ran.log);
    assert!(!ran.log.contains("--margin="), "a margin is no way out: {}", ran.log);
    assert_eq!(shares(&stage), [0.0], "nothing was begun");
}

#[test]
fn metrics_that_make_no_sense_are_wrong_usage() {
    let stage = Stage::with_champion(1).unwrap();
    for metrics in ["[]", "/no/such/file", r#"[{"name": "a", "of": "latency"}]"#] {
        let ran = run(&stage, &[&format!("--metrics={metrics}")]);
        assert_eq!(ran.code, Some(i32::from(exit::USAGE)), "{metrics}: {}", ran.log);
        assert!(ran.log.contains("--metrics"), "{}", ran.log);
    }
}

/// A metric that asks `server` about the candidate's memory five times a second.
fn memory(server: &str) -> String {
    format!(
        r#"--metrics=[{{"name": "errors", "of": "label-errors"}}, {{"name": "memory", "of": "promql", "query":
            {{"server": "{server}", "promql": "memory_bytes{{model=\"$candidate\"}}", "limit": 100, "every": "200ms"}}}}]"#
    )
}

#[test]
fn a_real_prometheus_may_fail_a_release_and_its_answers_replay() {
    let page = MetricsPage::new(&format!("memory_bytes{{model=\"{}\"}} 250\n", model(2).digest));
    let server = OwnPrometheus::new(&page, Setup::default());
    page.wait_scraped(2);
    let stage = Stage::with_champion(1).unwrap();
    let _scorer = stage.scorer(Behaviour::default()).unwrap();
    let ran = run(&stage, &["--min-step-time=1m", &memory(&server.url())]);
    assert_ended(&ran, "fail", "memory: ");
    assert!(ran.reason.contains("answers beyond the limit"), "{}", ran.reason);
    drop(server);
    super::replay::assert_replays(&stage, &ran);
}

#[test]
fn without_data_from_prometheus_there_is_no_pass() {
    let page = MetricsPage::new("memory_bytes{model=\"another one\"} 1\n");
    let server = OwnPrometheus::new(&page, Setup::default());
    let stage = Stage::with_champion(1).unwrap();
    let better = Behaviour { candidate_errors: 0.02, ..Behaviour::default() };
    let _scorer = stage.scorer(better).unwrap();
    let ran = run(&stage, &["--deadline=6s", &memory(&server.url())]);
    assert_ended(&ran, "inconclusive", "there is no data of memory, which is no success");
    let answers = &ran.record["details"]["canary"]["metrics"][1]["samples"];
    assert!(answers["without_data"].as_u64() > Some(3) && answers["values"] == 0, "{answers}");
}
