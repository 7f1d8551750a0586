//! Where models and files come from, and what is refused.

use std::path::Path;

use registry::{Client, Digest, LayerBuilder, Options, Platform, Recipe};
use routes::{ModelRef, Route, RouteWriter as _, Routes};

use crate::stage::{Stage, compare, digest, flag, model, telemetry};

#[test]
fn what_is_no_model_for_the_stream_fails_and_no_engine_answer_is_needed() {
    let champion = model("demo/models/linear");
    let stage = Stage::new(9);
    stage.stream(&telemetry(10), Some(&champion));
    let narrow = compare(&stage, &champion, &model("demo/models/broken-width"), &[]);
    assert_eq!(narrow.verdict, "fail");
    assert!(narrow.reason.contains("takes 8 numbers a row"), "{}", narrow.reason);

    let zeros = "0".repeat(64);
    let other = compare(&stage, &champion, &champion, &[&format!("--model-digest=sha256:{zeros}")]);
    assert_eq!(other.verdict, "fail");
    assert!(other.reason.contains("that was to be tried"), "{}", other.reason);
}

#[test]
fn the_champion_of_the_route_and_the_candidate_of_an_image_are_fetched() {
    let stage = Stage::new(9);
    let (champion, candidate) = (model("demo/models/linear"), model("demo/models/boosting"));
    stage.stream(&telemetry(2_400), Some(&champion));
    let candidate_image = image(&stage, &candidate);
    let flags = [format!("--image={candidate_image}"), "--max-p99=1s".to_owned()];
    let run = |release: &str| {
        let release = format!("--release={release}");
        stage.run(&[release.as_str(), flags[0].as_str(), flags[1].as_str()])
    };

    let nothing = run("r1");
    assert_eq!(nothing.verdict, "inconclusive");
    assert!(nothing.reason.contains("no champion to compare with"), "{}", nothing.reason);

    let champion = ModelRef { digest: digest(&champion), image: image(&stage, &champion) };
    let mut routes = Routes::open(&stage.kafka, "s").unwrap();
    routes.write(Route::bootstrap("s", champion), "r0", "test", None).unwrap();
    let ended = run("r2");
    assert_eq!(ended.verdict, "pass", "{}", ended.reason);
    assert_eq!(ended.report["inputs"]["model"], digest(&candidate));
}

/// An image that carries the model, by digest.
fn image(stage: &Stage, model: &Path) -> String {
    let digest: Digest = digest(model).parse().unwrap();
    let layer = LayerBuilder::new().file("/models/model.onnx", model).unwrap().build().unwrap();
    let recipe = Recipe {
        layers: vec![layer],
        model: Some(("/models/model.onnx".into(), digest)),
        ..Recipe::new(Platform::of_this_machine())
    };
    let image = recipe.assemble().unwrap();
    let folder = stage.folder.path().join(format!("image-{}", image.digest().hex()));
    let place = format!("oci:{}", folder.display()).parse().unwrap();
    let client = Client::new(Options::default());
    registry::blocking::publish(&client, &image, &place, &[]).unwrap();
    format!("oci:{}@{}", folder.display(), image.digest())
}

#[test]
fn wrong_usage_is_refused_with_a_hint() {
    let stage = Stage::new(9);
    let champion = model("demo/models/linear");
    for (flags, found) in [
        (
            vec!["--champion=/nowhere.onnx".to_owned(), flag("model", &champion)],
            "cannot read /nowhere.onnx",
        ),
        (
            vec![flag("model", &champion), "--max-disagreement=0".to_owned()],
            "no number of records shows",
        ),
        (vec![], "--model <FILE>|--image <IMAGE>|--candidate-endpoint <URL>"),
        (
            vec![flag("model", &champion), "--live=1m".to_owned(), "--window=0:0-9".to_owned()],
            "cannot be used with",
        ),
        (
            vec![
                flag("model", &champion),
                "--from=2026-01-02T00:00:00Z".to_owned(),
                "--to=2026-01-01T00:00:00Z".to_owned(),
            ],
            "--from is not before --to",
        ),
        (
            vec![
                flag("model", &champion),
                flag("champion", &champion),
                "--against=recorded".to_owned(),
            ],
            "only --against engine takes a model of the champion",
        ),
        (
            vec![flag("model", &champion), "--live=1h".to_owned()],
            "--live is longer than --deadline",
        ),
        (
            vec![flag("model", &champion), "--against=endpoint".to_owned()],
            "--against endpoint and --champion-endpoint belong together",
        ),
        (
            vec![
                flag("model", &champion),
                flag("champion", &champion),
                "--window=0:0-99".to_owned(),
            ],
            "is not on the broker",
        ),
    ] {
        let ended = stage.run(&flags.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        assert!(ended.stderr.contains(found), "{}", ended.stderr);
    }
    assert!(stage.events().is_empty());
}

#[test]
fn every_file_may_lie_in_an_artifact() {
    let (champion, candidate) = (model("demo/models/linear"), model("demo/models/boosting"));
    let stage = Stage::new(9);
    stage.stream(&telemetry(1_200), Some(&champion));
    let files = [champion, candidate, stage.folder.path().join("schema.json")];
    let artifact = format!("oci:{}", stage.folder.path().join("files").display());
    let client = Client::new(Options::default());
    let image = registry::Image::of_files(&files).unwrap();
    registry::blocking::publish(&client, &image, &artifact.parse().unwrap(), &[]).unwrap();
    let flag = |name: &str, file: &str| format!("--{name}={artifact}#{file}");
    let flags = [flag("champion", "linear.onnx"), flag("model", "boosting.onnx")];
    let schema = flag("schema", "schema.json");

    let ended = stage.run_without_schema(&[&flags[0], &flags[1], &schema, "--max-p99=1s"]);
    assert_eq!(
        (ended.code, ended.verdict.as_str()),
        (0, "pass"),
        "{} {}",
        ended.reason,
        ended.stderr
    );
    let inputs = &ended.report["inputs"];
    assert_eq!(inputs["schema-source"], format!("{artifact}#schema.json"));
    assert_eq!(inputs["model"], digest(&files[1]));
    assert_eq!(inputs["champion"], digest(&files[0]));
}
