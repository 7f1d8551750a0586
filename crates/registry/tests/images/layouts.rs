//! Images in layout folders, read by `skopeo` and unpacked by `umoci`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use registry::blocking::{publish, read_base};
use registry::{Digest, Error, LayerBuilder, Outcome, Platform, Recipe};
use serde_json::{Value, json};

use crate::{client, image_of, model_file, recipe_of, reference, tool};

fn linux() -> Platform {
    "linux/amd64".parse().unwrap()
}

#[test]
fn umoci_unpacks_what_was_put_in() {
    let dir = tempfile::tempdir().unwrap();
    let (model, _) = model_file(dir.path(), 1_234_567);
    let images = dir.path().join("images");
    let target = format!("oci:{}:v1", images.display());
    let image = image_of(&model);
    publish(&client(), &image, &reference(&target), &[]).unwrap();

    let seen: Value =
        serde_json::from_str(&tool("skopeo", "skopeo", &["inspect", &target])).unwrap();
    assert_eq!(seen["Digest"], image.digest().as_str());

    let unpacked = unpack(&images, "v1", &dir.path().join("bundle"));
    let file = unpacked.join("models/model.onnx");
    assert_eq!(fs::read(&file).unwrap(), fs::read(&model).unwrap());
    let metadata = fs::metadata(&file).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o644);
    assert_eq!(metadata.modified().unwrap(), std::time::UNIX_EPOCH);
    let folder = fs::metadata(unpacked.join("models")).unwrap();
    assert_eq!(folder.permissions().mode() & 0o777, 0o755);
}

fn unpack(images: &Path, tag: &str, bundle: &Path) -> std::path::PathBuf {
    let image = format!("{}:{tag}", images.display());
    let bundle_text = bundle.display().to_string();
    tool("umoci", "umoci", &["unpack", "--rootless", "--image", &image, &bundle_text]);
    bundle.join("rootfs")
}

#[test]
fn the_digest_depends_on_content_and_on_nothing_else() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (first, _) = model_file(one.path(), 100_000);
    let (second, _) = model_file(two.path(), 100_000);
    let file = fs::File::options().write(true).open(&second).unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    fs::set_permissions(&second, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(image_of(&first).manifest(), image_of(&second).manifest());

    fs::write(&second, "another model").unwrap();
    assert_ne!(image_of(&first).digest(), image_of(&second).digest());
}

#[test]
fn the_digest_of_a_known_image_stays_what_it_is_today() {
    let dir = tempfile::tempdir().unwrap();
    let model = dir.path().join("model");
    fs::write(&model, "weights").unwrap();
    let pinned = "sha256:6020d0d8f7a3de0c0ebe49a314299f1bc6ec5d9c83e24026b7e513910beafc41";
    assert_eq!(image_of(&model).digest().as_str(), pinned);
}

#[test]
fn a_second_run_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (model, _) = model_file(dir.path(), 100_000);
    let target = reference(format!("oci:{}:v1", dir.path().join("images").display()));
    let first = publish(&client(), &image_of(&model), &target, &[]).unwrap();
    let second = publish(&client(), &image_of(&model), &target, &[]).unwrap();
    assert_eq!((second.bytes_sent, second.bytes_skipped), (0, first.bytes_sent));
    assert_eq!(second.blobs.len(), first.blobs.len());
    assert!(first.blobs.len() >= 2, "a layer and its config: {:?}", first.blobs);
    assert!(second.blobs.iter().all(|blob| blob.outcome == Outcome::Existing));
}

#[test]
fn what_a_base_says_beyond_our_knowledge_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (model, _) = model_file(dir.path(), 10_000);
    let images = dir.path().join("images");
    let base_target = format!("oci:{}:base", images.display());
    publish(&client(), &image_of(&model), &reference(&base_target), &[]).unwrap();
    let layout = registry::Layout::open(&images).unwrap();
    let edited = edit_config(&layout, &base_target, |config| {
        config["config"]["Healthcheck"] = json!({"Test": ["CMD", "/scorer", "--probe"]});
        config["config"]["Cmd"] = json!(["--serve"]);
        config["config"]["Env"] = json!(["PATH=/bin", "HEADGATE_MODEL=/old", "Z=1"]);
        config["config"]["Labels"] = json!({"team": "fraud"});
        config["os.features"] = json!(["x"]);
        config["history"] = json!([]);
    });
    let base = read_base(&client(), &reference(&edited), &linux()).unwrap();
    let recipe = Recipe { base: Some(base), user: None, ..recipe_of(&model) };
    let target = reference(format!("oci:{}:v2", images.display()));
    let published = publish(&client(), &recipe.assemble().unwrap(), &target, &[]).unwrap();

    let config = config_of(&layout, &published.digest);
    assert_eq!(config["config"]["Healthcheck"]["Test"][1], "/scorer");
    assert_eq!(config["os.features"], json!(["x"]));
    let env = json!(["PATH=/bin", "Z=1", "HEADGATE_MODEL=/models/model.onnx"]);
    assert_eq!(config["config"]["Env"], env);
    assert_eq!(config["config"]["Labels"]["team"], "fraud");
    assert_eq!(config["config"]["User"], "65532");
    assert_eq!(config["config"].get("Cmd"), None, "a new entrypoint clears the old arguments");
    assert_eq!(config["history"].as_array().unwrap().len(), 2);
    assert_eq!(config["rootfs"]["diff_ids"].as_array().unwrap().len(), 2);
    assert_eq!(config["created"], "1970-01-01T00:00:00Z");
    tool("skopeo", "skopeo", &["inspect", "--config", &target.to_string()]);
}

