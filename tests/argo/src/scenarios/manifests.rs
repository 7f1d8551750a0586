//! Every shipped manifest before anything runs: Argo's own lint, and what the API server says of each overlay.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::cluster::{run, until};
use crate::world::World;

/// The module whose definitions of `ScaledObject` the shipped one is held against.
const KEDA: &str = "github.com/kedacore/keda/v2@v2.18.1";
const SCALED_OBJECTS: &str = "scaledobjects.keda.sh";
/// Until the API server serves a kind that was just defined.
const ESTABLISHED: Duration = Duration::from_secs(300);

/// What an overlay may take in besides, one or two at a time.
const COMPONENTS: &[&[&str]] = &[
    &["scorer/components/keda"],
    &["scorer/components/hpa"],
    &["events"],
    &["events", "events/credentials"],
    &["events/schedule"],
];

pub(super) fn run_scenario(world: &World) -> anyhow::Result<()> {
    let root = testkit::root();
    let lint = |folder: &Path| {
        let lint = ["lint", "--offline", "--strict", "--kinds", "workflowtemplates,cronworkflows"];
        run(Command::new("argo").args(lint).arg(folder), None)
    };
    let shipped = root.join("workflow-templates");
    lint(&shipped)?;
    // Once more with a team's own step in the place of the shipped one.
    let swapped = world.scratch("swapped")?;
    for entry in std::fs::read_dir(&shipped)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            std::fs::copy(&path, swapped.join(path.file_name().unwrap_or_default()))?;
        }
    }
    std::fs::copy(
        root.join("tests/other-language/shadow-test.yaml"),
        swapped.join("shadow-test.yaml"),
    )?;
    lint(&swapped)?;

    let module = run(Command::new("go").args(["mod", "download", "-json", KEDA]), None)?;
    let module: Value = serde_json::from_str(&module)?;
    let module = module["Dir"].as_str().context("go names the module's folder")?;
    let definitions = format!("{module}/config/crd/bases");
    // A cluster that has KEDA keeps its own definitions, and one that has not is left without.
    let own = world.cluster.get("customresourcedefinition", SCALED_OBJECTS)?.is_none();
    if own {
        world.cluster.kubectl(&["apply", "--server-side", "--filename", &definitions])?;
        // Not `kubectl wait`: it fails on a definition so young that it has no conditions at all.
        let established = || -> anyhow::Result<Option<()>> {
            let definition = world.cluster.get("customresourcedefinition", SCALED_OBJECTS)?;
            let conditions = definition.map(|it| it["status"]["conditions"].clone());
            let is_one = |it: &Value| it["type"] == "Established" && it["status"] == "True";
            let all = conditions.as_ref().and_then(Value::as_array);
            Ok(all.is_some_and(|all| all.iter().any(is_one)).then_some(()))
        };
        until(ESTABLISHED, "the definition of ScaledObject", established)?;
    }
    let accepted = overlays(world);
    if own {
        world.cluster.kubectl(&["delete", "--wait=false", "--filename", &definitions])?;
    }
    accepted
}

/// Every overlay, and what it may take in, as the API server sees it.
fn overlays(world: &World) -> anyhow::Result<()> {
    let root = testkit::root();

    for overlay in std::fs::read_dir(root.join("overlays"))? {
        let overlay = overlay?;
        if !overlay.file_type()?.is_dir() {
            continue;
        }
        let name = overlay.file_name().to_string_lossy().into_owned();
        let text = format!(
            "namespace: {}\nresources: [../../../../overlays/{name}]\n",
            world.cluster.namespace
        );
        let rendered = world.render(&format!("overlay-{name}"), &text)?;
        let objects = rendered.matches("\nkind: ").count();
        let said = world.cluster.dry_run(&rendered).with_context(|| format!("overlay {name}"))?;
        ensure!(objects > 20, "the overlay {name} has only {objects} objects");
        ensure!(!said.contains("would violate PodSecurity"), "overlay {name}: {said}");
    }
    for component in COMPONENTS {
        let said = world.cluster.dry_run(&with_components(world, component)?);
        said.with_context(|| format!("the overlay prod with {}", component.join(" and ")))?;
    }
    Ok(())
}

/// An overlay with components of `workflow-templates`, as a team takes them in.
fn with_components(world: &World, components: &[&str]) -> anyhow::Result<String> {
    let paths: Vec<String> =
        components.iter().map(|name| format!("../../../../workflow-templates/{name}")).collect();
    let text = format!(
        "namespace: {}\nresources: [../../../../overlays/prod]\ncomponents: [{}]\n",
        world.cluster.namespace,
        paths.join(", ")
    );
    world.render(&format!("with-{}", components.join("-").replace('/', "-")), &text)
}
