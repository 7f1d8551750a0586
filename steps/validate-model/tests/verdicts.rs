//! The step as a black box: what goes in, and what it says about it.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "run/remote.rs"]
mod remote;
mod run;

use std::io::Write;
use std::path::Path;

use run::{Run, demo, here};
use serde_json::Value;

fn boosting() -> Vec<u8> {
    std::fs::read(demo("models/boosting.onnx")).unwrap()
}

#[test]
fn a_better_model_passes_and_says_who_it_is() {
    let told = Run::new().told();
    told.is(
        "pass",
        "all 9 checks passed: 99.944 % right on 5346 records, not worse than the champion",
    );
    let identity = model::digest(Path::new(&demo("models/boosting.onnx"))).unwrap();
    assert_eq!(told.file("model-digest"), identity.sha256);
    assert_eq!(told.file("model-size"), identity.size.to_string());
    assert_eq!(told.file("model-kind"), "onnx");
    let record: Value = serde_json::from_str(&told.file("report.json")).unwrap();
    assert_eq!(record["details"]["measured"]["candidate-wrong"], 3);
    assert_eq!(record["inputs"]["model"], identity.sha256.as_str());
    let page = told.file("report.html");
    assert!(
        page.contains("<svg")
            && page.contains("Golden set")
            && page.contains("against the champion")
    );
    let events = told.events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["context"]["type"], "dev.cdeventsx.headgate-model.validated.0.1.0");
    assert_eq!(events[0]["subject"]["id"], identity.sha256.as_str());
}

#[test]
fn the_demos_releases_are_told_apart_only_by_what_a_holdout_can_tell() {
    let against_boosting =
        |name| Run::new().of_model(name).with("champion", demo("models/boosting.onnx")).told();
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
        .told()
        .is("pass", "compared with no champion, by bootstrap");
    let undecided = first().told();
    undecided.is("inconclusive", "there is no champion to compare with");
    assert_eq!(
        undecided.events()[0]["context"]["type"],
        "dev.cdeventsx.headgate-model.undecided.0.1.0"
    );
    Run::new()
        .with("champion", demo("models/broken-width.onnx"))
        .told()
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
        let told = Run::new().with_file("model", content).told();
        told.is(
            "fail",
            &format!(
                "the model is not ONNX: {}",
                if reason.starts_with("is cut") { "it begins like an ONNX model but " } else { "" }
            ),
        );
        told.is("fail", reason);
    }
}

#[test]
fn a_model_that_the_engine_refuses_fails_with_its_words() {
    Run::new().of_sample("unknown-operator").told().is("fail", "Frobnicate");
    Run::new()
        .of_sample("external-weights")
        .told()
        .is("fail", "keeps the weights `weights` in another file");
    Run::new().of_sample("zipmap").told().is("fail", "zipmap=False");
    Run::new().of_sample("fixed-batch").told().is("fail", "has a fixed number of rows");
}

#[test]
fn answers_that_are_no_numbers_fail() {
    Run::new().of_sample("root").told().is("fail", "of the hold-out, it answers NaN to record 2");
    Run::new()
        .of_sample("root")
        .with_file("golden", r#"{"cases":[{"row":[4],"score":2},{"row":[-4],"score":2}]}"#)
        .told()
        .is("fail", "of the golden set, it answers NaN to record 2");
}

#[test]
fn a_golden_set_must_be_there_and_be_the_models() {
    Run::new().with_file("golden", r#"{"cases":[]}"#).told().is("fail", "the golden set is empty");
    Run::new()
        .with("golden", demo("models/linear.golden.json"))
        .told()
        .is("fail", "the golden set belongs to another model");
    let row = r#"{"cases":[{"row":[50,21,77,0,28,0,27,48,22],"label":1,"score":0.25}]}"#;
    Run::new()
        .with_file("golden", row)
        .told()
        .is("fail", "away from what the training side answers");
    let narrow = r#"{"cases":[{"row":[50],"label":1,"score":1}]}"#;
    Run::new()
        .with_file("golden", narrow)
        .told()
        .is("fail", "record 1 of the golden set has 1 numbers");
}

#[test]
fn a_holdout_that_settles_nothing_does_not_pass() {
    let header = "f1,f2,f3,f4,f5,f6,f7,f8,f9,label\n";
    Run::new()
        .with_file("holdout", header)
        .told()
        .is("inconclusive", "the hold-out has no records");
    let few = format!("{header}{}", "50,21,77,0,28,0,27,48,22,1\n".repeat(20));
    Run::new().with_file("holdout", few).told().is("inconclusive", "do not settle");
    let wrong = format!("{header}{}", "50,21,77,0,28,0,27,48,22,0\n".repeat(500));
    Run::new()
        .with_file("holdout", wrong)
        .told()
        .is("fail", "only 0 % of the hold-out's labels are right");
}

#[test]
fn budgets_are_kept() {
    Run::new().with("latency-budget", "1ns").told().is("fail", "the slowest of 100 requests");
    Run::new().with("memory-budget", "1MiB").told().is("fail", "more than 1 MiB");
    Run::new().with("answer-timeout", "1ms").told().is("fail", "it gave no answer within 1ms");
}

#[test]
fn what_cannot_be_read_is_wrong_usage_and_no_verdict() {
    Run::new()
        .with("model", "/no/such/model.onnx")
        .told()
        .is_refused_as_usage("cannot read the model");
    Run::new().with("model", here("src")).told().is_refused_as_usage("cannot read the model");
    Run::new()
        .with("champion", "/no/such.onnx")
        .told()
        .is_refused_as_usage("cannot read the champion");
    Run::new().with("golden", "/no/such.json").told().is_refused_as_usage("cannot read the golden");
    Run::new().with_file("golden", "{").told().is_refused_as_usage("--golden");
    Run::new()
        .with_file("holdout", "a,b\n")
        .told()
        .is_refused_as_usage("no column is called `label`");
    Run::new().with_file("schema", "[]").told().is_refused_as_usage("--schema");
    Run::new()
        .with("stream", "other")
        .told()
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
fn the_second_process_ends_when_the_first_is_gone() {
    let path = demo("models/boosting.onnx");
    let schema: Value =
        serde_json::from_str(&std::fs::read_to_string(demo("shuttle/schema.json")).unwrap())
            .unwrap();
    // Answering this takes about ten seconds, and then it would end with 0.
    let request = serde_json::json!({
        "model": path, "sha256": model::digest(Path::new(&path)).unwrap().sha256, "schema": schema,
        "golden": [], "holdout": [50, 21, 77, 0, 28, 0, 27, 48, 22],
        "timing": { "batch": 100_000, "budget": 0.0, "confidence": 0.95, "decides": true },
    });
    let mut probe = std::process::Command::new(env!("CARGO_BIN_EXE_validate-model"))
        .arg("probe-model")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = probe.stdin.take().unwrap();
    writeln!(stdin, "{request}").unwrap();
    drop(stdin);
    let ended = probe.wait().unwrap();
    // It exits while the engine is at work, whose own clearing up may then end in a signal.
    assert!(!ended.success() && ended.code().is_none_or(|code| code == 1), "{ended}");
}
