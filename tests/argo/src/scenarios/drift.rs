//! Drift on a stream: emitted on Kafka, taken up by Argo Events, ended by a newly trained champion. And emitted twice.

use anyhow::{Context, ensure};
use contract::event::OutcomeEvent;
use contract::event_log;

use super::{PROMOTED, RELEASE, check, check_told, with_champion};
use crate::cluster::{PATIENCE, until};
use crate::stream::Stream;
use crate::workflow::Workflow;
use crate::world::World;

pub(super) fn run(world: &World) -> anyhow::Result<()> {
    let world = &world.with_own_namespace("drift", "drift")?;
    world.install_events("drift")?;
    let stream = with_champion(world, "drift", "linear")?;
    let champion = stream.route()?.champion;
    // A profile of readings that this stream does not have, so that it has drifted from them.
    let baseline = world.foreign_baseline("drift")?;
    let schema = world.schema("drift")?;
    let watch = Workflow::submit(
        &world.cluster,
        "detect-drift",
        "drift-watch",
        &[
            ("release", "drift-watch"),
            ("stream", "drift"),
            ("environment", "test"),
            ("brokers", &world.brokers),
            ("schema", &schema),
            ("baseline", &baseline),
            ("last", "2000"),
            ("plain-http", &world.settings.registry_from_pods),
        ],
    )?;
    check(&watch.end(RELEASE)?, "Succeeded", &[])?;
    let found = drift_event(&stream)?;
    let name = format!("model-retrain-{}", found.context.id);
    let there = || Ok(world.cluster.get("workflow", &name)?.map(drop));
    until(PATIENCE, &format!("a workflow {name}"), there)?;

    // The same event once more, as a step that is run again emits it.
    let mut writer = stream.kafka.writer()?;
    writer.send(&found.to_record(stream.kafka.events_topic())?)?;
    writer.flush()?;

    let retrain = Workflow::named(&world.cluster, &name);
    check(&retrain.end(RELEASE)?, "Succeeded", &[])?;
    check_told(&stream, &retrain, &[&["train-linear"], PROMOTED].concat())?;
    let route = stream.route()?;
    ensure!(route.champion != champion && route.candidate.is_none(), "the route is {route:?}");
    let all = world.cluster.list("workflows", "app.kubernetes.io/managed-by=model-retrain")?;
    ensure!(all.len() == 1, "{} retrainings of one drift", all.len());
    stream.audit()?;
    world.remove_namespace();
    Ok(())
}

/// The event by which the drift of a stream was emitted.
pub(super) fn drift_event(stream: &Stream) -> anyhow::Result<OutcomeEvent> {
    let is_it = |event: &OutcomeEvent| {
        event.context.event_type.contains("headgate-drift.detected")
            && event.custom_data.stream == stream.name
    };
    let mut events = event_log::read(&stream.kafka)?.into_iter();
    events.find(is_it).with_context(|| format!("no drift of {} was emitted", stream.name))
}
