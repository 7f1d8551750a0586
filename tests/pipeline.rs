//! The whole demo: five releases, and every record accounted for.
//!
//! On a real Apache Kafka, which alone fences writers, aborts transactions and keeps the offsets of transactions;
//! and on the in-memory broker, which is what most people start first.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

#[path = "papers.rs"]
mod papers;
#[path = "walk.rs"]
mod walk;

/// Each release by its model: how it ends, and its steps, the last of them the one that decides.
const RELEASES: [(&str, &str, &[&str]); 5] = [
    ("linear", "promoted", &["validate-model", "build-image", "promote"]),
    (
        "boosting",
        "promoted",
        &["validate-model", "build-image", "shadow-test", "canary-gate", "promote"],
    ),
    ("broken-width", "rejected", &["validate-model"]),
    ("memoriser", "failed-shadow", &["validate-model", "build-image", "shadow-test"]),
    (
        "blind-spot",
        "rolled-back",
        &["validate-model", "build-image", "shadow-test", "canary-gate", "rollback"],
    ),
];
/// Runs the demo with an outputs folder of its own and returns what it printed.
fn demo(kafka: &str, out: &Path) -> Output {
    let _one = alone();
    command(kafka, out).output().unwrap()
}

/// One after the other: the steps measure latencies.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn command(kafka: &str, out: &Path) -> Command {
    let binaries = pipeline_tests::binaries();
    let mut command = Command::new(binaries.join("demo"));
    command
        .current_dir(pipeline_tests::root())
        .env_remove("KAFKA")
        .arg(format!("--kafka={kafka}"))
        .arg(format!("--binaries={}", binaries.display()))
        .arg(format!("--out={}", out.display()))
        .stdin(Stdio::null());
    command
}

/// The folders of the steps of a release that ran.
fn ran(release: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(release).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn five_releases_on_a_real_kafka() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let out = folder.path().join("demo");
    let output = demo("apache", &out);
    let found = String::from_utf8_lossy(&output.stdout);
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{found}\n{log}", output.status);
    ended_as_planned_and_no_record_is_lost_or_doubled(&found, &out);
}

#[test]
fn five_releases_in_memory_then_every_sample_and_every_command_of_the_papers() {
    let _one = alone();
    let mut kept = walk::Kept::start();
    // Each sample in any order: the second round is the first in reverse, on what the first one left.
    let order: Vec<&str> = pipeline_tests::steps().iter().map(|step| step.name).collect();
    order.iter().rev().for_each(|step| kept.sample(step));
    order.iter().for_each(|step| kept.sample(step));
    for command in papers::commands().iter().filter(|command| command.runs_here()) {
        kept.run(command);
    }
    let found = kept.end();
    let out = pipeline_tests::root().join("target/demo");
    ended_as_planned_and_no_record_is_lost_or_doubled(&found, &out);

    // One page of each step; detect-drift, which is in no release, looks at its own.
    let pages = [
        "2-boosting/validate-model",
        "2-boosting/build-image",
        "4-memoriser/shadow-test",
        "2-boosting/canary-gate",
        "2-boosting/promote",
        "5-blind-spot/rollback",
    ];
    let pictures = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for page in pages {
        let page = out.join("releases").join(page).join("report.html");
        testkit::browser::assert_reads_well(&page, pictures.path());
    }
}

#[test]
fn a_demo_that_is_asked_to_end_leaves_no_process_behind() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let out = folder.path().join("demo");
    let _one = alone();
    let mut demo = command("memory", &out).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let demo = demo.as_mut().unwrap();
    let mut found = BufReader::new(demo.stderr.take().unwrap()).lines();
    // By then the scorer answers, and a step is under way.
    found.find(|line| line.as_ref().unwrap().contains("boosting:")).unwrap().unwrap();
    let is_scorer = |line: &String| line.contains("--name=demo-scorer");
    assert!(with_argument(folder.path()).iter().any(is_scorer));

    let asked = Command::new("kill").arg(demo.id().to_string()).status().unwrap();
    assert!(asked.success());
    let rest: Vec<String> = found.map(Result::unwrap).collect();
    assert_eq!(demo.wait().unwrap().code(), Some(1), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("stopped by a signal")), "{rest:?}");
    assert_eq!(with_argument(folder.path()), Vec::<String>::new());
}

/// The command lines of processes that were given something below `folder`, whose name is like no other.
fn with_argument(folder: &Path) -> Vec<String> {
    let name = folder.file_name().unwrap().to_string_lossy();
    let processes = std::fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    let lines = processes.filter_map(|process| std::fs::read(process.join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(&*name)).collect()
}

fn ended_as_planned_and_no_record_is_lost_or_doubled(found: &str, out: &Path) {
    let last: Value = serde_json::from_str(found.lines().last().unwrap()).unwrap();
    let count = |name: &str| last[name].as_u64().unwrap();
    assert_eq!((count("lost"), count("duplicated")), (0, 0), "{found}");
    assert_eq!(count("predictions") + count("dead_letters"), count("features"), "{found}");
    // The replay breaks one record of ten thousand, so the dead letters are part of the proof.
    assert!(count("features") > 20_000 && count("dead_letters") > 0, "{found}");

    let endings = last["releases"].as_array().unwrap();
    assert_eq!(endings.len(), RELEASES.len());
    for (n, ((model, outcome, steps), ended)) in RELEASES.into_iter().zip(endings).enumerate() {
        assert_eq!(
            (&ended["model"], &ended["outcome"]),
            (&model.into(), &outcome.into()),
            "{found}"
        );

        let release = out.join(format!("releases/{}-{model}", n + 1));
        let mut names: Vec<_> = ran(&release)
            .iter()
            .map(|folder| folder.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        let mut wanted = steps.to_vec();
        names.sort();
        wanted.sort_unstable();
        assert_eq!(names, wanted, "{model}");
        for step in ran(&release) {
            let page = std::fs::read_to_string(step.join("report.html")).unwrap();
            let report = std::fs::read_to_string(step.join("report.json")).unwrap();
            let record: Value = serde_json::from_str(&report).unwrap();
            let verdict = record["verdict"].as_str().unwrap();
            assert!(page.contains("</html>") && page.contains(verdict), "{}", step.display());
            assert_eq!(std::fs::read_to_string(step.join("verdict")).unwrap(), verdict);
        }
    }
}