fn blob(layout: &registry::Layout, digest: &str) -> Value {
    let path = layout.blob_path(&digest.parse().unwrap());
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn config_of(layout: &registry::Layout, image: &Digest) -> Value {
    let manifest = blob(layout, image.as_str());
    blob(layout, manifest["config"]["digest"].as_str().unwrap())
}

/// Writes a blob and gives its digest.
fn put(layout: &registry::Layout, value: &Value) -> (String, usize) {
    let bytes = value.to_string().into_bytes();
    let digest = Digest::of(&bytes);
    fs::write(layout.blob_path(&digest), &bytes).unwrap();
    (digest.to_string(), bytes.len())
}

/// An image like `target` with an edited config, by digest.
fn edit_config(layout: &registry::Layout, target: &str, edit: impl FnOnce(&mut Value)) -> String {
    let base = read_base(&client(), &reference(target), &linux()).unwrap();
    let mut manifest = blob(layout, base.digest().as_str());
    let mut config = config_of(layout, base.digest());
    edit(&mut config);
    let (digest, size) = put(layout, &config);
    manifest["config"]["digest"] = digest.into();
    manifest["config"]["size"] = size.into();
    let (digest, _) = put(layout, &manifest);
    format!("oci:{}@{digest}", layout.root().display())
}

#[test]
fn nothing_stale_of_the_base_lies_beside_the_model() {
    let dir = tempfile::tempdir().unwrap();
    let stale = dir.path().join("stale");
    fs::write(&stale, "old").unwrap();
    let images = dir.path().join("images");
    let layer = LayerBuilder::new()
        .file("/models/tokenizer.json", &stale)
        .and_then(|layer| layer.file("/etc/keep", &stale))
        .and_then(LayerBuilder::build)
        .unwrap();
    let base = Recipe { layers: vec![layer], ..Recipe::new(linux()) }.assemble().unwrap();
    let base_target = reference(format!("oci:{}:base", images.display()));
    publish(&client(), &base, &base_target, &[]).unwrap();

    let (model, _) = model_file(dir.path(), 1000);
    let layer = LayerBuilder::new()
        .only_ours_in("/models")
        .and_then(|layer| layer.file("/models/model.onnx", &model))
        .and_then(LayerBuilder::build)
        .unwrap();
    let base = read_base(&client(), &base_target, &linux()).unwrap();
    let recipe = Recipe { base: Some(base), layers: vec![layer], ..Recipe::new(linux()) };
    let target = reference(format!("oci:{}:v2", images.display()));
    publish(&client(), &recipe.assemble().unwrap(), &target, &[]).unwrap();

    let unpacked = unpack(&images, "v2", &dir.path().join("bundle"));
    assert!(unpacked.join("models/model.onnx").exists());
    assert!(!unpacked.join("models/tokenizer.json").exists());
    assert!(unpacked.join("etc/keep").exists());
}

#[test]
fn the_image_of_the_platform_is_taken_from_an_index() {
    let dir = tempfile::tempdir().unwrap();
    let (model, _) = model_file(dir.path(), 1000);
    let images = dir.path().join("images");
    let target = reference(format!("oci:{}", images.display()));
    let published = publish(&client(), &image_of(&model), &target, &[]).unwrap();
    let layout = registry::Layout::open(&images).unwrap();
    let size = fs::metadata(layout.blob_path(&published.digest)).unwrap().len();
    let (index, _) = put(
        &layout,
        &json!({"schemaVersion": 2, "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": published.digest, "size": size,
            "platform": {"os": "linux", "architecture": "amd64"},
        }]}),
    );
    let index = reference(format!("oci:{}@{index}", images.display()));
    let base = read_base(&client(), &index, &linux()).unwrap();
    assert_eq!(*base.digest(), published.digest);
    let error = read_base(&client(), &index, &"linux/arm64".parse().unwrap()).unwrap_err();
    assert!(error.to_string().contains("only for linux/amd64"), "{error}");
}

#[test]
fn a_base_with_changed_bytes_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (model, _) = model_file(dir.path(), 1000);
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let base_target = reference(format!("oci:{}", from.display()));
    let published = publish(&client(), &image_of(&model), &base_target, &[]).unwrap();
    let base = read_base(&client(), &base_target, &linux()).unwrap();
    let layout = registry::Layout::open(&from).unwrap();
    let layer = layout.blob_path(&published.blobs[0].digest);
    let mut bytes = fs::read(&layer).unwrap();
    bytes[700] ^= 1;
    fs::write(&layer, bytes).unwrap();

    let recipe = Recipe { base: Some(base), ..Recipe::new(linux()) };
    let target = reference(format!("oci:{}:v1", to.display()));
    let error = publish(&client(), &recipe.assemble().unwrap(), &target, &[]).unwrap_err();
    assert!(matches!(error, Error::DigestMismatch { .. }), "{error}");
    assert!(!to.join("index.json").exists(), "half an image is not listed");
}

#[test]
fn a_target_by_digest_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (model, digest) = model_file(dir.path(), 10);
    let target = reference(format!("oci:{}@{digest}", dir.path().display()));
    let error = publish(&client(), &image_of(&model), &target, &[]).unwrap_err();
    assert!(error.to_string().contains("name a tag"), "{error}");
}

#[test]
fn builds_into_one_layout_at_the_same_time_do_not_lose_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let (model, _) = model_file(dir.path(), 200_000);
    let images = dir.path().join("images");
    std::thread::scope(|scope| {
        for number in 0..8 {
            let target = reference(format!("oci:{}:v{number}", images.display()));
            let image = image_of(&model);
            scope.spawn(move || publish(&client(), &image, &target, &[]).unwrap());
        }
    });
    for number in 0..8 {
        let target = reference(format!("oci:{}:v{number}", images.display()));
        assert!(read_base(&client(), &target, &linux()).is_ok(), "v{number} is listed");
    }
}
