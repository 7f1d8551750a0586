//! The step as a black box, on the in-memory broker and where transactions matter on a real Kafka.
#![expect(clippy::unwrap_used, reason = "tests")]

mod stage;

use std::path::Path;

use inference::testing::{Fault, Server};
use registry::{Client, Digest, LayerBuilder, Options, Platform, Recipe};
use routes::{ModelRef, Route, Routes};
use stage::{Ended, Stage, digest, model};

/// Telemetry of the demo's hold-out.
fn telemetry(count: usize) -> Vec<Vec<f32>> {
    let text =
        std::fs::read_to_string(model("demo/shuttle/holdout").with_extension("csv")).unwrap();
    let row = |line: &str| line.split(',').take(9).map(|number| number.parse().unwrap()).collect();
    text.lines().skip(1).take(count).map(row).collect()
}

fn flag(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}

/// Champion and candidate by file.
fn compare(stage: &Stage, champion: &Path, candidate: &Path, flags: &[&str]) -> Ended {
    let (champion, candidate) = (flag("champion", champion), flag("model", candidate));
    stage.run(&[&[champion.as_str(), candidate.as_str()], flags].concat())
}

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
    assert_eq!(ended.report["details"]["window"], "0:0-1200,1:0-1200");
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
    let rows: Vec<Vec<f32>> = (0..1_200).map(|n| vec![3.25, 60.0 + (n % 100) as f32]).collect();
    stage.stream(&rows, Some(&champion));
    stage.garbage(1);
    let shown = |release: &str, mask: &str| {
        let release = format!("--release={release}");
        let ended = compare(&stage, &champion, &candidate, &[&release, mask, "--max-p99=1s"]);
        assert_eq!(ended.verdict, "fail", "{}{}", ended.reason, ended.stderr);
        let told = ended.report.to_string() + &ended.page + &ended.stderr;
        (ended.report["details"]["largest"][0]["record"].clone(), told)
    };
    let (record, told) = shown("r1", "--mask=");
    assert_eq!((&record["f1"], record["f2"].is_number()), (&3.25.into(), true));
    assert!(told.contains("f1 3.25, f2 "), "the page shows the fields");
    let (record, told) = shown("r2", "--mask=f1");
    assert_eq!((&record["f1"], record["f2"].is_number()), (&"masked".into(), true));
    assert!(!told.contains("3.25"));
    let (record, _) = shown("r3", "--mask=*");
    assert_eq!((&record["f1"], &record["f2"]), (&"masked".into(), &"masked".into()));

    let wrong = compare(&stage, &champion, &candidate, &["--mask=salary"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains("--mask names salary, which is no field"), "{}", wrong.stderr);
}

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
    routes.write(Route::bootstrap("s", champion.clone()), "r0", "test").unwrap();
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

/// Flags that compare these two endpoints.
fn endpoints(champion: &Server, candidate: &Server) -> [String; 5] {
    [
        "--against=endpoint".to_owned(),
        format!("--champion-endpoint={}", champion.url),
        format!("--candidate-endpoint={}", candidate.url),
        "--max-p99=1s".to_owned(),
        "--endpoint-timeout=2s".to_owned(),
    ]
}

#[test]
fn two_endpoints_answer_the_stream_and_a_busy_one_is_asked_again() {
    let stage = Stage::new(9);
    // Nobody has answered the stream, and nobody needs to.
    stage.stream(&telemetry(2_000), None);
    let serve = |name: &str| Server::start(&model(name), &stage.schema);
    let (champion, candidate) = (serve("demo/models/linear"), serve("demo/models/boosting"));
    candidate.next([Fault::Status(503, Some(1)), Fault::Garbage, Fault::Status(429, None)]);
    champion.next([Fault::Status(502, None)]);
    let flags = endpoints(&champion, &candidate);
    let ended = stage.run(&flags.each_ref().map(String::as_str));
    assert_eq!(ended.verdict, "pass", "{}{}", ended.reason, ended.stderr);
    let details = &ended.report["details"];
    assert_eq!(details["champion"]["digest"], champion.url);
    // Who is busy is asked again; garbage is an answer, and none that counts.
    assert_eq!(details["counts"]["candidate-failures"]["count"], 1);
    assert_eq!(
        details["checks"].as_array().unwrap().len(),
        4,
        "nothing to hold against the stream"
    );
    assert_eq!(stage.events()[0].subject.id, candidate.url);
}

