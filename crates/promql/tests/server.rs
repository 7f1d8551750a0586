//! Questions to a real Prometheus: numbers, no numbers, credentials, TLS and faults.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use promql::{Aggregate, Auth, Client, Error, NoData, Options, QueryResult, Question, Range};
use tempfile::TempDir;
use testkit::prometheus::{MetricsPage, OwnPrometheus, PASSWORD, Proxy, Setup, USERNAME};

/// Two series of one metric, a gauge, and a ratio without anything to divide by.
const PAGE: &str = "\
errors_total{pod=\"a\"} 3
errors_total{pod=\"b\"} 4
latency_seconds 0.25
nothing_total 0
";

fn now(query: &str) -> Question {
    Question { query: query.into(), range: None }
}

fn over(query: &str, aggregate: Aggregate) -> Question {
    let (last, step) = (Duration::from_secs(60), Duration::from_millis(200));
    Question { query: query.into(), range: Some(Range { last, step, aggregate }) }
}

fn client(server: &OwnPrometheus) -> Client {
    Client::new(Options::of(server.url())).unwrap()
}

/// Asks until the answer is as wanted: what was scraped is seen a moment later.
fn until(
    client: &Client,
    question: &Question,
    wanted: impl Fn(&QueryResult) -> bool,
) -> QueryResult {
    let begun = Instant::now();
    loop {
        let answer = client.ask(question).unwrap();
        if wanted(&answer) {
            return answer;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "{question:?}: {answer:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn file(folder: &TempDir, text: &str) -> PathBuf {
    let path = folder.path().join("secret");
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_number_is_told_now_and_over_a_while() {
    let page = MetricsPage::new(PAGE);
    let server = OwnPrometheus::new(&page, Setup::default());
    let client = client(&server);
    page.wait_scraped(2);
    let is = |value| move |answer: &QueryResult| *answer == QueryResult::Value(value);
    until(&client, &now("sum(errors_total)"), is(7.0));
    until(&client, &now("latency_seconds"), is(0.25));
    until(&client, &now("scalar(latency_seconds) * 2"), is(0.5));
    page.set(&PAGE.replace("latency_seconds 0.25", "latency_seconds 0.75"));
    page.wait_scraped(2);
    until(&client, &over("latency_seconds", Aggregate::Max), is(0.75));
    until(&client, &over("latency_seconds", Aggregate::Min), is(0.25));
    let mean = client.ask(&over("latency_seconds", Aggregate::Mean)).unwrap().value().unwrap();
    assert!(0.25 < mean && mean < 0.75, "{mean}");
    // Longer than an address may be.
    let long = format!("latency_seconds{{{}}}", r#"pod!="none","#.repeat(500));
    assert_eq!(client.ask(&now(&long)).unwrap(), QueryResult::Value(0.75));
}

#[test]
fn what_is_no_number_is_no_data() {
    let page = MetricsPage::new(PAGE);
    let server = OwnPrometheus::new(&page, Setup::default());
    let client = client(&server);
    page.wait_scraped(2);
    until(&client, &now("latency_seconds"), |answer| answer.value().is_some());
    assert_eq!(client.ask(&now("unheard_of")).unwrap(), QueryResult::NoData(NoData::Empty));
    for ratio in ["nothing_total / nothing_total", "latency_seconds / nothing_total"] {
        let answer = client.ask(&now(ratio)).unwrap();
        assert!(matches!(answer, QueryResult::NoData(NoData::NotFinite(_))), "{answer:?}");
    }
    // The page says nothing of it any more, so the series ends.
    page.set("other 1\n");
    page.wait_scraped(1);
    until(&client, &now("latency_seconds"), |answer| *answer == QueryResult::NoData(NoData::Empty));
    let last = over("latency_seconds", Aggregate::Last);
    until(&client, &last, |answer| matches!(answer, QueryResult::NoData(NoData::Ended(_))));
}

#[test]
fn an_answer_with_a_warning_is_no_data() {
    let page = MetricsPage::new(PAGE);
    let server = OwnPrometheus::new(&page, Setup { broken_store: true, ..Setup::default() });
    let answer = client(&server).ask(&now("latency_seconds")).unwrap();
    let QueryResult::NoData(NoData::Warned(why)) = answer else { panic!("{answer:?}") };
    assert!(why.contains("remote_read"), "{why}");
}

#[test]
fn a_question_that_gives_no_single_number_is_an_error_that_says_how() {
    let page = MetricsPage::new(PAGE);
    let server = OwnPrometheus::new(&page, Setup::default());
    let client = client(&server);
    page.wait_scraped(2);
    until(&client, &now("latency_seconds"), |answer| answer.value().is_some());
    for (query, found) in [
        ("errors_total", "gives 2 series where one is judged (hint: wrap it in sum()"),
        ("sum(", "refuses the query: bad_data"),
        ("\"text\"", "gives a text, not a number"),
        ("latency_seconds * on() errors_total", "refuses the query: execution"),
    ] {
        let error = client.ask(&now(query)).unwrap_err();
        assert!(error.to_string().contains(found) && !error.is_transient(), "{query}: {error}");
    }
}

#[test]
fn a_password_is_read_from_its_file_and_never_told() {
    let (page, folder) = (MetricsPage::new(PAGE), tempfile::tempdir().unwrap());
    let server = OwnPrometheus::new(&page, Setup { password: true, tls: true, ..Setup::default() });
    let password_file = file(&folder, "wrong-one\n");
    let auth = Auth::Basic { username: USERNAME.into(), password_file };
    let ca_file = Some(server.certificate());
    let options = Options { auth, ca_file, ..Options::of(server.url()) };
    let client = Client::new(options.clone()).unwrap();
    let error = client.ask(&now("1")).unwrap_err();
    assert!(matches!(error, Error::Denied { status: 401, .. }), "{error}");
    let found = format!("{error} {error:?} {client:?}");
    assert!(!found.contains("wrong-one"), "{found}");
    // Renewed while the client lives.
    file(&folder, &format!("{PASSWORD}\n"));
    assert_eq!(client.ask(&now("1")).unwrap(), QueryResult::Value(1.0));

    let stranger = Client::new(Options { ca_file: None, attempts: 1, ..options.clone() }).unwrap();
    let error = stranger.ask(&now("1")).unwrap_err().to_string();
    assert!(error.contains("the certificate of https://127.0.0.1"), "{error}");
    assert!(error.contains("name its authority by a CA file"), "{error}");
    let nobody = Client::new(Options { auth: Auth::None, ..options }).unwrap();
    assert!(matches!(nobody.ask(&now("1")), Err(Error::Denied { status: 401, .. })));
}

/// A server that answers every request with `status` and a body in which `{secret}` stands for what it was shown.
fn parrot(status: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut shown = String::new();
            for line in BufReader::new(&stream).lines().map_while(Result::ok) {
                match line.split_once("authorization: ") {
                    Some((_, value)) => shown = value.to_owned(),
                    None if line.is_empty() => break,
                    None => {}
                }
            }
            let body = body.replace("{secret}", &shown);
            let length = body.len();
            let _gone = write!(
                stream,
                "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
            );
        }
    });
    format!("http://{address}")
}

#[test]
fn a_server_that_repeats_what_it_was_shown_does_not_get_it_told() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = r#"{"status":"error","errorType":"bad_data","error":"no rights: {secret}"}"#;
    let warned = r#"{"status":"success","data":{"resultType":"scalar","result":[1,"1"]},"warnings":["as {secret}"]}"#;
    for (status, body) in [
        ("400 Bad Request", refusal),
        ("422 Unprocessable", refusal),
        ("503 Busy", refusal),
        ("401 Unauthorized", refusal),
        ("200 OK", refusal),
        ("200 OK", warned),
        ("200 OK", "you are {secret}"),
    ] {
        let bearer = Auth::Bearer { token_file: file(&folder, "pl4nted-secret") };
        let basic =
            Auth::Basic { username: "u".into(), password_file: file(&folder, "pl4nted-secret") };
        for auth in [bearer, basic] {
            let options = Options { auth, attempts: 1, ..Options::of(parrot(status, body)) };
            let answer = Client::new(options).unwrap().ask(&now("1"));
            let said = match &answer {
                Ok(answer) => format!("{answer:?}"),
                Err(error) => format!("{error} {error:?}"),
            };
            assert!(!said.contains("pl4nted"), "{status}: {said}");
            assert!(!said.contains("dTpwbDRudGVkLXNlY3JldA"), "{status}: {said}");
            if body == warned || body == refusal && !status.starts_with("401") {
                assert!(said.contains("[redacted]"), "{status}: {said}");
            }
        }
    }
}

#[test]
fn a_client_shows_its_certificate() {
    let page = MetricsPage::new(PAGE);
    let server = OwnPrometheus::new(&page, Setup { client_certificate: true, ..Setup::default() });
    let ca_file = Some(server.certificate());
    let client_certificate = Some((server.certificate(), server.key()));
    let options = Options { ca_file, client_certificate, ..Options::of(server.url()) };
    assert_eq!(
        Client::new(options.clone()).unwrap().ask(&now("1")).unwrap(),
        QueryResult::Value(1.0)
    );
    let stranger = Options { client_certificate: None, attempts: 1, ..options };
    let refused = Client::new(stranger).unwrap().ask(&now("1"));
    assert!(matches!(refused, Err(Error::Away { .. })), "{refused:?}");
}

#[test]
fn a_token_goes_through_the_proxy_and_faults_are_borne_within_bounds() {
    let (page, folder) = (MetricsPage::new(PAGE), tempfile::tempdir().unwrap());
    let server = OwnPrometheus::new(&page, Setup::default());
    let proxy = Proxy::new(&server.host, "t0ken");
    let auth = Auth::Bearer { token_file: file(&folder, "t0ken\n") };
    let options = Options { auth, ..Options::of(format!("http://{}", proxy.address)) };
    let client = Client::new(options.clone()).unwrap();
    let away = "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    for fault in [away, ""] {
        proxy.fail(2, fault);
        assert_eq!(client.ask(&now("1")).unwrap(), QueryResult::Value(1.0), "the third attempt");
        let asked = proxy.methods().len();
        proxy.fail(9, fault);
        let error = client.ask(&now("1")).unwrap_err();
        assert!(error.is_transient() && error.to_string().contains("asked 3 times"), "{error}");
        assert_eq!(proxy.methods().len() - asked, 3);
        proxy.fail(0, fault);
    }
    let page = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 6\r\n\r\n<html>";
    let login = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    for other in [page, login] {
        proxy.fail(1, other);
        let error = client.ask(&now("1")).unwrap_err();
        assert!(matches!(error, Error::NotPrometheus { .. }), "{error}");
    }
    let long = format!("vector(1){}", " ".repeat(5_000));
    assert_eq!(client.ask(&now(&long)).unwrap(), QueryResult::Value(1.0));
    assert_eq!(proxy.methods().last().unwrap(), "POST");
    file(&folder, "another");
    let error = client.ask(&now("1")).unwrap_err();
    assert!(matches!(error, Error::Denied { .. }) && !error.to_string().contains("another"));
}

#[test]
fn a_server_that_is_silent_is_waited_for_no_longer_than_told() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let (timeout, attempts) = (Duration::from_millis(200), 2);
    let client = Client::new(Options { timeout, attempts, ..Options::of(server) }).unwrap();
    let begun = Instant::now();
    let error = client.ask(&now("1")).unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("no answer in time"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn files_that_are_not_there_are_told_before_anything_is_asked() {
    let missing = PathBuf::from("missing.pem");
    let base = Options::of("http://127.0.0.1:1");
    for options in [
        Options { ca_file: Some(missing.clone()), ..base.clone() },
        Options { client_certificate: Some((missing.clone(), missing.clone())), ..base.clone() },
        Options { auth: Auth::Bearer { token_file: missing.clone() }, ..base },
    ] {
        let error = Client::new(options).unwrap_err().to_string();
        assert!(error.contains("cannot read missing.pem"), "{error}");
    }
}
