//! Files as artifacts: pushed, read by other tools, and named by flags.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use registry::blocking::publish;
use registry::{Digest, Error, Image, InputFile, Options, RetryPolicy};
use serde_json::Value;
use testkit::registry::OwnRegistry;

use crate::{client, image_of, model_file, reference, tool};

fn push_files(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_push-files"));
    command.env_clear().args(args).output().unwrap()
}

/// What a flag of this value gives.
fn named(text: &str, folder: &Path) -> Result<Vec<u8>, Error> {
    let path = text.parse::<InputFile>()?.fetch(&client(), folder)?;
    Ok(fs::read(path).unwrap())
}

#[test]
fn pushed_files_are_found_by_name_and_other_tools_read_them() {
    let registry = OwnRegistry::new();
    let dir = tempfile::tempdir().unwrap();
    let (model, digest) = model_file(dir.path(), 700_000);
    let schema = dir.path().join("schema.json");
    fs::write(&schema, "{}").unwrap();
    let target = format!("{}/team/files:v1", registry.host);
    let files = [model.to_str().unwrap(), schema.to_str().unwrap()];

    let pushed = push_files(&[&target, files[0], files[1]]);
    let said = String::from_utf8(pushed.stdout).unwrap();
    assert!(pushed.status.success(), "{}", String::from_utf8_lossy(&pushed.stderr));
    let artifact = said.trim_end();
    assert!(artifact.starts_with(&format!("oci://{}/team/files@sha256:", registry.host)), "{said}");

    let fetched = tempfile::tempdir().unwrap();
    let found = named(&format!("{artifact}#model.onnx"), fetched.path()).unwrap();
    assert_eq!(Digest::of(&found), digest);
    let by_tag = format!("oci://{target}#schema.json");
    assert_eq!(named(&by_tag, fetched.path()).unwrap(), b"{}");
    let left: Vec<_> = fs::read_dir(fetched.path()).unwrap().collect();
    assert_eq!(left.len(), 2, "nothing but the two files: {left:?}");

    // The same files in another order are the same artifact.
    let again = push_files(&[&target, files[1], files[0]]);
    assert_eq!(String::from_utf8(again.stdout).unwrap(), said);

    let source = format!("docker://{target}");
    let raw = tool("skopeo", "skopeo", &["inspect", "--raw", "--tls-verify=false", &source]);
    let manifest: Value = serde_json::from_str(&raw).unwrap();
    assert_eq!(manifest["artifactType"], "application/vnd.headgate.files.v1");
    assert_eq!(
        manifest["layers"][0]["annotations"]["org.opencontainers.image.title"],
        "model.onnx"
    );
}

#[test]
fn a_layout_holds_artifacts_too_and_an_image_gives_its_model() {
    let dir = tempfile::tempdir().unwrap();
    let (model, digest) = model_file(dir.path(), 10_000);
    let at = |name: &str| format!("oci:{}", dir.path().join(name).display());
    let files = Image::of_files(&[&model]).unwrap();
    publish(&client(), &files, &reference(at("files")), &[]).unwrap();
    publish(&client(), &image_of(&model), &reference(at("images:v1")), &[]).unwrap();
    let folder = dir.path().join("fetched");
    for text in [at("files"), at("files#model.onnx"), at("images:v1")] {
        assert_eq!(Digest::of(&named(&text, &folder).unwrap()), digest, "{text}");
    }
    fs::remove_dir_all(&folder).unwrap();
    let error = named(&at("files#schema.json"), &folder).unwrap_err();
    assert!(error.to_string().contains("it holds model.onnx"), "{error}");
    assert!(matches!(error, Error::NotFound { .. }) && !error.is_transient());

    // A blob that rotted is never used.
    let blob = dir.path().join("files/blobs/sha256").join(digest.hex());
    fs::write(&blob, vec![0; 10_000]).unwrap();
    let error = named(&at("files"), &folder).unwrap_err();
    assert!(matches!(error, Error::DigestMismatch { .. }), "{error}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn faults_are_told_apart() {
    let registry = OwnRegistry::new();
    let folder = tempfile::tempdir().unwrap();
    let missing = format!("oci://{}/team/none:v1#a", registry.host);
    let error = named(&missing, folder.path()).unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let away = format!("oci://{}/team/files:v1#a", listener.local_addr().unwrap());
    drop(listener);
    let retry = RetryPolicy { budget: Duration::from_millis(100), ..RetryPolicy::default() };
    let hasty = registry::Client::new(Options { retry, ..Options::default() });
    let error = away.parse::<InputFile>().unwrap().fetch(&hasty, folder.path()).unwrap_err();
    assert!(error.is_transient(), "{error}");

    let nothing = push_files(&["localhost:1/files:v1", "nowhere.json"]);
    assert_eq!(nothing.status.code(), Some(2));
    let host = away.strip_prefix("oci://").unwrap().strip_suffix("#a").unwrap();
    let source = testkit::root().join("Cargo.toml");
    let pushed = push_files(&[host, source.to_str().unwrap(), "--registry-timeout=100ms"]);
    assert_eq!(pushed.status.code(), Some(75), "{}", String::from_utf8_lossy(&pushed.stderr));
}

#[test]
fn what_makes_no_artifact_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (model, _) = model_file(dir.path(), 10);
    fs::create_dir(dir.path().join("b")).unwrap();
    let twin = dir.path().join("b/model.onnx");
    fs::copy(&model, &twin).unwrap();
    for (paths, words) in [
        (vec![], "no file is named"),
        (vec![model.clone(), twin], "another file has the same name"),
        (vec![dir.path().to_owned()], "a folder"),
        (vec![dir.path().join("none")], "not found"),
    ] {
        let error = Image::of_files(&paths).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}
