//! Every shipped manifest before anything runs: Argo's own lint, and what the API server says of each overlay.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::cluster::run;
use crate::world::World;

/// The module whose definitions of `ScaledObject` the shipped one is held against.
const KEDA: &str = "github.com/kedacore/keda/v2@v2.18.1";

pub(super) fn run_scenario(world: &World) -> anyhow::Result<()> {
    let root = harness::root();
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
    let apply = ["apply", "--server-side", "--force-conflicts", "--filename", &definitions];
    world.cluster.kubectl(&apply)?;

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
    let text = format!(
        "namespace: {}\nresources: [../../../../workflow-templates/scorer]\n\
         components: [../../../../workflow-templates/scorer/components/hpa]\n{}",
        world.cluster.namespace,
        world.parameters("manifests", &world.brokers)?
    );
    world.cluster.dry_run(&world.render("hpa", &text)?).context("the HPA component")?;
    Ok(())
}
