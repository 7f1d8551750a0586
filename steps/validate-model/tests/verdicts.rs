//! The step as a black box: what goes in, and what it says about it.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "run/remote.rs"]
mod remote;
mod run;

use std::path::Path;
use std::time::{Duration, Instant};

use run::{Run, demo, here};
use serde_json::Value;

fn boosting() -> Vec<u8> {
    std::fs::read(demo("models/boosting.onnx")).unwrap()
}

#[test]
fn a_better_model_passes_and_says_who_it_is() {
    let outcome = Run::new().outcome();
    outcome.is(
        "pass",
        "all 9 checks passed: 99.944 % right on 5346 records, not worse than the champion",
    );
    let identity = model::digest(Path::new(&demo("models/boosting.onnx"))).unwrap();
    assert_eq!(outcome.file("model-digest"), identity.sha256);
    assert_eq!(outcome.file("model-size"), identity.size.to_string());
    assert_eq!(outcome.file("model-kind"), "onnx");
    let record: Value = serde_json::from_str(&outcome.file("report.json")).unwrap();
    assert_eq!(record["details"]["measured"]["candidate_wrong"], 3);
    assert_eq!(record["inputs"]["model"], identity.sha256.as_str());
    let page = outcome.file("report.html");
    assert!(
        page.contains("<svg")
            && page.contains("Golden set")
            && page.contains("Against the champion")
    );
    let events = outcome.events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["context"]["type"], "dev.cdeventsx.headgate-model.validated.0.1.0");
    assert_eq!(events[0]["subject"]["id"], identity.sha256.as_str());
}

#[test]
fn the_demos_releases_are_told_apart_only_by_what_a_holdout_can_tell() {
    let against_boosting =
        |name| Run::new().of_model(name).with("champion", demo("models/boosting.onnx")).outcome();
    against_boosting("memoriser").is("pass", "100 % right");
    against_boosting("blind-spot").is("pass", "not worse than the champion");
    against_boosting("linear").is("fail", "more often than the champion");
    let broken = against_boosting("broken-width");
    broken.is("fail", "the model takes 8 numbers a row, the stream `shuttle` has 9 fields");
    assert_eq!(
        broken.events()[0]["context"]["type"],
        "dev.cdeventsx.headgate-model.rejected.0.1.0"
    );
}

#[test]
fn without_a_champion_only_bootstrap_passes() {
    let first = || Run::new().of_model("linear").with("champion", "");
    first()
        .with("strategy", "bootstrap")
        .outcome()
        .is("pass", "compared with no champion, by bootstrap");
    let undecided = first().outcome();
    undecided.is("inconclusive", "there is no champion to compare with");
    assert_eq!(
        undecided.events()[0]["context"]["type"],
        "dev.cdeventsx.headgate-model.undecided.0.1.0"
    );
    Run::new()
        .with("champion", demo("models/broken-width.onnx"))
        .outcome()
        .is("inconclusive", "the champion cannot answer the hold-out: the model takes 8 numbers");
}

