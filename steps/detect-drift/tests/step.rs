//! The binary as a black box, on the demo's telemetry and the in-memory broker.
//!
//! The stream has two partitions of 2,600 records; on partition 1 sensor f3 reads 15 too high from offset 2,000 on.
#![expect(clippy::unwrap_used, reason = "tests")]

mod run;

use std::path::Path;

use run::{Stream, json};

const DRIFTS_FROM: i64 = 2000;

/// The stream of the module's heading.
fn drifting() -> Stream {
    Stream::start(|partition, offset, fields| {
        if partition == 1 && offset >= DRIFTS_FROM {
            fields[2] += 15.0;
        }
    })
}

#[test]
fn a_baseline_from_a_range_is_recorded_and_its_own_range_and_the_next_do_not_drift() {
    let stream = drifting();
    let baseline = stream.baseline();
    assert_eq!(baseline.verdict(), "pass");
    let event = baseline.event();
    assert_eq!(event["context"]["type"], "dev.cdeventsx.headgate-baseline.recorded.0.1.0");
    assert_eq!(event["customData"]["result"]["records"], 2000);
    assert_eq!(baseline.output("window"), "0:0-1000,1:0-1000");
    let profile = json(&baseline.read("baseline.json"));
    assert_eq!(profile["features"].as_array().unwrap().len(), 9);

    for window in ["0:0-1000,1:0-1000", "0:1000-2000,1:1000-2000"] {
        let judged = stream.judge(&baseline, &["--window", window]);
        assert_eq!(judged.verdict(), "pass", "{}", judged.output("reason"));
        let event = judged.event();
        assert_eq!(event["context"]["type"], "dev.cdeventsx.headgate-drift.absent.0.1.0");
        assert_eq!((judged.output("features"), judged.output("since")), ("".into(), "".into()));
        assert_eq!(judged.output("baseline-digest"), baseline.output("baseline-digest"));
    }
}

#[test]
fn a_drift_is_reported_with_the_feature_and_the_offset_it_began_at() {
    let stream = drifting();
    let baseline = stream.baseline();
    let judged = stream.judge(&baseline, &["--window", "0:1000-2600,1:1000-2600"]);
    assert_eq!((judged.verdict(), judged.output("features")), ("fail".into(), "f3".into()));

    let event = judged.event();
    assert_eq!(event["context"]["type"], "dev.cdeventsx.headgate-drift.detected.0.1.0");
    let result = &event["customData"]["result"];
    let f3 = &result["moved"][0];
    assert_eq!(f3["name"], "f3");
    let number = |name: &str| f3[name].as_f64().unwrap_or_else(|| panic!("no {name}: {f3}"));
    assert!(number("ks") > number("ks-limit"));
    let since = result["since"].as_array().unwrap();
    assert_eq!(since.len(), 1, "only partition 1 drifts: {since:?}");
    assert_eq!(
        (&since[0]["topic"], &since[0]["partition"]),
        (&"shuttle.features".into(), &1.into())
    );
    let offset = since[0]["offset"].as_i64().unwrap();
    assert!((DRIFTS_FROM - 200..=DRIFTS_FROM + 200).contains(&offset), "found at {offset}");
    assert_eq!(judged.output("since"), format!("1:{offset}"));

    let record = json(&judged.read("report.json"));
    assert_eq!(record["details"]["found"]["judgement"]["features"].as_array().unwrap().len(), 9);
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).join("detect-drift");
    testkit::browser::assert_reads_well(&judged.path("report.html"), &pictures);
}

#[test]
fn a_run_repeated_repeats_its_event_and_its_baseline() {
    let stream = drifting();
    let (one, other) = (stream.baseline(), stream.baseline());
    assert_eq!(one.read("baseline.json"), other.read("baseline.json"));
    assert_eq!(one.output("event-id"), other.output("event-id"));
    let window = ["--window", "1:1000-2600"];
    let (first, again) = (stream.judge(&one, &window), stream.judge(&one, &window));
    assert_eq!(first.output("event-id"), again.output("event-id"));
    let elsewhere = stream.judge(&one, &["--window", "0:1000-2600"]);
    assert_ne!(first.output("event-id"), elsewhere.output("event-id"));
}

#[test]
fn the_newest_records_are_judged_where_no_window_is_given() {
    let stream = drifting();
    let baseline = stream.baseline();
    let judged = stream.judge(&baseline, &["--last", "1000"]);
    assert_eq!(judged.output("window"), "0:2100-2600,1:2100-2600");
    assert_eq!(judged.verdict(), "fail");
}

