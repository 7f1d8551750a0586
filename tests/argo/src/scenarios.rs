//! Every scenario; each has a stream of its own, so they run side by side, the longest first.

mod asked;
mod broker;
mod drift;
mod ended;
mod leftovers;
mod lost;
mod manifests;
mod schedule;
mod side_by_side;
mod swapped;
mod verdicts;

use std::time::Duration;

use anyhow::ensure;
use contract::event::OutcomeEvent;
use contract::event_log;

use crate::stream::Stream;
use crate::workflow::{Ended, Workflow};
use crate::world::World;

/// Something that a release is put through.
pub struct Scenario {
    pub name: &'static str,
    /// What a reader of the results should know.
    pub about: &'static str,
    /// Only when all others have ended.
    pub last: bool,
    pub run: fn(&World) -> anyhow::Result<()>,
}

/// Long, for the machine does all else at the same time.
const RELEASE: Duration = Duration::from_secs(900);

/// What a release emits that ends with a new champion, in this order.
const PROMOTED: &[&str] = &[
    "validate-model",
    "build-image",
    "shadow-test",
    "canary-gate",
    "promote",
    // Of the exit handler, which finds nothing to take back.
    "rollback",
    "conclude",
];
/// What one emits whose candidate is taken back after its canary: by a task, and once more by the exit handler.
const TAKEN_BACK: &[&str] = &[
    "validate-model",
    "build-image",
    "shadow-test",
    "canary-gate",
    "rollback",
    "rollback",
    "conclude",
];

/// All of them.
pub const SCENARIOS: &[Scenario] = &[
    now("approval", "nothing is promoted before a person agrees", asked::approval),
    now(
        "side-by-side",
        "two releases shadow one stream beside each other, and move traffic in turn",
        side_by_side::run,
    ),
    now("pod-lost", "a pod deleted in mid-canary is tried again", lost::run),
    now("broker-away", "the broker is away for 30 s in mid-canary", broker::run),
    now("drift", "drift starts a retraining that ends in a promoted model, once", drift::run),
    now("schedule", "a CronWorkflow looks for drift and starts a retraining", schedule::run),
    now(
        "blue-green",
        "the whole stream switches, and is taken back in the bake",
        verdicts::blue_green,
    ),
    now("promoted", "a better model becomes the champion", verdicts::promoted),
    now("rolled-back", "a model that does harm is taken back", verdicts::rolled_back),
    now("stopped", "argo stop in mid-canary leaves the champion alone", ended::stopped),
    now("terminated", "argo terminate in mid-canary does too", ended::terminated),
    now("dry-run", "a dry run ends after the shadow and moves nothing", asked::dry_run),
    now("swapped", "a shadow test in another language, the DAG untouched", swapped::run),
    now(
        "manifests",
        "argo lint, and every overlay as the API server sees it",
        manifests::run_scenario,
    ),
    now("rejected", "a model that does not fit the stream never moves traffic", verdicts::rejected),
    Scenario {
        name: "leftovers",
        about: "no planted secret and no token in logs, events, workflows and reports",
        last: true,
        run: leftovers::run,
    },
];

const fn now(
    name: &'static str,
    about: &'static str,
    run: fn(&World) -> anyhow::Result<()>,
) -> Scenario {
    Scenario { name, about, last: false, run }
}

/// Submits a release of `model` on `stream`, named after both.
///
/// # Errors
/// Argo or the registry refuses.
pub fn release(
    world: &World,
    stream: &Stream,
    model: &str,
    more: &[(&str, &str)],
) -> anyhow::Result<Workflow> {
    release_as(world, stream, model, &format!("{}-{model}", stream.name), more)
}

/// The same under another name.
///
/// # Errors
/// As [`release`].
pub fn release_as(
    world: &World,
    stream: &Stream,
    model: &str,
    name: &str,
    more: &[(&str, &str)],
) -> anyhow::Result<Workflow> {
    let files = world.model(model)?;
    let schema = world.schema(&stream.name)?;
    let mut parameters = vec![("stream", stream.name.as_str()), ("schema", schema.as_str())];
    parameters.extend(files.iter().map(|(name, value)| (*name, value.as_str())));
    parameters.extend(more);
    Workflow::submit(&world.cluster, "model-release", name, &parameters)
}

/// A stream with a champion.
///
/// # Errors
/// The stream does not start, or its first champion is not promoted.
pub fn with_champion(world: &World, name: &str, champion: &str) -> anyhow::Result<Stream> {
    let stream = Stream::start(world, name)?;
    world.bootstrap(name, champion)?;
    Ok(stream)
}

/// The events of a release, oldest first.
fn emitted(stream: &Stream, release: &Workflow) -> anyhow::Result<Vec<OutcomeEvent>> {
    let events = event_log::read(&stream.kafka)?;
    Ok(events.into_iter().filter(|event| event.custom_data.release == release.name).collect())
}

/// Fails unless a release ended so, with a message that says each of `words`.
fn check(ended: &Ended, phase: &str, words: &[&str]) -> anyhow::Result<()> {
    let said = words.iter().all(|word| ended.message.contains(word));
    ensure!(ended.phase == phase && said, "wanted {phase} with {words:?}, found {ended}");
    Ok(())
}

/// Fails unless exactly these steps emitted an outcome, each once and in this order.
fn check_told(stream: &Stream, release: &Workflow, steps: &[&str]) -> anyhow::Result<()> {
    let emitted = emitted(stream, release)?;
    let found: Vec<&str> = emitted.iter().map(|event| event.custom_data.step.as_str()).collect();
    ensure!(found == steps, "{}: {found:?} emitted, wanted {steps:?}", release.name);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_says_what_has_to_come_of_each() {
        let readme = include_str!("../README.md");
        let rows: Vec<&str> = readme.lines().filter(|line| line.starts_with("| `")).collect();
        for scenario in SCENARIOS {
            let name = format!("`{}`", scenario.name);
            let emitted = rows.iter().any(|row| row.contains(&name));
            assert!(
                emitted,
                "tests/argo/README.md: add a row for {name} to the table of scenarios"
            );
        }
    }
}
