//! Models behind HTTP endpoints, as candidate and as champion.

use testkit::inference::{Fault, Server};

use crate::stage::{Stage, flag, model, telemetry};

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
    assert_eq!(details["counts"]["candidate_failures"]["count"], 1);
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
        (&counts["pairs"], &counts["champion_failures"]["count"]),
        (&0.into(), &1_200.into())
    );
    let first = counts["champion_failures"]["first"].as_str().unwrap();
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
