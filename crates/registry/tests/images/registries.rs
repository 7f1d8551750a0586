//! Against a real registry, with `skopeo` and `oci-client` as readers that are not ours.

use std::fs;

use base64::Engine as _;
use registry::blocking::{fetch_file, publish, read_base};
use registry::{Credentials, Digest, Error, Options, Outcome, Recipe};
use serde_json::{Value, json};
use testkit::registry::OwnRegistry;

use crate::{client, client_with, image_of, model_file, recipe_of, reference, tool};

#[test]
fn a_pushed_image_is_what_other_clients_read_and_is_not_sent_twice() {
    let registry = OwnRegistry::new();
    let dir = tempfile::tempdir().unwrap();
    let (model, _) = model_file(dir.path(), 3_000_000);
    let image = image_of(&model);
    let target = format!("{}/team/shuttle:v1", registry.host);
    let tags = ["stable".to_owned()];

    let first = publish(&client(), &image, &reference(&target), &tags).unwrap();
    assert_eq!(first.tags, ["stable", "v1"]);
    assert!(first.bytes_sent > 3_000_000, "{first:?}");
    assert_eq!(first.image, format!("{}/team/shuttle@{}", registry.host, image.digest()));

    let again = publish(&client(), &image, &reference(&target), &tags).unwrap();
    assert_eq!((again.bytes_sent, again.manifest), (0, Outcome::Existing));
    assert_eq!(again.bytes_skipped, first.bytes_sent);

    let seen =
        tool("skopeo", "skopeo", &["inspect", "--tls-verify=false", &format!("docker://{target}")]);
    let seen: Value = serde_json::from_str(&seen).unwrap();
    assert_eq!(seen["Digest"], image.digest().as_str());
    assert_eq!(seen["Layers"], json!([first.blobs[0].digest]));
    assert_eq!(seen["Env"], json!(["HEADGATE_MODEL=/models/model.onnx"]));

    let (manifest, layer) = pull_with_oci_client(&target);
    assert_eq!(manifest, image.digest().as_str());
    assert_eq!(Digest::of(&layer), first.blobs[0].digest);
}

/// The customer's client of choice as an independent reader: manifest digest and the first layer's bytes.
fn pull_with_oci_client(target: &str) -> (String, Vec<u8>) {
    use oci_client::client::{ClientConfig, ClientProtocol};
    let config = ClientConfig { protocol: ClientProtocol::Http, ..ClientConfig::default() };
    let other = oci_client::Client::try_from(config).unwrap();
    let reference: oci_client::Reference = target.parse().unwrap();
    let anonymous = oci_client::secrets::RegistryAuth::Anonymous;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let pulled = other.pull_image_manifest(&reference, &anonymous).await.unwrap();
        let (manifest, digest) = pulled;
        let mut layer = Vec::new();
        other.pull_blob(&reference, &manifest.layers[0], &mut layer).await.unwrap();
        (digest, layer)
    })
}

#[test]
fn layers_of_a_base_in_the_same_registry_are_mounted_and_not_sent() {
    let registry = OwnRegistry::new();
    let dir = tempfile::tempdir().unwrap();
    let (model, _) = model_file(dir.path(), 500_000);
    let base_name = format!("{}/base/scorer:v1", registry.host);
    let base_image = image_of(&model);
    publish(&client(), &base_image, &reference(&base_name), &[]).unwrap();

    fs::write(&model, "another model").unwrap();
    let base = read_base(&client(), &reference(&base_name), &"linux/amd64".parse().unwrap());
    let recipe = Recipe { base: Some(base.unwrap()), ..recipe_of(&model) };
    let image = recipe.assemble().unwrap();
    let target = reference(format!("{}/team/model:v1", registry.host));
    let published = publish(&client(), &image, &target, &[]).unwrap();

    let outcomes: Vec<_> = published.blobs.iter().map(|blob| blob.outcome).collect();
    assert_eq!(outcomes, [Outcome::Mounted, Outcome::Uploaded, Outcome::Uploaded]);
    assert!(published.bytes_sent < 10_000, "{published:?}");
    let manifest: Value = serde_json::from_slice(image.manifest()).unwrap();
    let annotations = &manifest["annotations"];
    assert_eq!(annotations["org.opencontainers.image.base.name"], base_name);
    assert_eq!(annotations["org.opencontainers.image.base.digest"], base_image.digest().as_str());
}