#[test]
fn a_reference_file_makes_a_baseline_without_the_stream() {
    let stream = drifting();
    let reference = testkit::root().join("demo/shuttle/holdout.csv");
    let reference = reference.to_str().unwrap();
    let baseline = stream.run(&["--mode", "baseline", "--reference", reference]);
    assert_eq!((baseline.verdict(), baseline.output("window")), ("pass".into(), String::new()));
    let sample = testkit::root().join("steps/detect-drift/samples/baseline.json");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&sample, baseline.read("baseline.json")).unwrap();
    }
    let sample = std::fs::read_to_string(sample).unwrap();
    assert!(sample == baseline.read("baseline.json"), "samples/baseline.json is stale: make bless");
    let judged = stream.judge(&baseline, &["--window", "0:0-2600"]);
    assert_eq!(judged.verdict(), "pass", "{}", judged.output("reason"));
}

#[test]
fn too_little_is_inconclusive_and_never_a_pass() {
    let stream = drifting();
    let baseline = stream.baseline();
    for window in ["0:0-100", "0:5-5"] {
        let judged = stream.judge(&baseline, &["--window", window]);
        assert_eq!(judged.verdict(), "inconclusive", "{window}");
        let event = judged.event();
        assert_eq!(event["context"]["type"], "dev.cdeventsx.headgate-drift.undecided.0.1.0");
        assert!(judged.output("reason").contains("at least 200"));
    }
    let thin = stream.run(&["--mode", "baseline", "--window", "0:0-50"]);
    assert_eq!(thin.verdict(), "inconclusive");
    assert!(!thin.path("baseline.json").exists());
}

#[test]
fn unreadable_records_are_counted_and_too_many_are_inconclusive() {
    let stream = Stream::start(|_, offset, fields| {
        // Every fiftieth record of the first thousand loses a field, every third later on.
        let broken = if offset < 1000 { offset % 50 == 7 } else { offset % 3 == 0 };
        if broken {
            fields.pop();
        }
    });
    let baseline = stream.baseline();
    let event = baseline.event();
    assert_eq!(event["customData"]["result"]["unreadable"], 40);
    let record = json(&baseline.read("report.json"));
    let reasons = &record["details"]["unreadable"]["reasons"];
    assert_eq!(
        reasons["the field `f9` is missing"]["first"],
        json(r#"{"partition":0,"offset":7}"#)
    );
    assert!(baseline.read("report.html").contains("the field `f9` is missing"));

    let judged = stream.judge(&baseline, &["--window", "0:1000-2000"]);
    assert_eq!(judged.verdict(), "inconclusive");
    assert!(judged.output("reason").contains("are unreadable"), "{}", judged.output("reason"));
    let judged = stream.judge(&baseline, &["--window", "0:1000-2000", "--max-unreadable", "50%"]);
    assert_eq!(judged.verdict(), "pass");
}

#[test]
fn what_cannot_be_used_is_wrong_usage_with_a_hint() {
    let stream = drifting();
    let baseline = stream.baseline();
    let profile = baseline.path("baseline.json");
    let profile = profile.to_str().unwrap();
    let no_table = testkit::root().join("Cargo.toml");
    let no_table = no_table.to_str().unwrap();
    for (flags, what) in [
        (&["--window", "0:0-500"][..], "no --baseline"),
        (&["--baseline", "/nowhere.json"], "cannot use the baseline"),
        (&["--baseline", profile, "--window", "0:0-99999"], "not on the broker"),
        (&["--baseline", profile, "--window", "7:0-10"], "not on the broker"),
        (&["--mode", "baseline", "--reference", no_table], "no column is called `f1`"),
        (&["--baseline", profile, "--schema", "/nowhere.json"], "cannot read the stream schema"),
    ] {
        let (code, stderr) = stream.refused(flags);
        assert_eq!(code, Some(2), "{flags:?}: {stderr}");
        assert!(stderr.contains(what) && stderr.contains("hint: "), "{flags:?}: {stderr}");
    }
}

#[test]
fn schema_and_baseline_may_lie_in_an_artifact() {
    let stream = drifting();
    let baseline = stream.baseline();
    let files = [testkit::root().join("demo/shuttle/schema.json"), baseline.path("baseline.json")];
    let artifact = format!("oci:{}", baseline.path("files").display());
    let image = registry::Image::of_files(&files).unwrap();
    let client = registry::Client::new(registry::Options::default());
    registry::blocking::publish(&client, &image, &artifact.parse().unwrap(), &[]).unwrap();
    let flags = [
        format!("--schema={artifact}#schema.json"),
        format!("--baseline={artifact}#baseline.json"),
    ];
    let window = "--window=0:2000-2600,1:2000-2600";
    let judged = stream.run(&[&flags[0], &flags[1], window]);
    assert_eq!((judged.verdict().as_str(), judged.output("features").as_str()), ("fail", "f3"));
    assert_eq!(judged.output("baseline-digest"), baseline.output("baseline-digest"));
    let inputs = &judged.event()["customData"]["inputs"];
    assert_eq!(inputs["baseline-source"], format!("{artifact}#baseline.json"));
    assert_eq!(inputs["baseline"], judged.output("baseline-digest"));
}
