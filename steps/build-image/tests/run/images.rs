//! What is built, and where it goes.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use registry::{Client, Options, blocking};
use serde_json::{Value, json};
use testkit::registry::OwnRegistry;

use crate::bench::{Bench, document};
use crate::tool;

#[test]
fn a_second_run_sends_nothing_and_emits_the_same_event() {
    let bench = Bench::with_model(100_000);
    let target = format!("{}:v1", bench.layout("images"));
    let first = bench.pass(&target, &[]);
    assert!(bench.output("bytes-sent").parse::<u64>().unwrap() > 100_000);
    let first_event = bench.output("event-id");

    let second = bench.pass(&target, &[]);
    assert_eq!(bench.output("bytes-sent"), "0");
    assert!(bench.output("reason").contains("nothing was sent"));
    assert_eq!((second, bench.output("event-id")), (first.clone(), first_event));

    let event = &bench.events()[0];
    assert_eq!(event["context"]["type"], "dev.cdevents.artifact.packaged.0.3.0");
    assert_eq!(event["subject"]["content"]["change"]["id"], bench.digest.as_str());
    assert_eq!(event["customData"]["outputs"]["image"], first);
    let package = event["subject"]["id"].as_str().unwrap();
    assert!(package.starts_with("pkg:oci/images@sha256%3A"), "{package}");
}

#[test]
fn the_image_says_what_it_is_and_where_its_model_lies() {
    let bench = Bench::with_model(10_000);
    let image = bench.pass(&bench.layout("images"), &["label=team=fraud"]);
    let manifest = document(&bench.path("images"), &bench.output("image-digest"));
    assert!(image.ends_with(&bench.output("image-digest")));
    let config = document(&bench.path("images"), manifest["config"]["digest"].as_str().unwrap());
    assert_eq!(config["config"]["Env"], json!(["HEADGATE_MODEL=/models/model.onnx"]));
    assert_eq!(config["config"]["User"], "65532");
    assert_eq!(config["config"]["Labels"]["team"], "fraud");
    assert_eq!(config["config"]["Labels"]["dev.headgate.model.digest"], bench.digest.as_str());
    assert_eq!(manifest["annotations"]["dev.headgate.model.path"], "/models/model.onnx");
    let layer = &manifest["layers"][0];
    assert_eq!(layer["annotations"]["dev.headgate.model.digest"], bench.digest.as_str());
    assert_eq!(layer["mediaType"], "application/vnd.oci.image.layer.v1.tar");
    assert_eq!(config["rootfs"]["diff_ids"][0], layer["digest"]);
}

#[test]
fn the_same_input_gives_the_same_digest_on_another_day_and_bench() {
    let build = |mode: u32| {
        let bench = Bench::with_model(50_000);
        let model = bench.path("model.onnx");
        fs::set_permissions(&model, fs::Permissions::from_mode(mode)).unwrap();
        let file = fs::File::options().write(true).open(&model).unwrap();
        let day = std::time::UNIX_EPOCH + std::time::Duration::from_secs(86_400 * u64::from(mode));
        file.set_modified(day).unwrap();
        bench.pass(&bench.layout("images"), &[]);
        bench.output("image-digest")
    };
    assert_eq!(build(0o600), build(0o755));
}