#[test]
fn what_is_not_onnx_is_refused_whatever_it_is_called() {
    let pickle: &[u8] = b"\x80\x04\x95\x05\0\0\0\0\0\0\0]\x94.";
    let safetensors = [&17_u64.to_le_bytes()[..], br#"{"__metadata__":{}}"#].concat();
    for (content, reason) in [
        (&b""[..], "it is an empty file"),
        (&[0; 72_020], "all of its 72020 bytes are zero"),
        (pickle, "it is a Python pickle"),
        (b"PK\x03\x04\x14\0", "it is a ZIP archive"),
        (&safetensors, "it is a safetensors file"),
        (b"GGUF\x03\0\0\0aaaaaaaabbbbbbbb", "it is a GGUF file"),
        (b"not a model", "it has no known model format"),
        (&boosting()[..40_000], "is cut short: its graph is longer than the file"),
    ] {
        let outcome = Run::new().with_file("model", content).outcome();
        outcome.is(
            "fail",
            &format!(
                "the model is not ONNX: {}",
                if reason.starts_with("is cut") { "it begins like an ONNX model but " } else { "" }
            ),
        );
        outcome.is("fail", reason);
    }
}

#[test]
fn a_model_that_the_engine_refuses_fails_with_its_words() {
    Run::new().of_sample("unknown-operator").outcome().is("fail", "Frobnicate");
    Run::new()
        .of_sample("external-weights")
        .outcome()
        .is("fail", "keeps the weights `weights` in another file");
    Run::new().of_sample("zipmap").outcome().is("fail", "is a list of maps (hint: ");
    Run::new().of_sample("fixed-batch").outcome().is("fail", "has a fixed number of rows");
}

#[test]
fn answers_that_are_no_numbers_fail() {
    Run::new()
        .of_sample("root")
        .outcome()
        .is("fail", "of the hold-out, it answers NaN to record 2");
    Run::new()
        .of_sample("root")
        .with_file("golden", r#"{"cases":[{"row":[4],"score":2},{"row":[-4],"score":2}]}"#)
        .outcome()
        .is("fail", "of the golden set, it answers NaN to record 2");
}

#[test]
fn a_golden_set_must_be_there_and_be_the_models() {
    Run::new()
        .with_file("golden", r#"{"cases":[]}"#)
        .outcome()
        .is("fail", "the golden set is empty");
    Run::new()
        .with("golden", demo("models/linear.golden.json"))
        .outcome()
        .is("fail", "the golden set belongs to another model");
    let row = r#"{"cases":[{"row":[50,21,77,0,28,0,27,48,22],"label":1,"score":0.25}]}"#;
    Run::new()
        .with_file("golden", row)
        .outcome()
        .is("fail", "away from what the training side answers");
    let narrow = r#"{"cases":[{"row":[50],"label":1,"score":1}]}"#;
    Run::new()
        .with_file("golden", narrow)
        .outcome()
        .is("fail", "record 1 of the golden set has 1 numbers");
}

#[test]
fn a_holdout_that_settles_nothing_does_not_pass() {
    let header = "f1,f2,f3,f4,f5,f6,f7,f8,f9,label\n";
    Run::new()
        .with_file("holdout", header)
        .outcome()
        .is("inconclusive", "the hold-out has no records");
    let few = format!("{header}{}", "50,21,77,0,28,0,27,48,22,1\n".repeat(20));
    Run::new()
        .with_file("holdout", few)
        .outcome()
        .is("inconclusive", "would, if the shares stay as they are");
    let wrong = format!("{header}{}", "50,21,77,0,28,0,27,48,22,0\n".repeat(500));
    Run::new()
        .with_file("holdout", wrong)
        .outcome()
        .is("fail", "only 0 % of the hold-out's labels are right");
}

#[test]
fn budgets_are_kept() {
    Run::new().with("latency-budget", "1ns").outcome().is("fail", "the slowest of 100 requests");
    Run::new().with("memory-budget", "1MiB").outcome().is("fail", "more than 1 MiB");
    Run::new().with("answer-timeout", "1ms").outcome().is("fail", "it gave no answer within 1 ms");
}

#[test]
fn what_cannot_be_read_is_wrong_usage_and_no_verdict() {
    Run::new()
        .with("model", "/no/such/model.onnx")
        .outcome()
        .is_refused_as_usage("cannot read the model");
    Run::new().with("model", here("src")).outcome().is_refused_as_usage("cannot read the model");
    Run::new()
        .with("champion", "/no/such.onnx")
        .outcome()
        .is_refused_as_usage("cannot read the champion");
    Run::new()
        .with("golden", "/no/such.json")
        .outcome()
        .is_refused_as_usage("cannot read the golden");
    Run::new().with_file("golden", "{").outcome().is_refused_as_usage("--golden");
    Run::new()
        .with_file("holdout", "a,b\n")
        .outcome()
        .is_refused_as_usage("no column is called `label`");
    Run::new().with_file("schema", "[]").outcome().is_refused_as_usage("--schema");
    Run::new()
        .with("stream", "other")
        .outcome()
        .is_refused_as_usage("of the stream `shuttle`, not of `other`");
}

#[test]
fn the_same_run_tells_the_same_event_again() {
    let run = Run::new();
    let id = |run: &Run| {
        let output = run.output();
        assert!(output.status.success());
        std::fs::read_to_string(run.outputs().join("event-id")).unwrap()
    };
    assert_eq!(id(&run), id(&run));
}

#[test]
fn a_model_that_takes_all_memory_or_never_answers_fails_and_the_step_goes_on() {
    let hostile = |name: &str| {
        Run::new().of_sample("root").with("model", here(&format!("samples/{name}.onnx")))
    };
    hostile("hungry").outcome().is("fail", "it takes more memory than the 640 MiB");
    hostile("endless")
        .with("answer-timeout", "3s")
        .outcome()
        .is("fail", "it gave no answer within 3 s");
}

#[test]
fn nothing_of_the_kafka_properties_is_said_whatever_is_wrong_with_them() {
    for (properties, what) in [
        (
            "sasl.pasword=pl4nted-secret",
            "line 1 of --kafka-config sets a property that librdkafka does not know",
        ),
        ("security.protocol=pl4nted-secret", "gives security.protocol a value"),
        (
            "sasl.password=pl4nted-secret\nsasl.password=pl4nted-secret",
            "sets sasl.password again, after line 1",
        ),
        ("pl4nted-secret", "line 1 of --kafka-config has no `=`"),
        ("acks=pl4nted-secret", "sets acks"),
        // What only the making of a client finds.
        ("sasl.mechanism=pl4nted-secret\nsecurity.protocol=SASL_PLAINTEXT", "[redacted]"),
        (
            "sasl.mechanism=PLAIN\nsecurity.protocol=SASL_PLAINTEXT\nclient.rack=pl4nted-secret",
            "sasl.username",
        ),
        ("ssl.ca.location=/pl4nted-secret/ca.pem\nsecurity.protocol=SSL", "ssl.ca.location"),
        (
            "sasl.mechanism=OAUTHBEARER\nsecurity.protocol=SASL_PLAINTEXT\nsasl.oauthbearer.config=pl4nted-secret",
            "error: ",
        ),
    ] {
        let run = Run::new().with_file("kafka-config", properties).with("log", "debug");
        let output = run.output();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(matches!(output.status.code(), Some(2 | 75)), "{properties}: {said}");
        assert!(!said.contains("pl4nted") && !said.contains("secret"), "{properties}: {said}");
        assert!(said.contains(what) && said.contains("hint: "), "{properties}: {said}");
        assert!(!run.outputs().join("verdict").exists());
    }
    // A broker that refuses who asks: the one in memory knows no users.
    let user = "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.username=robot\nsasl.password=pl4nted-secret";
    let run =
        Run::new().with_file("kafka-config", user).with("log", "debug").with("kafka-timeout", "2s");
    let output = run.output();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && !said.contains("pl4nted"), "{said}");
}

#[test]
fn a_run_whose_event_cannot_be_emitted_leaves_nothing_that_looks_like_a_verdict() {
    let run = Run::new();
    std::fs::create_dir_all(run.outputs()).unwrap();
    std::fs::write(run.outputs().join("verdict"), "pass").unwrap();
    let outcome = run.with("events-topic", "absent").with("kafka-timeout", "2s").outcome();
    outcome.is_refused_as_usage("topic absent does not exist");
    for name in ["report.json", "report.html", "reason", "event-id", "model-digest"] {
        assert!(!outcome.path(name).exists(), "{name}");
    }
}

#[test]
fn a_file_whose_place_says_nothing_is_called_by_its_own_name() {
    let entry = |text: &str| [&[text.len() as u8], text.as_bytes()].concat();
    let pair = [b"\x0a", &entry("name")[..], b"\x12", &entry("fraud v7")].concat();
    // An entry of metadata_props: field 14 of ModelProto.
    let named = [&boosting()[..], &[0x72, pair.len() as u8], &pair].concat();
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("model").join("model.onnx");
    std::fs::create_dir(file.parent().unwrap()).unwrap();
    std::fs::write(&file, named).unwrap();
    let golden = r#"{"cases":[{"row":[0,0,0,0,0,0,0,0,0],"label":0,"score":0}]}"#;
    let outcome =
        Run::new().with("model", file.to_str().unwrap()).with_file("golden", golden).outcome();
    assert!(outcome.file("report.html").contains("Validation of fraud-v7 for stream shuttle"));
    assert_eq!(outcome.events()[0]["customData"]["result"]["model"]["name"], "fraud-v7");
}

#[test]
fn the_report_says_what_held_the_model() {
    let outcome = Run::new().outcome();
    let record: Value = serde_json::from_str(&outcome.file("report.json")).unwrap();
    let guards = record["details"]["sandbox"].as_array().unwrap();
    let guard = |name: &str| guards.iter().find(|guard| guard["name"] == name).unwrap();
    for name in ["limits", "privileges", "environment"] {
        assert!(guard(name)["lacking"].is_null(), "{guards:?}");
    }
    // What the kernel lacks is said with the reason, in the report and in the log.
    for name in ["landlock", "seccomp"] {
        let is_lacking = guard(name)["lacking"].as_str().is_some_and(|why| !why.is_empty());
        assert_eq!(is_lacking, outcome.log().contains("without one of its guards"), "{guards:?}");
    }
    let environment = guard("environment")["effect"].as_str().unwrap();
    assert!(
        environment.contains("ORT_DYLIB_PATH") && !environment.contains("HEADGATE"),
        "{environment}"
    );
    assert!(outcome.file("report.html").contains("loads, held by "));
}

/// What `/proc` says of a process; empty where it is gone.
fn of_process(pid: u32, file: &str) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default()
}

fn children(pid: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let of_thread =
        |thread: std::fs::DirEntry| std::fs::read_to_string(thread.path().join("children"));
    let texts: Vec<String> = threads.flatten().flat_map(of_thread).collect();
    texts.join(" ").split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

/// Waits for what `/proc` has no event for.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "waited for: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn the_second_process_holds_nothing_and_ends_when_the_first_is_gone() {
    let run = Run::new().of_sample("root").with("model", here("samples/endless.onnx"));
    let mut step = run.command().env("PLANTED", "pl4nted-secret").spawn().unwrap();
    let mut probe = 0;
    until("the second process", || {
        probe = children(step.id()).first().copied().unwrap_or_default();
        probe != 0
            && of_process(probe, "limits").lines().any(|line| {
                line.starts_with("Max open files") && line.split_whitespace().nth(3) == Some("0")
            })
    });
    assert!(!of_process(probe, "environ").contains("pl4nted"));
    let status = of_process(probe, "status");
    let is =
        |line: &str| status.lines().any(|it| it.split_whitespace().eq(line.split_whitespace()));
    assert!(is("NoNewPrivs: 1") && is("CapEff: 0000000000000000"), "{status}");
    match std::fs::read_link(format!("/proc/{probe}/cwd")) {
        Ok(folder) => {
            assert!(folder.to_str().unwrap().ends_with(" (deleted)"), "{folder:?}");
            // No connection of a registry or a broker, no file of the parent: nothing but the three pipes.
            let open = std::fs::read_dir(format!("/proc/{probe}/fd")).unwrap().flatten();
            let open: Vec<String> = open
                .map(|fd| std::fs::read_link(fd.path()).unwrap().to_str().unwrap().to_owned())
                .filter(|it| !it.starts_with("pipe:") && !it.ends_with("/status"))
                .collect();
            assert!(open.is_empty(), "{open:?}");
        }
        // Whoever is not root cannot look into it, as no other process of its user can.
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied),
    }
    step.kill().unwrap();
    step.wait().unwrap();
    until("the end of the second process", || {
        let status = of_process(probe, "status");
        status.is_empty() || status.contains("State:\tZ")
    });
}

