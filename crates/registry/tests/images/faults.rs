//! What registries and networks do wrong, and that images arrive whole all the same, or not at all.

use std::fs;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use registry::blocking::{fetch_file, publish, read_base};
use registry::{Digest, Error, Image, Published, Recipe};

use crate::double::{Double, Fault, Quirks};
use crate::{client, image_of, model_file, recipe_of, reference};

const SIZE: usize = 3_000_000;

struct Setup {
    dir: tempfile::TempDir,
    image: Image,
    model: Digest,
}

fn setup() -> Setup {
    let dir = tempfile::tempdir().unwrap();
    let (path, model) = model_file(dir.path(), SIZE);
    Setup { image: image_of(&path), model, dir }
}

fn push(double: &Double, setup: &Setup) -> Result<Published, Error> {
    publish(&client(), &setup.image, &reference(format!("{}/team/model:v1", double.host)), &[])
}

fn arrived(double: &Double, published: &Published) -> bool {
    published.blobs.iter().all(|blob| double.blob(&blob.digest).is_some())
        && double.count("PUT", "/manifests/v1") == 1
}

#[test]
fn a_registry_that_asks_for_a_pause_gets_it() {
    let (double, setup) = (Double::start(Quirks::default()), setup());
    double.fail("POST", "/blobs/uploads/", 1, Fault::Answer(429, "Retry-After: 1"));
    let start = Instant::now();
    let published = push(&double, &setup).unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert!(arrived(&double, &published));
}

#[test]
fn a_pause_longer_than_the_budget_ends_the_attempt_at_once() {
    let (double, setup) = (Double::start(Quirks::default()), setup());
    double.fail("POST", "/blobs/uploads/", 9, Fault::Answer(429, "Retry-After: 3600"));
    let start = Instant::now();
    let error = push(&double, &setup).unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("429"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(3));
}

#[test]
fn faults_of_the_moment_pass_everywhere() {
    let (double, setup) = (Double::start(Quirks::default()), setup());
    for (method, part) in [
        ("HEAD", "/blobs/"),
        ("POST", "/blobs/uploads/"),
        ("PUT", "/blobs/uploads/"),
        ("HEAD", "/manifests/"),
        ("PUT", "/manifests/"),
    ] {
        double.fail(method, part, 2, Fault::Answer(503, ""));
    }
    assert!(arrived(&double, &push(&double, &setup).unwrap()));
}

#[test]
fn an_upload_that_breaks_starts_over() {
    let (double, setup) = (Double::start(Quirks::default()), setup());
    double.fail("PUT", "/blobs/uploads/", 2, Fault::CutRequest(1_000_000));
    let published = push(&double, &setup).unwrap();
    assert!(arrived(&double, &published));
    assert!(published.bytes_sent > SIZE as u64 + 1_000_000, "{published:?}");
}

#[test]
fn a_registry_that_never_recovers_is_unavailable_in_bounded_time() {
    let (double, setup) = (Double::start(Quirks::default()), setup());
    double.fail("PUT", "/blobs/uploads/", usize::MAX, Fault::Answer(502, ""));
    let error = push(&double, &setup).unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("502"), "{error}");
    assert_eq!(double.count("PUT", "/manifests/"), 0, "no manifest without its blobs");
}

#[test]
fn a_registry_that_is_away_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap();
    drop(listener);
    let base = reference(format!("{host}/base:v1"));
    let error = read_base(&client(), &base, &"linux/amd64".parse().unwrap()).unwrap_err();
    assert!(error.is_transient(), "{error}");
}

#[test]
fn upload_locations_may_be_relative_and_keep_their_query() {
    let quirks = Quirks { relative_location: true, ..Quirks::default() };
    let (double, setup) = (Double::start(quirks), setup());
    assert!(arrived(&double, &push(&double, &setup).unwrap()));
}

#[test]
fn a_registry_that_refuses_whole_uploads_gets_a_patch() {
    let quirks = Quirks { no_whole_put: true, ..Quirks::default() };
    let (double, setup) = (Double::start(quirks), setup());
    assert!(arrived(&double, &push(&double, &setup).unwrap()));
    let patches = double.seen().into_iter().filter(|it| it.method == "PATCH");
    assert!(patches.map(|it| it.body_size).sum::<usize>() > SIZE);
}

#[test]
fn a_token_is_asked_for_and_renewed_when_it_ends_during_an_upload() {
    let quirks = Quirks { tokens: true, ..Quirks::default() };
    let (double, setup) = (Double::start(quirks), setup());
    double.fail("PUT", "/blobs/uploads/", 1, Fault::EndTokens);
    assert!(arrived(&double, &push(&double, &setup).unwrap()));
    let asked = double.count("GET", "scope=repository%3Ateam%2Fmodel%3Apull%2Cpush");
    assert!((2..=5).contains(&asked), "asked for {asked} tokens");
}

#[test]
fn credentials_are_not_shown_to_another_host() {
    let storage = Double::start(Quirks::default());
    let quirks =
        Quirks { tokens: true, upload_host: Some(storage.host.clone()), ..Quirks::default() };
    let (double, setup) = (Double::start(quirks), setup());
    push(&double, &setup).unwrap();
    let uploads = storage.seen();
    assert!(uploads.iter().any(|it| it.method == "PUT" && it.body_size > SIZE), "{uploads:?}");
    assert!(uploads.iter().all(|it| !it.headers.contains_key("authorization")));
    assert!(double.seen().iter().any(|it| it.headers.contains_key("authorization")));
}

