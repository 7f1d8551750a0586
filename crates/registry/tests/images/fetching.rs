//! Models come back out of images: by digest, verified, once.

use std::fs;

use registry::blocking::{fetch_file, fetch_model, holds_model, publish};
use registry::{Digest, Error, LayerBuilder, Platform, Recipe};
use testkit::registry::OwnRegistry;

use crate::{client, image_of, model_file, recipe_of, reference, tool};

const PATH: &str = "/models/model.onnx";

#[test]
fn the_model_of_a_pushed_image_comes_back_and_the_second_time_from_disk() {
    let registry = OwnRegistry::new();
    let dir = tempfile::tempdir().unwrap();
    let (model, digest) = model_file(dir.path(), 2_000_003);
    let target = reference(format!("{}/model:v1", registry.host));
    let published = publish(&client(), &image_of(&model), &target, &[]).unwrap();
    let (image, folder) = (reference(published.image), dir.path().join("models"));

    let first = fetch_file(&client(), &image, PATH, &folder, &digest).unwrap();
    assert_eq!(first.path, folder.join(format!("sha256-{}", digest.hex())));
    assert_eq!((first.size, &first.digest), (2_000_003, &digest));
    assert_eq!(fs::read(&first.path).unwrap(), fs::read(&model).unwrap());

    drop(registry);
    let second = fetch_file(&client(), &image, PATH, &folder, &digest).unwrap();
    assert_eq!((second.bytes_read, second.path), (0, first.path));
    let named = fetch_model(&client(), &image, &folder, Some(&digest)).unwrap();
    assert_eq!(named.bytes_read, 0);
}

#[test]
fn the_manifest_says_which_file_the_model_is() {
    let dir = tempfile::tempdir().unwrap();
    let (model, digest) = model_file(dir.path(), 1000);
    let image = reference(format!("oci:{}", dir.path().join("images").display()));
    publish(&client(), &image_of(&model), &image, &[]).unwrap();
    let folder = dir.path().join("models");
    let fetched = fetch_model(&client(), &image, &folder, None).unwrap();
    assert_eq!(fetched.digest, digest);

    let other = Digest::of(b"another model");
    let error = fetch_model(&client(), &image, &folder, Some(&other)).unwrap_err();
    assert!(matches!(error, Error::DigestMismatch { .. }), "{error}");
}

#[test]
fn whether_an_image_holds_a_model_is_said_without_reading_it() {
    let registry = OwnRegistry::new();
    let dir = tempfile::tempdir().unwrap();
    let (model, digest) = model_file(dir.path(), 1000);
    let layout = dir.path().join("images");
    for target in [format!("{}/model:v1", registry.host), format!("oci:{}", layout.display())] {
        let target = reference(target);
        let published = publish(&client(), &image_of(&model), &target, &[]).unwrap();
        let image = reference(published.image);
        holds_model(&client(), &image, &digest).unwrap();
        let error = holds_model(&client(), &image, &Digest::of(b"another model")).unwrap_err();
        assert!(matches!(error, Error::DigestMismatch { .. }), "{error}");
        let absent = image.at(&Digest::of(b"another image"));
        let error = holds_model(&client(), &absent, &digest).unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }), "{error}");
    }
    // The manifest alone is no model.
    let largest = fs::read_dir(layout.join("blobs/sha256")).unwrap().map(Result::unwrap);
    let layer = largest.max_by_key(|blob| blob.metadata().unwrap().len()).unwrap();
    fs::remove_file(layer.path()).unwrap();
    let image = reference(format!("oci:{}", layout.display()));
    let error = holds_model(&client(), &image, &digest).unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
}