#[test]
fn the_engine_calls_nobody() {
    if !testkit::calls::is_apart("the_engine_calls_nobody") {
        return;
    }
    let (called, broker) = Run::new().called();
    assert!(called.contains(&broker), "{called:?}");
    let stray = called.iter().find(|to| !to.starts_with("127.0.0.1:") || to.ends_with(":53"));
    assert_eq!(stray, None, "{called:?}");
}

#[test]
fn what_is_no_regular_file_is_refused_at_once_wherever_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for flag in ["model", "champion", "schema", "golden", "holdout"] {
        for (path, why) in
            [(pipe.to_str().unwrap(), "a pipe"), ("/dev/zero", "a device"), ("/tmp", "a folder")]
        {
            let output = Run::new().with(flag, path).output();
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{flag} {path}: {said}");
            assert!(said.contains(&format!("it is {why}, not a regular file")), "{flag}: {said}");
        }
    }
}

/// A model of one operator of this name, whose input and output have it too.
fn named(name: &[u8]) -> Vec<u8> {
    let varint = |mut number: usize| {
        let mut bytes = Vec::new();
        while number > 0x7f {
            bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
        bytes
    };
    let field = |number: u8, content: &[u8]| {
        [&[number << 3 | 2][..], &varint(content.len()), content].concat()
    };
    let shape = field(2, &[field(1, &field(2, b"N")), field(1, &[8, 1])].concat());
    let of_type = field(2, &field(1, &[&[8, 1][..], &shape].concat()));
    let port = [field(1, name), of_type].concat();
    let node = [field(1, name), field(2, b"y"), field(4, name)].concat();
    let graph = [field(1, &node), field(2, b"g"), field(11, &port), field(12, &port)].concat();
    let set = field(8, &[&field(1, b"")[..], &[16, 13]].concat());
    [&[8, 8][..], &field(7, &graph), &set].concat()
}

#[test]
fn names_of_megabytes_leave_a_verdict_an_event_and_a_small_page() {
    let hostile = b"\x1b[2J\n\0<script>\xe2\x80\xae".repeat(60_000);
    for name in [&hostile[..], &b"n".repeat(30_000_000)] {
        let outcome = Run::new().with_file("model", named(name)).outcome();
        outcome.is("fail", "");
        assert_eq!(outcome.events().len(), 1);
        for file in ["reason", "report.json", "report.html"] {
            let text = outcome.file(file);
            assert!(text.len() < 1_000_000, "{file}: {} bytes", text.len());
            let obeyed =
                |letter: char| letter != '\n' && letter.is_control() || letter == '\u{202e}';
            assert!(!text.contains(obeyed) && !text.contains("<script>\\u"), "{file}");
        }
        assert!(!outcome.file("reason").contains('\n'));
    }
}
