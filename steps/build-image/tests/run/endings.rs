//! Every way in which a run can end without a verdict, and that the next one mends it.

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::bench::Bench;

#[track_caller]
fn refused(bench: &Bench, image: &str, more: &[&str], what: &str) {
    let ended = bench.run(image, more);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains(what), "{}", ended.stderr);
}

#[test]
fn wrong_input_ends_with_2_and_says_what_to_do() {
    let bench = Bench::with_model(1000);
    let images = bench.layout("images");
    let nowhere = format!("model={}", bench.path("nowhere").display());
    refused(&bench, &images, &[&nowhere], "nowhere was not found");
    refused(&bench, &images, &["model-digest=sha256:12"], "64 lower-case hex digits");
    refused(&bench, &images, &["base=oci:nowhere"], "nowhere");
    refused(&bench, &images, &["model-dest=models/m"], "must begin with /");
    refused(&bench, &images, &["add=a:b"], "absolute path in the image");
    refused(&bench, &images, &["tag=-x"], "a tag is up to 128");
    refused(&bench, "Not An Image", &[], "oci:<folder>");
    let over = format!("add={}:/models/model.onnx", bench.path("model.onnx").display());
    refused(&bench, &images, &[&over], "the model's path");
    fs::create_dir(bench.path("full")).unwrap();
    fs::write(bench.path("full/thesis.txt"), "precious").unwrap();
    refused(&bench, &bench.layout("full"), &[], "name an empty one");
    let folder = format!("model={}", bench.path("full").display());
    refused(&bench, &images, &[&folder], "not a regular file");
}

#[test]
fn a_registry_that_is_away_is_a_transient_failure_in_bounded_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap();
    drop(listener);
    let bench = Bench::with_model(1000);
    let start = Instant::now();
    let ended = bench.run(&format!("{host}/model:v1"), &["registry-timeout=1s"]);
    assert_eq!(ended.code, Some(75), "{}", ended.stderr);
    assert!(ended.stderr.contains("hint: run the step again"), "{}", ended.stderr);
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_signal_ends_the_step_while_a_registry_keeps_it_waiting() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let bench = Bench::with_model(1000);
    let image = format!("{}/model:v1", listener.local_addr().unwrap());
    let child = bench.command(&image, &[]).spawn().unwrap();
    let (mut waiting, _) = listener.accept().unwrap();
    assert!(waiting.read(&mut [0; 16]).unwrap() > 0, "the step has asked and waits");
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(75));
}

#[test]
fn a_run_after_a_killed_one_ends_in_the_same_image() {
    let bench = Bench::with_model(64 << 20);
    let target = bench.layout("images");
    let mut child = bench.command(&target, &[]).spawn().unwrap();
    let blobs = bench.path("images/blobs/sha256");
    // The first file in the folder is the model's layer on its way.
    let deadline = Instant::now() + Duration::from_secs(60);
    while !fs::read_dir(&blobs).is_ok_and(|mut listing| listing.next().is_some()) {
        assert!(Instant::now() < deadline, "the step wrote nothing");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!bench.path("images/index.json").exists(), "half an image is not listed");

    let image = bench.pass(&target, &[]);
    let fresh = bench.pass(&bench.layout("fresh"), &[]);
    let digest = |image: &str| image.rsplit_once('@').unwrap().1.to_owned();
    assert_eq!(digest(&image), digest(&fresh));
}