#[test]
fn another_digest_than_expected_leaves_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let (model, _) = model_file(dir.path(), 1000);
    let image = reference(format!("oci:{}", dir.path().join("images").display()));
    publish(&client(), &image_of(&model), &image, &[]).unwrap();
    let folder = dir.path().join("models");
    let expected = Digest::of(b"another model");
    let error = fetch_file(&client(), &image, PATH, &folder, &expected).unwrap_err();
    assert!(matches!(error, Error::DigestMismatch { .. }), "{error}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn a_layer_with_changed_bytes_is_refused_and_a_changed_cache_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let (model, digest) = model_file(dir.path(), 5000);
    let images = dir.path().join("images");
    let image = reference(format!("oci:{}", images.display()));
    let published = publish(&client(), &image_of(&model), &image, &[]).unwrap();
    let folder = dir.path().join("models");
    let fetched = fetch_file(&client(), &image, PATH, &folder, &digest).unwrap();
    fs::write(&fetched.path, "tampered").unwrap();
    let repaired = fetch_file(&client(), &image, PATH, &folder, &digest).unwrap();
    assert!(repaired.bytes_read > 0);
    assert_eq!(Digest::of_file(&repaired.path).unwrap().0, digest);

    let layout = registry::Layout::open(&images).unwrap();
    let layer = layout.blob_path(&published.blobs[0].digest);
    let mut bytes = fs::read(&layer).unwrap();
    bytes[0] = b'X';
    fs::write(&layer, bytes).unwrap();
    let elsewhere = dir.path().join("elsewhere");
    let error = fetch_file(&client(), &image, PATH, &elsewhere, &digest).unwrap_err();
    assert!(error.to_string().contains("layer sha256:"), "{error}");
    assert!(matches!(error, Error::DigestMismatch { .. }), "{error}");
}

#[test]
fn the_uppermost_layer_counts_and_a_missing_file_is_not_found() {
    let dir = tempfile::tempdir().unwrap();
    let images = dir.path().join("images");
    let layer = |content: &str| {
        let path = dir.path().join("file");
        fs::write(&path, content).unwrap();
        LayerBuilder::new().file("/etc/note", &path).unwrap().build().unwrap()
    };
    // Each layer is read again when it is written, so each needs its own file then.
    let recipe =
        |layers| Recipe { layers, ..Recipe::new("linux/amd64".parse::<Platform>().unwrap()) };
    let lower = recipe(vec![layer("lower")]).assemble().unwrap();
    let image = reference(format!("oci:{}:lower", images.display()));
    publish(&client(), &lower, &image, &[]).unwrap();
    let platform = "linux/amd64".parse().unwrap();
    let base = registry::blocking::read_base(&client(), &image, &platform).unwrap();
    let upper = Recipe { base: Some(base), ..recipe(vec![layer("upper")]) }.assemble().unwrap();
    let image = reference(format!("oci:{}:upper", images.display()));
    publish(&client(), &upper, &image, &[]).unwrap();

    let folder = dir.path().join("fetched");
    let fetch = |path, content: &str| {
        fetch_file(&client(), &image, path, &folder, &Digest::of(content.as_bytes()))
    };
    assert!(fetch("/etc/note", "upper").is_ok());
    assert!(matches!(fetch("/etc/note", "lower"), Err(Error::DigestMismatch { .. })));
    assert!(matches!(fetch("/etc/nothing", "x"), Err(Error::NotFound { .. })));
    for path in ["../../etc/passwd", "/../etc/passwd", "/etc/../../note", "etc/note", "/"] {
        assert!(matches!(fetch(path, "upper "), Err(Error::Invalid { .. })), "{path}");
    }
}

#[test]
fn an_image_that_skopeo_compressed_gives_the_same_model() {
    let registry = OwnRegistry::new();
    let dir = tempfile::tempdir().unwrap();
    let (model, digest) = model_file(dir.path(), 300_000);
    let local = format!("oci:{}:v1", dir.path().join("images").display());
    publish(&client(), &recipe_of(&model).assemble().unwrap(), &reference(&local), &[]).unwrap();
    let remote = format!("{}/model:gzip", registry.host);
    let docker = format!("docker://{remote}");
    tool(
        "skopeo",
        "skopeo",
        &["copy", "--dest-tls-verify=false", "--dest-compress-format=gzip", &local, &docker],
    );
    let raw = tool("skopeo", "skopeo", &["inspect", "--raw", "--tls-verify=false", &docker]);
    assert!(raw.contains("tar+gzip") || raw.contains("tar.gzip"), "{raw}");

    let fetched =
        fetch_file(&client(), &reference(&remote), PATH, &dir.path().join("f"), &digest).unwrap();
    assert_eq!(fs::read(fetched.path).unwrap(), fs::read(&model).unwrap());
}
