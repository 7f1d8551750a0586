//! The shipped workflow with steps that do nothing: what Argo and Kubernetes cost by themselves.

use std::path::Path;
use std::process::Command;

use anyhow::Context;
use registry::{Client, LayerBuilder, Options, Recipe, Reference, blocking};
use serde_json::{Value, json};

use crate::cluster::{Cluster, run};

/// The steps of a release.
const STEPS: [&str; 7] = [
    "validate-model",
    "build-image",
    "shadow-test",
    "canary-gate",
    "promote",
    "rollback",
    "conclude",
];

/// Puts a step that does nothing in the place of every step in the namespace.
///
/// # Errors
/// There is no C compiler, or registry or cluster refuse.
pub fn replace_steps(cluster: &Cluster, registry: &str, work: &Path) -> anyhow::Result<()> {
    let image = push(&format!("{registry}/headgate-test/noop"), work)?;
    for step in STEPS {
        let found = cluster.get("workflowtemplate", step)?;
        let mut found = found.with_context(|| format!("{step} is not installed"))?;
        let template = &mut found["spec"]["templates"][0];
        empty(&mut template["container"], &image);
        for container in template["initContainers"].as_array_mut().into_iter().flatten() {
            empty(container, &image);
        }
        found["metadata"] =
            json!({ "name": step, "annotations": found["metadata"]["annotations"] });
        cluster.apply(&found.to_string())?;
    }
    Ok(())
}

fn empty(container: &mut Value, image: &str) {
    container["image"] = json!(image);
    container["command"] = json!(["/noop"]);
    container["args"] = json!([]);
}

fn push(repository: &str, work: &Path) -> anyhow::Result<String> {
    std::fs::create_dir_all(work)?;
    let program = work.join("noop");
    let source = testkit::root().join("tests/argo/noop.c");
    run(Command::new("cc").args(["-static", "-Os", "-o"]).arg(&program).arg(source), None)?;
    let layer = LayerBuilder::new().shared_folder("/tmp")?.file("/noop", &program)?.build()?;
    let mut recipe = Recipe::new(crate::python::platform()?);
    recipe.user = Some("65532:65532".to_owned());
    recipe.layers = vec![layer];
    let target: Reference = repository.parse()?;
    let client = Client::new(Options::default());
    Ok(blocking::publish(&client, &recipe.assemble()?, &target, &[])?.image.to_string())
}