#[test]
fn layers_of_a_base_in_another_registry_are_streamed_across() {
    let (near, far) = (OwnRegistry::new(), OwnRegistry::new());
    let dir = tempfile::tempdir().unwrap();
    let (model, _) = model_file(dir.path(), 2_000_000);
    let base_name = reference(format!("{}/base:v1", far.host));
    publish(&client(), &image_of(&model), &base_name, &[]).unwrap();

    fs::write(&model, "another model").unwrap();
    let base = read_base(&client(), &base_name, &"linux/amd64".parse().unwrap()).unwrap();
    let recipe = Recipe { base: Some(base), ..recipe_of(&model) };
    let target = format!("{}/model:v1", near.host);
    let published =
        publish(&client(), &recipe.assemble().unwrap(), &reference(&target), &[]).unwrap();
    assert_eq!(published.blobs[0].outcome, Outcome::Uploaded);
    assert!(published.bytes_sent > 2_000_000);
    let (_, layer) = pull_with_oci_client(&target);
    assert_eq!(Digest::of(&layer), published.blobs[0].digest);
}

#[test]
fn a_registry_with_passwords_wants_the_right_one() {
    let registry = OwnRegistry::with_password();
    let dir = tempfile::tempdir().unwrap();
    let (model, _) = model_file(dir.path(), 10_000);
    let image = image_of(&model);
    let target = reference(format!("{}/model:v1", registry.host));

    let error = publish(&client(), &image, &target, &[]).unwrap_err();
    assert!(matches!(error, Error::Denied { .. }), "{error}");
    assert!(error.hint().unwrap().contains("DOCKER_CONFIG"));

    let config = dir.path().join("config.json");
    for (password, works) in [("wrong", false), ("secret", true)] {
        let auth = base64::prelude::BASE64_STANDARD.encode(format!("robot:{password}"));
        let entry = json!({"auths": {(registry.host.clone()): {"auth": auth}}});
        fs::write(&config, entry.to_string()).unwrap();
        let credentials = Credentials::from_file(&config);
        let client = client_with(Options { credentials, ..Options::default() });
        let result = publish(&client, &image, &target, &[]);
        assert_eq!(result.is_ok(), works, "{result:?}");
    }
}

#[test]
fn a_missing_base_is_not_found() {
    let registry = OwnRegistry::new();
    let base = reference(format!("{}/nobody/knows:v1", registry.host));
    let error = read_base(&client(), &base, &"linux/amd64".parse().unwrap()).unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
}

#[test]
fn a_registry_with_tls_must_show_a_trusted_certificate() {
    let (registry, stranger) = (OwnRegistry::with_tls(), OwnRegistry::with_tls());
    let dir = tempfile::tempdir().unwrap();
    let (model, digest) = model_file(dir.path(), 1_000_000);
    let target = reference(format!("{}/model:v1", registry.host));
    let trusting =
        |certificate| client_with(Options { ca_file: Some(certificate), ..Options::default() });
    let client = trusting(registry.certificate());
    let published = publish(&client, &image_of(&model), &target, &[]).unwrap();
    let image = reference(published.image);
    let fetched = fetch_file(&client, &image, "/models/model.onnx", dir.path(), &digest).unwrap();
    assert_eq!(fetched.digest, digest);

    let wary = trusting(stranger.certificate());
    let error = publish(&wary, &image_of(&model), &target, &[]).unwrap_err();
    assert!(error.to_string().contains("certificate is not trusted"), "{error}");
    assert!(!error.is_transient(), "waiting does not mend it");
}
