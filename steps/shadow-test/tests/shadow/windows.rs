//! Which records are answered: past ranges, live windows, times, and what the champion answered to them.

use routes::{ModelRef, Route, RouteWriter as _, Routes};

use crate::stage::{Stage, compare, digest, flag, model, telemetry};

#[test]
fn what_the_champion_answered_is_enough_to_compare_with() {
    let (champion, candidate) = (model("demo/models/linear"), model("demo/models/boosting"));
    let stage = Stage::new(9);
    stage.stream(&telemetry(1_200), Some(&champion));
    stage.stream(&telemetry(1_200), None);
    // Nothing lies there: the champion's model is not needed.
    let image = format!("oci:/nowhere@{}", digest(&champion));
    let champion = ModelRef { digest: digest(&champion), image };
    let mut routes = Routes::open(&stage.kafka, "s").unwrap();
    routes.write(Route::bootstrap("s", champion.clone()), "r0", "test", None).unwrap();
    let candidate = flag("model", &candidate);
    let flags = ["--against=recorded", "--window=0:0-700,1:0-700", "--max-p99=1s"];
    let ended = stage.run(&[&[candidate.as_str(), "--min-records=1400"], &flags[..]].concat());
    assert_eq!(ended.verdict, "pass", "{}{}", ended.reason, ended.stderr);
    let details = &ended.report["details"];
    assert_eq!(
        (&details["against"], &details["champion"]["digest"]),
        (&"recorded".into(), &champion.digest.into())
    );
    let counts = &details["counts"];
    assert_eq!((&counts["pairs"], &counts["live"]["unanswered"]), (&1_200.into(), &200.into()));
    assert_eq!(
        details["checks"].as_array().unwrap().len(),
        4,
        "nothing to hold against the stream"
    );
}

#[test]
fn a_live_window_takes_what_arrives_with_its_answers_until_it_is_decided() {
    let champion = model("demo/models/linear");
    let stage = Stage::new(9);
    stage.stream(&telemetry(400), Some(&champion));
    let rows = telemetry(2_000);
    let (candidate, other) = (flag("model", &champion), flag("champion", &champion));
    // Goes on until it is decided, so that it does not matter how long the step takes to start.
    let mut chunks = rows.chunks(100).cycle();
    let flags = [candidate.as_str(), other.as_str(), "--live=1m", "--max-p99=1s"];
    let ended = stage.run_while(&flags, || stage.stream(chunks.next().unwrap(), Some(&champion)));
    assert_eq!(ended.verdict, "pass", "{}{}", ended.reason, ended.stderr);
    let details = &ended.report["details"];
    assert_eq!(details["stopped"], "decided");
    let counts = &details["counts"];
    assert!((1_000..20_000).contains(&counts["records"].as_u64().unwrap()), "{counts}");
    assert_eq!(counts["live"]["compared"], counts["records"]);
    let first: i64 = ended.window["0:".len()..].split('-').next().unwrap().parse().unwrap();
    assert!(first >= 200, "{}: what was there before is not looked at", ended.window);
}

#[test]
fn a_live_window_without_records_ends_when_its_time_is_over() {
    let champion = model("demo/models/linear");
    let stage = Stage::new(9);
    stage.stream(&telemetry(400), Some(&champion));
    let ended = compare(&stage, &champion, &champion, &["--live=200ms"]);
    assert_eq!((ended.code, ended.verdict.as_str()), (0, "inconclusive"), "{}", ended.stderr);
    assert_eq!(ended.report["details"]["stopped"], "time_over");
}

#[test]
fn a_time_range_is_found_on_a_real_kafka_and_given_by_its_offsets() {
    let champion = model("crates/model/samples/linear");
    let stage = Stage::on_apache(2);
    let rows = |count: usize| (0..count).map(|n| vec![3.0, n as f32]).collect::<Vec<_>>();
    let now = || {
        // Records of the next millisecond are after this moment, those before are not.
        std::thread::sleep(std::time::Duration::from_millis(20));
        jiff::Timestamp::now().to_string()
    };
    stage.stream(&rows(20), Some(&champion));
    let from = now();
    stage.stream(&rows(40), Some(&champion));
    let to = now();
    stage.stream(&rows(10), Some(&champion));
    for (flags, window) in [
        (vec![format!("--from={from}"), format!("--to={to}")], "0:10-30,1:10-30"),
        (vec![format!("--from={from}")], "0:10-35,1:10-35"),
        (vec![format!("--to={to}")], "0:0-30,1:0-30"),
    ] {
        let mut flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let release = format!("--release={}", flags.join("").replace([':', '=', '.', '-'], ""));
        flags.extend([release.as_str(), "--min-records=20"]);
        let ended = compare(&stage, &champion, &champion, &flags);
        assert_eq!((ended.code, ended.window.as_str()), (0, window), "{}", ended.stderr);
        let counts = &ended.report["details"]["counts"];
        assert_eq!(counts["records"], counts["live"]["compared"]);
    }
}

#[test]
fn the_answers_to_a_late_window_are_found_without_reading_the_topic() {
    let champion = model("crates/model/samples/linear");
    let stage = Stage::new(2);
    let rows: Vec<Vec<f32>> = (0..30_000).map(|n| vec![3.0, (n % 110) as f32]).collect();
    stage.stream(&rows, Some(&champion));
    let window = "--window=0:14000-15000,1:9000-9500";
    let flags = [window, "--max-p99=1s", "--min-records=1500"];
    let ended = compare(&stage, &champion, &champion, &flags);
    assert_eq!(ended.verdict, "pass", "{}", ended.reason);
    assert_eq!(ended.report["details"]["counts"]["live"]["compared"], 1_500);
}

#[test]
fn commit_markers_of_a_real_kafka_are_no_records() {
    let champion = model("crates/model/samples/linear");
    let stage = Stage::on_apache(2);
    let rows: Vec<Vec<f32>> = (0..40).map(|n| vec![3.0, 3.0 * n as f32]).collect();
    stage.stream_in_transactions(&rows, &champion);
    let ended = compare(&stage, &champion, &champion, &["--min-records=40"]);
    // Forty records bound no rate of 1 %: what counts here is that each was paired with its live answer.
    assert_eq!(ended.verdict, "inconclusive", "{}{}", ended.reason, ended.stderr);
    assert_eq!(ended.window, "0:0-40,1:0-40", "every other offset is a marker");
    let counts = &ended.report["details"]["counts"];
    assert_eq!((counts["records"].as_u64(), counts["pairs"].as_u64()), (Some(40), Some(40)));
    assert_eq!(
        (&counts["live"]["compared"], &counts["live"]["mismatches"]),
        (&40.into(), &0.into())
    );
}
