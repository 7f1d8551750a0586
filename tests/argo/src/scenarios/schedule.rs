//! Drift that is looked for by the clock: a CronWorkflow starts the retraining, without Argo Events.

use anyhow::{Context, ensure};

use super::drift::drift_event;
use super::{RELEASE, check, with_champion};
use crate::cluster::{PATIENCE, until};
use crate::workflow::Workflow;
use crate::world::World;

pub(super) fn run(world: &World) -> anyhow::Result<()> {
    // A broker of its own: the Sensor of another scenario hears every drift event on the shared one.
    let world = &world.with_own_broker("schedule")?.with_own_namespace("schedule", "schedule")?;
    let stream = with_champion(world, "schedule", "linear")?;
    let champion = stream.route()?.champion;
    world.install_schedule("schedule", &world.foreign_baseline("schedule")?)?;
    // As the clock does it, but now.
    let name = "schedule-watch";
    world.cluster.argo(&["submit", "--from", "cronworkflow/detect-drift", "--name", name])?;
    let watch = Workflow::named(&world.cluster, name);
    check(&watch.end(RELEASE)?, "Succeeded", &[])?;

    let name = format!("model-retrain-{}", drift_event(&stream)?.context.id);
    let retrain = Workflow::named(&world.cluster, &name);
    let started = || Ok(retrain.now()?.pods("train").first().map(|_| ()));
    until(PATIENCE, &format!("the training of {name}"), started)?;
    let found = world.cluster.get("workflow", &name)?.context("the workflow is gone")?;
    let maker = &found["metadata"]["labels"]["app.kubernetes.io/managed-by"];
    ensure!(maker == "detect-drift", "{name} was started by {maker}");
    // What follows is what `drift` puts a retraining through.
    retrain.ask("terminate")?;
    retrain.end(RELEASE)?;
    ensure!(stream.route()?.champion == champion, "a training that was ended moved the route");
    stream.audit()?;
    world.remove_namespace();
    Ok(())
}