#[test]
fn what_an_endpoint_does_not_answer_is_a_failure_of_its_side() {
    let stage = Stage::new(9);
    stage.stream(&telemetry(1_200), None);
    let serve = |name: &str| Server::start(&model(name), &stage.schema);
    let (champion, candidate) = (serve("demo/models/linear"), serve("demo/models/linear"));
    let flags = endpoints(&champion, &candidate);
    let run = |release: &str| {
        let release = format!("--release={release}");
        let mut flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        flags.extend([release.as_str(), "--endpoint-attempts=1"]);
        stage.run(&flags)
    };
    candidate.next((0..60).flat_map(|_| [Fault::NotANumber, Fault::Status(503, None)]));
    let failed = run("r1");
    assert_eq!(failed.verdict, "fail", "{}{}", failed.reason, failed.stderr);
    assert!(failed.reason.contains("get no answer from the candidate"), "{}", failed.reason);

    champion.always(Fault::Status(503, None));
    let nothing = run("r2");
    assert_eq!(nothing.verdict, "inconclusive", "{}{}", nothing.reason, nothing.stderr);
    let counts = &nothing.report["details"]["counts"];
    assert_eq!(
        (&counts["pairs"], &counts["champion-failures"]["count"]),
        (&0.into(), &1_200.into())
    );
    let first = counts["champion-failures"]["first"].as_str().unwrap();
    assert!(first.contains("503"), "{first}");
}

#[test]
fn an_endpoint_that_cannot_be_asked_is_told_before_anything_is_compared() {
    let stage = Stage::new(9);
    stage.stream(&telemetry(10), None);
    let served = Server::start(&model("demo/models/linear"), &stage.schema);
    let narrow = Stage::new(2);
    let narrow = Server::start(&model("crates/model/samples/linear"), &narrow.schema);
    let run = |flags: [String; 5], more: &[&str]| {
        stage.run(&[&flags.each_ref().map(String::as_str)[..], more].concat())
    };
    let misfit = run(endpoints(&served, &narrow), &[]);
    assert_eq!((misfit.code, misfit.verdict.as_str()), (0, "fail"), "{}", misfit.stderr);
    assert!(misfit.reason.contains("a record has 9 fields"), "{}", misfit.reason);
    let misfit = run(endpoints(&narrow, &served), &[]);
    assert_eq!((misfit.code, misfit.verdict.as_str()), (0, "inconclusive"), "{}", misfit.stderr);

    let linear = model("demo/models/linear");
    let closed = Server::start_for(&linear, &stage.schema, Some("s3cret"));
    let denied = run(endpoints(&closed, &served), &["--release=r2"]);
    assert_eq!(denied.code, 2);
    assert!(denied.stderr.contains("answered 401"), "{}", denied.stderr);
    let token = stage.folder.path().join("token");
    std::fs::write(&token, "s3cret").unwrap();
    let token = flag("endpoint-token-file", &token);
    let known = run(endpoints(&closed, &closed), &["--release=r3", &token]);
    assert_eq!(known.code, 0, "{}", known.stderr);
    assert!(!(known.stderr + &known.report.to_string() + &known.page).contains("s3cret"));

    let flags = endpoints(&closed, &served);
    drop(closed);
    let away = run(flags, &["--release=r4", "--endpoint-attempts=1"]);
    assert_eq!(away.code, 75, "{}", away.stderr);
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
    assert_eq!(ended.report["details"]["stopped"], "time-over");
}

#[test]
fn a_time_range_is_found_on_a_real_kafka_and_told_by_its_offsets() {
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
    let seen = harness::browser::assert_reads_well(&page, &pictures);
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
    assert_eq!(ended.report["details"]["counts"]["candidate-failures"]["count"], 50);
}

#[test]
fn what_is_no_model_for_the_stream_fails_and_no_engine_answer_is_needed() {
    let champion = model("demo/models/linear");
    let stage = Stage::new(9);
    stage.stream(&telemetry(10), Some(&champion));
    let narrow = compare(&stage, &champion, &model("demo/models/broken-width"), &[]);
    assert_eq!(narrow.verdict, "fail");
    assert!(narrow.reason.contains("takes 8 numbers a row"), "{}", narrow.reason);

    let zeros = "0".repeat(64);
    let other = compare(&stage, &champion, &champion, &[&format!("--model-digest=sha256:{zeros}")]);
    assert_eq!(other.verdict, "fail");
    assert!(other.reason.contains("that was to be tried"), "{}", other.reason);
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
    let told = "the shadow does not see what the live stream sees";
    assert!(other.reason.starts_with(told), "{}", other.reason);
    assert!(other.reason.contains("on the stream)"), "{}", other.reason);
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
    let first = ended.report["details"]["counts"]["first-undecodable"].as_str().unwrap();
    assert!(first.starts_with("0/0: not a JSON object"), "{first}");

    let late = compare(&stage, &champion, &champion, &["--deadline=0s"]);
    assert_eq!(late.verdict, "inconclusive");
    assert!(late.reason.contains("0 of the window's 0"), "{}", late.reason);
}

