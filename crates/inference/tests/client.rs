//! The client against a server that answers with a real model, and with faults.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use inference::{Client, Error, Options};
use model::Model;
use stream::StreamSchema;
use testkit::inference::{Fault, Server};

fn sample(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn schema(width: usize) -> StreamSchema {
    let field = |n| format!(r#"{{"name":"f{n}","dtype":"float32"}}"#);
    let fields: Vec<String> = (1..=width).map(field).collect();
    let text = format!(r#"{{"stream":"s","format":"json","fields":[{}]}}"#, fields.join(","));
    StreamSchema::parse(&text).unwrap()
}

/// Quick to give up, so that tests are.
fn options(server: &Server) -> Options {
    let (timeout, longest_pause) = (Duration::from_secs(2), Duration::from_millis(200));
    Options { timeout, longest_pause, ..Options::of(&server.url) }
}

fn linear() -> (Server, Client, Vec<f32>) {
    let server = Server::start(&sample("crates/model/samples/linear.onnx"), &schema(2));
    let client = Client::connect(options(&server), &["f1", "f2"]).unwrap();
    (server, client, vec![3.0, 10.0, 3.0, 60.0, 3.0, 90.0, 3.0, 120.0])
}

#[test]
fn the_answers_are_those_of_the_engine() {
    let (_server, client, rows) = linear();
    let mut engine = Model::load(&sample("crates/model/samples/linear.onnx")).unwrap();
    let expected = engine.answer(&rows, 4).unwrap();
    let replies = client.answer(&rows, 4);
    assert!(replies.took.is_some());
    for (row, reply) in replies.rows.iter().enumerate() {
        let answer = reply.as_ref().unwrap();
        assert_eq!(answer.label, expected.labels.as_ref().map(|labels| labels[row]));
        assert!((answer.score - f64::from(expected.score[row])).abs() < 1e-6);
    }
    assert_eq!((client.metadata().name.as_str(), replies.rows.len()), ("m", 4));
}

#[test]
fn a_busy_server_is_asked_again_within_bounds() {
    let (server, client, rows) = linear();
    for status in [429, 502, 503, 504] {
        server.next([Fault::Status(status, None)]);
        assert!(client.answer(&rows, 4).rows.iter().all(Result::is_ok), "{status}");
    }
    // It asks for an hour; the bound is what counts.
    server.next([Fault::Status(503, Some(3600))]);
    let started = Instant::now();
    assert!(client.answer(&rows, 4).rows.iter().all(Result::is_ok));
    assert!(started.elapsed() >= Duration::from_millis(200), "it waits as long as it may");
    assert!(started.elapsed() < Duration::from_secs(5));

    let before = server.asked();
    server.always(Fault::Status(503, None));
    let replies = client.answer(&rows, 4);
    assert_eq!(server.asked() - before, 3, "attempts are bounded, and rows not asked one by one");
    assert_eq!(replies.rows.len(), 4);
    let why = replies.rows[0].as_ref().unwrap_err();
    assert!(why.contains("no answer in 3 attempts") && why.contains("503"), "{why}");
}

#[test]
fn a_server_that_is_too_slow_or_gone_gives_no_answers() {
    let (server, client, rows) = linear();
    server.next([Fault::Slow(Duration::from_millis(50))]);
    let replies = client.answer(&rows, 4);
    assert!(replies.took.unwrap() >= Duration::from_millis(50));
    server.always(Fault::Slow(Duration::from_secs(60)));
    let why = client.answer(&rows, 4).rows[0].clone().unwrap_err();
    assert!(why.contains("no answer in time"), "{why}");

    let options = options(&server);
    drop(server);
    assert!(client.answer(&rows, 4).rows.iter().all(Result::is_err));
    let gone = Client::connect(options, &["f1", "f2"]).unwrap_err();
    assert!(gone.is_transient(), "{gone}");
}

#[test]
fn a_wrong_answer_is_asked_again_row_by_row() {
    let (server, client, rows) = linear();
    for fault in [Fault::Short, Fault::Garbage, Fault::Status(500, None), Fault::Status(400, None)]
    {
        let before = server.asked();
        server.next([fault.clone()]);
        let replies = client.answer(&rows, 4);
        assert!(replies.rows.iter().all(Result::is_ok), "{fault:?}");
        assert_eq!((server.asked() - before, replies.took), (5, None), "{fault:?}");
    }
    server.always(Fault::Short);
    assert!(client.answer(&rows, 4).rows.iter().all(Result::is_err));
}

#[test]
fn nan_is_no_answer_of_that_row_alone() {
    let (server, client, rows) = linear();
    server.next([Fault::NotANumber]);
    let replies = client.answer(&rows, 4);
    assert!(replies.rows[0].as_ref().unwrap_err().contains("NaN"));
    assert!(replies.rows[1..].iter().all(Result::is_ok));
    // The root of a negative number: the engine refuses the batch, and the row is found.
    let server = Server::start(&sample("crates/model/samples/root.onnx"), &schema(1));
    let client = Client::connect(options(&server), &["f1"]).unwrap();
    let replies = client.answer(&[4.0, -1.0, 9.0], 3);
    let fine: Vec<bool> = replies.rows.iter().map(Result::is_ok).collect();
    assert_eq!(fine, [true, false, true]);
}

#[test]
fn the_servers_words_are_told_only_where_they_may_be() {
    let (server, _, rows) = linear();
    server.always(Fault::Status(400, None));
    let said = |quote| {
        let options = Options { quote, ..options(&server) };
        let client = Client::connect(options, &["f1", "f2"]).unwrap();
        client.answer(&rows[..2], 1).rows[0].clone().unwrap_err()
    };
    assert!(said(true).contains("told to fail"));
    assert!(!said(false).contains("told to fail"));
}

#[test]
fn a_model_for_other_records_is_refused() {
    let (server, _, _) = linear();
    let misfit = Client::connect(options(&server), &["f1", "f2", "f3"]).unwrap_err();
    assert!(matches!(misfit, Error::Misfit { .. }), "{misfit}");
    assert!(misfit.to_string().contains("a record has 3 fields"), "{misfit}");
    let other = Options { model: server.url.replace("/m", "/x"), ..options(&server) };
    let other = Options { model: other.model.replace("/xodels", "/models"), ..other };
    assert!(matches!(Client::connect(other, &["f1", "f2"]), Err(Error::Refused { .. })));
}

#[test]
fn a_token_comes_from_a_file_and_is_told_nowhere() {
    let file = sample("crates/model/samples/linear.onnx");
    let server = Server::start_for(&file, &schema(2), Some("s3cret"));
    let token = tempfile::NamedTempFile::new().unwrap();
    let with = |text: &str| {
        std::fs::write(token.path(), text).unwrap();
        let token_file = Some(token.path().to_owned());
        Client::connect(Options { token_file, ..options(&server) }, &["f1", "f2"])
    };
    let denied = with("other-s3cret").unwrap_err();
    assert!(matches!(denied, Error::Denied { status: 401, .. }), "{denied}");
    assert!(!denied.to_string().contains("s3cret"));
    assert!(matches!(with(" \n"), Err(Error::Setting { .. })));
    let client = with("s3cret\n").unwrap();
    assert!(client.answer(&[3.0, 60.0], 1).rows[0].is_ok());
    assert!(!format!("{client:?}").contains("s3cret"));
}