#[test]
fn a_mount_that_becomes_an_upload_uses_the_session_it_got() {
    let (double, setup) = (Double::start(Quirks::default()), setup());
    let layer = push(&double, &setup).unwrap().blobs[0].digest.clone();
    let base = reference(format!("{}/team/model:v1", double.host));
    let base = read_base(&client(), &base, &"linux/amd64".parse().unwrap()).unwrap();
    let path = setup.dir.path().join("model.onnx");
    fs::write(&path, "another model").unwrap();
    // The double keeps blobs for all repositories; only a HEAD that fails leads to a mount.
    double.fail("HEAD", &format!("/other/blobs/{layer}"), 1, Fault::Answer(404, ""));
    let image = Recipe { base: Some(base), ..recipe_of(&path) }.assemble().unwrap();
    let target = reference(format!("{}/other:v1", double.host));
    publish(&client(), &image, &target, &[]).unwrap();
    let posts: Vec<_> = double.seen().into_iter().filter(|it| it.method == "POST").collect();
    assert!(posts.iter().any(|it| it.target.contains("mount=sha256") && it.target.contains("from=team%2Fmodel")));
    let opened = posts.iter().filter(|it| it.target.contains("/other/")).count();
    assert_eq!(opened, 3, "the mount's session took the layer: {posts:?}");
}

#[test]
fn a_file_that_changes_during_the_upload_fails_closed() {
    let (double, setup) = (Double::start(Quirks::default()), setup());
    let path = setup.dir.path().join("model.onnx");
    fs::write(&path, vec![1; SIZE]).unwrap();
    let error = push(&double, &setup).unwrap_err();
    assert!(matches!(error, Error::DigestMismatch { .. }), "{error}");
    fs::write(&path, vec![1; SIZE / 2]).unwrap();
    let error = push(&double, &setup).unwrap_err();
    assert!(error.to_string().contains("shrank"), "{error}");
    assert_eq!(double.count("PUT", "/manifests/"), 0);
}

#[test]
fn a_download_that_breaks_goes_on_where_it_broke() {
    for no_ranges in [false, true] {
        let quirks = Quirks { no_ranges, ..Quirks::default() };
        let (double, setup) = (Double::start(quirks), setup());
        let published = push(&double, &setup).unwrap();
        double.fail("GET", "/blobs/", 2, Fault::CutAnswer(1_000_000));
        let folder = setup.dir.path().join("fetched");
        let image = reference(published.image);
        let fetched =
            fetch_file(&client(), &image, "/models/model.onnx", &folder, &setup.model).unwrap();
        assert_eq!(Digest::of_file(&fetched.path).unwrap().0, setup.model);
        let ranges: Vec<_> =
            double.seen().into_iter().filter_map(|it| it.headers.get("range").cloned()).collect();
        assert_eq!(ranges.len(), 2, "{ranges:?}");
    }
}

#[test]
fn wrong_bytes_from_a_registry_are_refused() {
    let (double, setup) = (Double::start(Quirks::default()), setup());
    let published = push(&double, &setup).unwrap();
    let image = reference(published.image);
    let folder = setup.dir.path().join("fetched");
    let fetch = || fetch_file(&client(), &image, "/models/model.onnx", &folder, &setup.model);
    double.fail("GET", "/manifests/", 1, Fault::Body(b"{\"layers\":[]}"));
    assert!(matches!(fetch(), Err(Error::DigestMismatch { .. })));
    let layer = double.blob(&published.blobs[0].digest).unwrap();
    let evil: &'static [u8] = vec![0; layer.len()].leak();
    double.fail("GET", "/blobs/", 1, Fault::Body(evil));
    assert!(matches!(fetch(), Err(Error::DigestMismatch { .. })));
    assert!(fetch().is_ok());
}

#[test]
fn a_refusal_is_told_in_the_registry_s_words_and_not_repeated() {
    let (double, setup) = (Double::start(Quirks::default()), setup());
    double.fail("POST", "/blobs/uploads/", usize::MAX, Fault::Answer(403, ""));
    let error = push(&double, &setup).unwrap_err();
    assert!(matches!(error, Error::Denied { .. }), "{error}");
    assert!(double.count("POST", "/blobs/uploads/") <= 2, "one per blob under way");
}

#[test]
fn a_registry_that_repeats_what_it_was_shown_does_not_get_it_told() {
    let refusal = r#"{"errors":[{"code":"DENIED","message":"{secret} may not"}]}"#;
    for (method, part) in
        [("POST", "/blobs/uploads/"), ("PUT", "/blobs/uploads/"), ("PUT", "/manifests/")]
    {
        for status in [400, 401, 403, 404, 413, 500] {
            let quirks = Quirks { tokens: true, ..Quirks::default() };
            let (double, setup) = (Double::start(quirks), setup());
            double.fail(method, part, usize::MAX, Fault::Parrot(status, refusal));
            let error = push(&double, &setup).unwrap_err();
            let said = format!("{error} {error:?}");
            assert!(!said.contains("token-"), "{method} {part} {status}: {said}");
        }
    }
}
