//! The step as a pod runs it: it has no files but those in a registry.

use std::net::TcpListener;

use registry::blocking::publish;
use registry::{Image, LayerBuilder, Recipe, RegistryArgs};
use routes::{ModelRef, Route, RouteWriter as _, Routes};
use serde_json::Value;
use testkit::registry::OwnRegistry;

use crate::run::{Run, demo};

fn client() -> registry::Client {
    let timeout = std::time::Duration::from_secs(60);
    RegistryArgs { plain_http: registry::PlainHttp::None, ca_file: None, registry_timeout: timeout }
        .client()
}

/// The demo's files as one artifact: its reference by digest.
fn artifact(registry: &OwnRegistry) -> String {
    let files = [
        demo("models/boosting.onnx"),
        demo("models/boosting.golden.json"),
        demo("shuttle/schema.json"),
        demo("shuttle/holdout.csv"),
    ];
    let target = format!("{}/shuttle/files:v1", registry.host).parse().unwrap();
    let published = publish(&client(), &Image::of_files(&files).unwrap(), &target, &[]).unwrap();
    format!("oci://{}", published.image)
}

/// An image that carries the demo's linear model, as build-image makes it.
fn champion(registry: &OwnRegistry) -> ModelRef {
    let path = "/models/model.onnx";
    let layer = LayerBuilder::new()
        .file(path, demo("models/linear.onnx").as_ref())
        .unwrap()
        .build()
        .unwrap();
    let digest = layer.files()[0].digest.clone();
    let model = Some((path.to_owned(), digest.clone()));
    let recipe =
        Recipe { layers: vec![layer], model, ..Recipe::new("linux/amd64".parse().unwrap()) };
    let target = format!("{}/shuttle/model:v1", registry.host).parse().unwrap();
    let published = publish(&client(), &recipe.assemble().unwrap(), &target, &[]).unwrap();
    ModelRef { digest: digest.to_string(), image: published.image }
}

#[test]
fn every_file_comes_from_the_registry_and_the_champion_from_the_route() {
    let registry = OwnRegistry::new();
    let (files, champion) = (artifact(&registry), champion(&registry));
    let of = |name: &str| format!("{files}#{name}");
    let run = Run::new()
        .with("model", of("boosting.onnx"))
        .with("golden", of("boosting.golden.json"))
        .with("schema", of("schema.json"))
        .with("holdout", of("holdout.csv"))
        .with("strategy", "blue-green")
        .with("champion", "current");
    let mut routes = Routes::open(&run.kafka(), "shuttle").unwrap();
    routes.write(Route::bootstrap("shuttle", champion.clone()), "r-0", "bootstrap", None).unwrap();
    let outcome = run.outcome();
    outcome.is("pass", "not worse than the champion");

    let record: Value = serde_json::from_str(&outcome.file("report.json")).unwrap();
    let inputs = &record["inputs"];
    assert_eq!(inputs["champion"], champion.digest.as_str());
    assert_eq!(inputs["champion-source"], champion.image.as_str());
    assert_eq!(inputs["schema-source"], of("schema.json"));
    let identity = model::digest(demo("models/boosting.onnx").as_ref()).unwrap();
    assert_eq!(inputs["model"], identity.sha256.as_str());
    assert_eq!(&outcome.events()[0]["customData"]["inputs"], inputs);
}

#[test]
fn a_stream_without_a_champion_is_told_as_before() {
    Run::new().with("champion", "current").outcome().is("inconclusive", "champion");
    let bootstrap = Run::new().with("champion", "current").with("strategy", "bootstrap");
    bootstrap.outcome().is("pass", "");
}

#[test]
fn a_registry_that_is_away_is_a_transient_failure_and_a_wrong_reference_is_not() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let away = format!("oci://{}/files:v1#schema.json", listener.local_addr().unwrap());
    drop(listener);
    let outcome = Run::new().with("schema", away).with("registry-timeout", "200ms").outcome();
    outcome.is_a_transient_failure("run the step again once the registry answers");

    let registry = OwnRegistry::new();
    let files = artifact(&registry);
    let none = format!("oci://{}/none:v1#a", registry.host);
    Run::new().with("schema", none).outcome().is_refused_as_usage("was not found");
    let unnamed = format!("{files}#other.json");
    Run::new()
        .with("schema", unnamed)
        .outcome()
        .is_refused_as_usage("it holds boosting.golden.json");
}