#[test]
fn the_champion_of_the_route_and_the_candidate_of_an_image_are_fetched() {
    let stage = Stage::new(9);
    let (champion, candidate) = (model("demo/models/linear"), model("demo/models/boosting"));
    stage.stream(&telemetry(2_400), Some(&champion));
    let candidate_image = image(&stage, &candidate);
    let flags = [format!("--image={candidate_image}"), "--max-p99=1s".to_owned()];
    let run = |release: &str| {
        let release = format!("--release={release}");
        stage.run(&[release.as_str(), flags[0].as_str(), flags[1].as_str()])
    };

    let nothing = run("r1");
    assert_eq!(nothing.verdict, "inconclusive");
    assert!(nothing.reason.contains("no champion to compare with"), "{}", nothing.reason);

    let champion = ModelRef { digest: digest(&champion), image: image(&stage, &champion) };
    let mut routes = Routes::open(&stage.kafka, "s").unwrap();
    routes.write(Route::bootstrap("s", champion), "r0", "test").unwrap();
    let ended = run("r2");
    assert_eq!(ended.verdict, "pass", "{}", ended.reason);
    assert_eq!(ended.report["inputs"]["model"], digest(&candidate));
}

/// An image that carries the model, by digest.
fn image(stage: &Stage, model: &Path) -> String {
    let digest: Digest = digest(model).parse().unwrap();
    let layer = LayerBuilder::new().file("/models/model.onnx", model).unwrap().build().unwrap();
    let recipe = Recipe {
        layers: vec![layer],
        model: Some(("/models/model.onnx".into(), digest)),
        ..Recipe::new(Platform::of_this_machine())
    };
    let image = recipe.assemble().unwrap();
    let folder = stage.folder.path().join(format!("image-{}", image.digest().hex()));
    let place = format!("oci:{}", folder.display()).parse().unwrap();
    let client = Client::new(Options::default());
    registry::blocking::publish(&client, &image, &place, &[]).unwrap();
    format!("oci:{}@{}", folder.display(), image.digest())
}

#[test]
fn a_second_run_tells_the_first_verdict_again() {
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
fn wrong_usage_is_told_with_a_hint() {
    let stage = Stage::new(9);
    let champion = model("demo/models/linear");
    for (flags, told) in [
        (
            vec!["--champion=/nowhere.onnx".to_owned(), flag("model", &champion)],
            "cannot read /nowhere.onnx",
        ),
        (
            vec![flag("model", &champion), "--max-disagreement=0".to_owned()],
            "no number of records shows",
        ),
        (vec![], "--model <FILE>|--image <IMAGE>|--candidate-endpoint <URL>"),
        (
            vec![flag("model", &champion), "--live=1m".to_owned(), "--window=0:0-9".to_owned()],
            "cannot be used with",
        ),
        (
            vec![
                flag("model", &champion),
                "--from=2026-01-02T00:00:00Z".to_owned(),
                "--to=2026-01-01T00:00:00Z".to_owned(),
            ],
            "--from is not before --to",
        ),
        (
            vec![
                flag("model", &champion),
                flag("champion", &champion),
                "--against=recorded".to_owned(),
            ],
            "only --against engine takes a model of the champion",
        ),
        (
            vec![flag("model", &champion), "--live=1h".to_owned()],
            "--live is longer than --deadline",
        ),
        (
            vec![flag("model", &champion), "--against=endpoint".to_owned()],
            "--against endpoint and --champion-endpoint belong together",
        ),
        (
            vec![
                flag("model", &champion),
                flag("champion", &champion),
                "--window=0:0-99".to_owned(),
            ],
            "is not on the broker",
        ),
    ] {
        let ended = stage.run(&flags.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        assert!(ended.stderr.contains(told), "{}", ended.stderr);
    }
    assert!(stage.events().is_empty());
}

#[test]
fn every_file_may_lie_in_an_artifact() {
    let (champion, candidate) = (model("demo/models/linear"), model("demo/models/boosting"));
    let stage = Stage::new(9);
    stage.stream(&telemetry(1_200), Some(&champion));
    let files = [champion, candidate, stage.folder.path().join("schema.json")];
    let artifact = format!("oci:{}", stage.folder.path().join("files").display());
    let client = Client::new(Options::default());
    let image = registry::Image::of_files(&files).unwrap();
    registry::blocking::publish(&client, &image, &artifact.parse().unwrap(), &[]).unwrap();
    let flag = |name: &str, file: &str| format!("--{name}={artifact}#{file}");
    let flags = [flag("champion", "linear.onnx"), flag("model", "boosting.onnx")];
    let schema = flag("schema", "schema.json");

    let ended = stage.run_without_schema(&[&flags[0], &flags[1], &schema, "--max-p99=1s"]);
    assert_eq!(
        (ended.code, ended.verdict.as_str()),
        (0, "pass"),
        "{} {}",
        ended.reason,
        ended.stderr
    );
    let inputs = &ended.report["inputs"];
    assert_eq!(inputs["schema-source"], format!("{artifact}#schema.json"));
    assert_eq!(inputs["model"], digest(&files[1]));
    assert_eq!(inputs["champion"], digest(&files[0]));
}
