//! What the comparison says, and how it is shown.

use std::path::Path;

use serde_json::json;

use crate::stage::{Stage, compare, digest, model, telemetry};

#[test]
fn a_candidate_that_answers_as_the_champion_does_passes_and_nothing_else_is_written() {
    let (champion, candidate) = (model("demo/models/linear"), model("demo/models/boosting"));
    let stage = Stage::new(9);
    stage.stream(&telemetry(2_400), Some(&champion));
    let topics = [
        "s.features",
        "s.predictions",
        "s.dead-letters",
        "s.labels",
        "headgate.routes",
        "headgate.scorers",
    ];
    let extents = || topics.map(|topic| stage.kafka.extent(topic).unwrap());
    let before = extents();

    let ended = compare(&stage, &champion, &candidate, &["--max-p99=1s"]);
    assert_eq!((ended.code, ended.verdict.as_str()), (0, "pass"), "{}", ended.reason);
    assert_eq!(extents(), before, "the stream must not see the shadow");
    let counts = &ended.report["details"]["counts"];
    // It is clear at the first look, at the fewest records that may decide, from both partitions alike.
    assert_eq!(ended.report["details"]["stopped"], "decided");
    assert_eq!(ended.window, "0:0-500,1:0-500");
    assert_eq!(ended.report["details"]["window"]["offsets"], "0:0-1200,1:0-1200");
    assert!(ended.reason.contains("after 1,000 of 2,400 records"), "{}", ended.reason);
    assert_eq!(
        (counts["pairs"].as_u64(), counts["live"]["compared"].as_u64()),
        (Some(1_000), Some(1_000))
    );
    assert_eq!(counts["live"]["mismatches"], 0);
    for shown in ["Paired scores", "Score distributions", "Largest disagreements", "Latency"] {
        assert!(ended.page.contains(shown), "{shown}");
    }
    let events = stage.events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].context.event_type, "dev.cdeventsx.headgate-shadow.passed.0.1.0");
    assert_eq!(events[0].subject.id, digest(&candidate));
}

#[test]
fn a_candidate_that_answers_differently_fails_with_the_records_where_it_does() {
    let (champion, candidate) =
        (model("crates/model/samples/linear"), model("crates/model/samples/three-classes"));
    let stage = Stage::new(2);
    let rows: Vec<Vec<f32>> = (0..2_000).map(|n| vec![3.0, 60.0 + (n % 100) as f32]).collect();
    stage.stream(&rows, Some(&champion));
    let ended = compare(&stage, &champion, &candidate, &["--max-p99=1s"]);
    assert_eq!((ended.code, ended.verdict.as_str()), (0, "fail"), "{}", ended.reason);
    assert!(ended.reason.contains("of the records are answered differently"), "{}", ended.reason);
    let largest = ended.report["details"]["largest"].as_array().unwrap();
    assert!(!largest.is_empty() && largest.len() <= 20);
    let source = &largest[0]["source"];
    assert!(
        ended.page.contains(&format!("s.features/{}/{}", source["partition"], source["offset"]))
    );
}