#[test]
fn a_registry_gets_base_scorer_and_model_and_the_model_comes_back() {
    let registry = OwnRegistry::new();
    let bench = Bench::with_model(1_000_000);
    let scorer = bench.path("scorer");
    fs::write(&scorer, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&scorer, fs::Permissions::from_mode(0o755)).unwrap();
    let base = format!("{}/base/scorer:v1", registry.host);
    let add = format!("add={}:/usr/bin/scorer", scorer.display());
    bench.pass(&base, &[&add, "entrypoint=/usr/bin/scorer", "env=LOG=info"]);

    let base = format!("base={base}");
    let target = format!("{}/team/shuttle:v1", registry.host);
    let image = bench.pass(&target, &[&base, "tag=stable,today", "env=A=b,c"]);
    assert_eq!(image, format!("{}/team/shuttle@{}", registry.host, bench.output("image-digest")));
    // The base's layers are mounted, and the new model layer is all that travels.
    let outcomes: Vec<_> = bench.report()["details"]["image"]["blobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|blob| blob["outcome"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(outcomes, ["mounted", "mounted", "uploaded", "uploaded"]);

    for tag in ["v1", "stable", "today"] {
        let address = format!("docker://{}/team/shuttle:{tag}", registry.host);
        let seen = tool("skopeo", "skopeo", &["inspect", "--tls-verify=false", &address]);
        let seen: Value = serde_json::from_str(&seen).unwrap();
        assert_eq!(seen["Digest"], bench.output("image-digest"));
        assert_eq!(seen["Env"], json!(["LOG=info", "A=b,c", "HEADGATE_MODEL=/models/model.onnx"]));
    }
    let client = Client::new(Options::default());
    let folder = bench.path("fetched");
    let image = image.parse().unwrap();
    let fetched =
        blocking::fetch_file(&client, &image, "/models/model.onnx", &folder, &bench.digest);
    assert_eq!(fetched.unwrap().digest, bench.digest);

    bench.pass(&target, &[&base, "tag=stable,today", "env=A=b,c"]);
    assert_eq!(bench.output("bytes-sent"), "0");
}

#[test]
fn umoci_unpacks_a_file_system_that_can_run() {
    let bench = Bench::with_model(100_000);
    fs::create_dir(bench.path("extra")).unwrap();
    fs::write(bench.path("extra/ca.pem"), "pem").unwrap();
    let scorer = bench.path("scorer");
    fs::copy("/bin/true", &scorer).unwrap();
    let stale = bench.path("extra").display().to_string();
    let base = format!("{}:base", bench.layout("images"));
    bench.pass(&base, &["model-dest=/models/old.onnx", &format!("add={stale}:/etc/certs")]);

    let target = format!("{}:v1", bench.layout("images"));
    let add = format!("add={}:/scorer,{stale}:/etc/more", scorer.display());
    bench.pass(&target, &[&format!("base={base}"), &add, "entrypoint=[\"/scorer\",\"--now\"]"]);
    let bundle = bench.path("bundle").display().to_string();
    let image = format!("{}:v1", bench.path("images").display());
    tool("umoci", "umoci", &["unpack", "--rootless", "--image", &image, &bundle]);

    let root = bench.path("bundle/rootfs");
    assert_eq!(
        fs::read(root.join("models/model.onnx")).unwrap(),
        fs::read(bench.path("model.onnx")).unwrap()
    );
    assert!(!root.join("models/old.onnx").exists(), "the base's model is hidden");
    assert_eq!(fs::read_to_string(root.join("etc/certs/ca.pem")).unwrap(), "pem");
    assert_eq!(fs::read_to_string(root.join("etc/more/ca.pem")).unwrap(), "pem");
    let mode = fs::metadata(root.join("scorer")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
    let run: Value =
        serde_json::from_str(&fs::read_to_string(bench.path("bundle/config.json")).unwrap())
            .unwrap();
    assert_eq!(run["process"]["args"], json!(["/scorer", "--now"]));
    assert_eq!(run["process"]["user"]["uid"], 65532);
}

#[test]
fn another_model_than_the_validated_one_makes_no_image() {
    let bench = Bench::with_model(10_000);
    let other = registry::Digest::of(b"another model").to_string();
    let ended = bench.run(&bench.layout("images"), &[&format!("model-digest={other}")]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!((bench.output("verdict"), bench.output("image")), ("fail".into(), String::new()));
    assert!(bench.output("reason").contains(&other));
    assert!(!bench.path("images").exists());
    assert_eq!(bench.events()[0]["context"]["type"], "dev.cdeventsx.headgate-image.refused.0.1.0");
}

#[test]
fn the_report_reads_well() {
    let bench = Bench::with_model(3_000_000);
    bench.pass(&bench.layout("images"), &[]);
    let page = bench.path("outputs/report.html");
    let text = fs::read_to_string(&page).unwrap();
    assert!(text.contains("/models/model.onnx") && text.contains(bench.digest.as_str()));
    testkit::browser::assert_reads_well(
        &page,
        &testkit::root().join("target/pictures/build-image"),
    );
}

#[test]
fn the_sample_packs_the_demo_s_model() {
    let bench = Bench::with_model(8);
    let sample = include_str!("../../samples/run.env");
    let settings = sample.lines().filter_map(|line| line.split_once('=')).filter(|(name, _)| {
        // The image goes to the bench and not into the checkout.
        name.starts_with("HEADGATE_") && *name != "HEADGATE_IMAGE"
    });
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_build-image"));
    command.env_clear().envs(settings).current_dir(testkit::root());
    command.arg(format!("--brokers={}", bench.brokers()));
    command.arg(format!("--outputs={}", bench.path("outputs").display()));
    command.arg(format!("--image={}", bench.layout("images")));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let reason = bench.output("reason");
    assert_eq!(bench.output("verdict"), "pass", "put the model's digest into run.env: {reason}");
}

#[test]
fn a_model_in_an_artifact_makes_the_same_image_as_the_file() {
    let bench = Bench::with_model(100_000);
    let by_path = bench.pass(&bench.layout("a"), &[]);
    let registry = OwnRegistry::new();
    let files = registry::Image::of_files(&[bench.path("model.onnx")]).unwrap();
    let target = format!("{}/team/files:v1", registry.host).parse().unwrap();
    let client = registry::Client::new(registry::Options::default());
    registry::blocking::publish(&client, &files, &target, &[]).unwrap();

    let source = format!("oci://{}/team/files:v1#model.onnx", registry.host);
    let fetched = bench.pass(&bench.layout("b"), &[&format!("model={source}")]);
    let digest = |image: &str| image.rsplit_once('@').unwrap().1.to_owned();
    assert_eq!(digest(&fetched), digest(&by_path));
    assert_eq!(bench.report()["inputs"]["model-source"], source.as_str());
    assert_eq!(bench.report()["inputs"]["model"], bench.digest.as_str());
}