#[test]
fn the_records_of_the_largest_disagreements_are_shown_but_for_what_is_masked() {
    let (champion, candidate) =
        (model("crates/model/samples/linear"), model("crates/model/samples/three-classes"));
    let stage = Stage::new(2);
    // So many digits that no latency or share of the report shows them by chance.
    let secret = 3.148_437_5;
    let rows: Vec<Vec<f32>> = (0..1_200).map(|n| vec![secret, 60.0 + (n % 100) as f32]).collect();
    stage.stream(&rows, Some(&champion));
    stage.garbage(1);
    let shown = |release: &str, mask: &str| {
        let release = format!("--release={release}");
        let ended = compare(&stage, &champion, &candidate, &[&release, mask, "--max-p99=1s"]);
        assert_eq!(ended.verdict, "fail", "{}{}", ended.reason, ended.stderr);
        let shown = ended.report.to_string() + &ended.page + &ended.stderr;
        (ended.report["details"]["largest"][0]["record"].clone(), shown)
    };
    let (record, shown_text) = shown("r1", "--mask=");
    assert_eq!(record[0], json!({ "name": "f1", "value": secret }));
    assert!(record[1]["value"].is_number(), "{record}");
    assert!(shown_text.contains(&format!("f1 {secret}, f2 ")), "the page shows the fields");
    let (record, shown_text) = shown("r2", "--mask=f1");
    assert_eq!(record[0], json!({ "name": "f1", "value": "masked" }));
    assert!(record[1]["value"].is_number(), "{record}");
    assert!(!shown_text.contains(&secret.to_string()));
    let (record, _) = shown("r3", "--mask=*");
    let masked = |name: &str| json!({ "name": name, "value": "masked" });
    assert_eq!(record, json!([masked("f1"), masked("f2")]));

    let wrong = compare(&stage, &champion, &candidate, &["--mask=salary"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains("--mask names salary, which is no field"), "{}", wrong.stderr);
}

#[test]
fn the_report_reads_well_in_a_browser() {
    let (champion, candidate) = (model("demo/models/linear"), model("demo/models/memoriser"));
    let mut stage = Stage::new(9);
    stage.confidence = "95%";
    stage.stream(&telemetry(5_000), Some(&champion));
    let flags = ["--max-p99=1s", "--mask=f9", "--max-disagreement=0.5%"];
    let ended = compare(&stage, &champion, &candidate, &flags);
    assert_eq!(ended.verdict, "fail", "{}{}", ended.reason, ended.stderr);
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures");
    // Kept beside the pictures, for people to open.
    std::fs::create_dir_all(&pictures).unwrap();
    let page = pictures.join("report.html");
    std::fs::write(&page, &ended.page).unwrap();
    let seen = testkit::browser::assert_reads_well(&page, &pictures);
    let titles: Vec<&str> = seen[0].measured.plots.iter().map(|plot| plot.title.as_str()).collect();
    for plot in ["Disagreement", "Score shift", "Paired scores", "Score distributions", "Latency"] {
        assert!(
            titles.iter().any(|title| title.starts_with(plot)),
            "{plot} is not among {titles:?}"
        );
    }
}

#[test]
fn a_candidate_that_cannot_answer_some_records_fails() {
    // The root of a negative number is no number, and the sum of one number is that number.
    let (champion, candidate) =
        (model("crates/model/samples/sum"), model("crates/model/samples/root"));
    let stage = Stage::new(1);
    let rows: Vec<Vec<f32>> =
        (0..2_000).map(|n| vec![if n % 20 == 0 { -1.0 } else { 1.0 }]).collect();
    stage.stream(&rows, Some(&champion));
    let ended = compare(&stage, &champion, &candidate, &["--max-p99=1s"]);
    assert_eq!(ended.verdict, "fail", "{}", ended.reason);
    assert!(
        ended.reason.contains("5 % of the records get no answer from the candidate"),
        "{}",
        ended.reason
    );
    assert_eq!(ended.report["details"]["counts"]["candidate_failures"]["count"], 50);
}

#[test]
fn a_shadow_that_sees_other_answers_than_the_stream_decides_nothing() {
    let (champion, live) =
        (model("crates/model/samples/linear"), model("crates/model/samples/three-classes"));
    let stage = Stage::new(2);
    let rows: Vec<Vec<f32>> = (0..1_500).map(|n| vec![3.0, 60.0 + (n % 100) as f32]).collect();
    stage.stream(&rows, Some(&live));
    // The stream says that it is answered by `live`; the route's champion is another file.
    let nobody = compare(&stage, &champion, &champion, &["--max-p99=1s"]);
    assert_eq!(nobody.verdict, "inconclusive");
    assert!(
        nobody.reason.contains("champion as on the stream: nothing to judge from"),
        "{}",
        nobody.reason
    );
    assert_eq!(nobody.report["details"]["counts"]["live"]["other_model"], 1_500);

    // The stream's answers carry the champion's digest, but are not what it answers here.
    let stage = Stage::new(2);
    stage.stream_as(&rows, Some(&live), &digest(&champion));
    let other = compare(&stage, &champion, &champion, &["--max-p99=1s"]);
    assert_eq!(other.verdict, "inconclusive");
    let blind = "the shadow does not see what the live stream sees";
    assert!(other.reason.starts_with(blind), "{}", other.reason);
    assert!(other.reason.contains("on the stream)"), "{}", other.reason);
}

#[test]
fn too_little_is_inconclusive_and_garbage_is_counted() {
    let champion = model("demo/models/linear");
    let stage = Stage::new(9);
    stage.garbage(30);
    stage.stream(&telemetry(400), Some(&champion));
    let ended = compare(&stage, &champion, &champion, &[]);
    assert_eq!((ended.code, ended.verdict.as_str()), (0, "inconclusive"));
    assert!(
        ended.reason.contains("400 of the window's 430 can be read, 1000 are needed"),
        "{}",
        ended.reason
    );
    let first = ended.report["details"]["counts"]["first_undecodable"].as_str().unwrap();
    assert!(first.starts_with("0/0: not a JSON object"), "{first}");

    let late = compare(&stage, &champion, &champion, &["--deadline=0s"]);
    assert_eq!(late.verdict, "inconclusive");
    assert!(late.reason.contains("0 of the window's 0"), "{}", late.reason);
}

#[test]
fn a_second_run_emits_the_first_outcome_again() {
    let champion = model("demo/models/linear");
    let stage = Stage::new(9);
    stage.stream(&telemetry(1_200), Some(&champion));
    let first = compare(&stage, &champion, &champion, &["--max-p99=1s"]);
    stage.stream(&telemetry(600), None);
    let second = compare(&stage, &champion, &champion, &["--max-p99=1s"]);
    assert_eq!(first.window, "0:0-500,1:0-500");
    assert_eq!((&second.window, &second.event_id), (&first.window, &first.event_id));
    assert_eq!((&second.verdict, &second.reason), (&first.verdict, &first.reason));
}

#[test]
fn the_engine_calls_nobody() {
    if !testkit::calls::is_apart("verdicts::the_engine_calls_nobody") {
        return;
    }
    let (champion, candidate) = (model("demo/models/linear"), model("demo/models/boosting"));
    let stage = Stage::new(9);
    stage.stream(&telemetry(1_200), Some(&champion));
    let (champion, candidate) =
        (format!("--champion={}", champion.display()), format!("--model={}", candidate.display()));
    let (called, broker) = stage.called(&[champion.as_str(), candidate.as_str(), "--max-p99=1s"]);
    assert!(called.contains(&broker), "{called:?}");
    let stray = called.iter().find(|to| !to.starts_with("127.0.0.1:") || to.ends_with(":53"));
    assert_eq!(stray, None, "{called:?}");
}
