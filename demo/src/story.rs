//! The story: broker, scorer and stream come up, five releases pass through, the stream ends.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::releases::{Ending, PLANNED, Planned, model_file};
use crate::runner::{Ran, Runner};
use crate::screen::Screen;
use anyhow::Context;
use contract::event::OutcomeEvent;
use contract::stop::Stop;
use kafka::{Kafka, KafkaArgs, Window};
use sha2::{Digest, Sha256};
use testkit::audit::{Audit, Findings};
use testkit::programs::{Places, Running};
use testkit::replay::{Pace, Replay};
use testkit::telemetry;

pub(crate) const STREAM: &str = "shuttle";
/// Enough that the in-memory broker forgets nothing that is still to be read.
pub(crate) const PARTITIONS: i32 = 12;
/// Records that a shadow test compares.
const SHADOWED: u64 = 10_000;
/// Records that may wait for an answer where a shadow test begins: it needs what the champion answered to the newest.
const BEHIND: u64 = 1_500;
/// How long what takes a second may take on a machine that does other things.
const PATIENCE: Duration = Duration::from_secs(60);
/// The same for what takes some seconds.
const MUCH_PATIENCE: Duration = Duration::from_secs(300);

/// What happened.
pub(crate) struct Played {
    pub(crate) releases: Vec<Done>,
    pub(crate) features: Window,
    pub(crate) findings: Findings,
    pub(crate) seconds: f64,
}

/// A finished release.
pub(crate) struct Done {
    pub(crate) planned: Planned,
    pub(crate) name: String,
    pub(crate) steps: Vec<Ran>,
    /// Read from the topics.
    pub(crate) ending: Ending,
    pub(crate) seconds: f64,
}

/// A client of the demo's broker.
pub(crate) fn kafka(brokers: &str) -> anyhow::Result<Kafka> {
    Kafka::new(&KafkaArgs {
        brokers: brokers.to_owned(),
        kafka_config: None,
        kafka_timeout: PATIENCE,
        events_topic: "headgate.events".into(),
    })
}

/// Where the story happens.
#[derive(Clone, Copy)]
pub(crate) struct Setting<'a> {
    pub(crate) places: &'a Places,
    pub(crate) brokers: &'a str,
    pub(crate) screen: &'a Screen,
}

/// What is still there when the story is over: the scorer.
pub(crate) struct Stage(Running);

/// Lets it happen, up to the audit of every record of it; the scorer runs on, the stream rests.
///
/// # Errors
/// `stop` was set, or something did not go as it has to; whatever was started is ended.
pub(crate) fn play(
    setting: &Setting<'_>,
    pace: &Pace,
    stop: &Stop,
) -> anyhow::Result<(Played, Stage)> {
    let Setting { places, brokers, screen } = *setting;
    let kafka = kafka(brokers)?;
    let readings = readings(places)?;
    screen
        .say(&format!("broker at {brokers}; {} readings a second on {STREAM}.features", pace.rate));
    let audit = Audit::start(&kafka, STREAM)?;
    let mut scorer = start_scorer(places, brokers)?;
    screen.say("the scorer starts; it answers as soon as there is a champion");
    let replay = Replay::start_from(&kafka, pace.clone(), readings, 0, audit.counter())?;

    let templates = places.root.join("workflow-templates");
    let environment = crate::environment(brokers);
    let share = |release: &str| audit.share(release);
    let runner = Runner { places, screen, share: &share, templates, environment, stop };
    let mut finished = Vec::new();
    for planned in PLANNED {
        let name = format!("{}-{}", finished.len() + 1, planned.model);
        if !finished.is_empty() {
            await_traffic(&audit, &replay, screen, stop)?;
        }
        screen.say(&format!("{name}: {}", planned.story));
        let clock = Instant::now();
        let steps = runner.run(&name, &inputs(places, &planned, &name, brokers)?)?;
        let seconds = clock.elapsed().as_secs_f64();
        anyhow::ensure!(
            scorer.ended()?.is_none(),
            "the scorer ended; its log: target/demo/scorer.log"
        );
        finished.push((planned, name, steps, seconds));
    }

    replay.finish()?;
    let features = kafka.extent(&stream::Topics::of(STREAM).features)?;
    let features = Window(features.0.into_iter().map(|(p, (_, end))| (p, (0, end))).collect());
    await_answers(&audit, features.len(), screen, stop)?;
    let findings = audit.finish()?;

    let events = contract::event_log::read(&kafka)?;
    let releases = finished
        .into_iter()
        .map(|(planned, name, steps, seconds)| {
            let digest = digest(&places.root.join(model_file(planned.model)))?;
            let ending = ending(&name, &digest, &findings, &events);
            Ok(Done { planned, name, steps, ending, seconds })
        })
        .collect::<anyhow::Result<_>>()?;
    let found = Played { releases, features, findings, seconds: screen.seconds() };
    Ok((found, Stage(scorer)))
}

/// Lets the stream run on until Enter is pressed or a signal comes; nothing of it counts for the story, which is over.
///
/// # Errors
/// The stream could not be written.
pub(crate) fn keep(
    setting: &Setting<'_>,
    pace: Pace,
    found: &Played,
    stop: &Stop,
) -> anyhow::Result<()> {
    let Setting { places, brokers, screen } = *setting;
    // Ids go on where the story ended, so that no label meets two records.
    let first = found.features.len();
    let replay = Replay::start_from(&kafka(brokers)?, pace, readings(places)?, first, || u64::MAX)?;
    screen.say("stream and scorer run on for `make run-step`; press Enter to end");
    let pressed = stop.unless_set(|| std::io::stdin().read_line(&mut String::new()));
    // Without a terminal there is no Enter: then a signal ends it.
    while matches!(pressed, Ok(Ok(0))) && !stop.is_set() {
        std::thread::sleep(Duration::from_millis(50));
    }
    replay.finish()?;
    Ok(())
}

impl Stage {
    /// Ends the scorer.
    ///
    /// # Errors
    /// It had to be killed, or ended badly.
    pub(crate) fn end(self) -> anyhow::Result<()> {
        self.0.stop(PATIENCE)
    }

    /// Ends the scorer; what became of it after the story is shown, and is no part of it.
    pub(crate) fn end_after_the_story(self, screen: &Screen) {
        if let Err(error) = self.end() {
            screen.say(&format!("after the story: {error:#}"));
        }
    }
}

fn readings(places: &Places) -> anyhow::Result<Vec<telemetry::Reading>> {
    telemetry::live_part(&places.root.join("demo/shuttle/shuttle.csv.gz"))
}

/// How the release ended, by what stands on the topics alone.
fn ending(release: &str, digest: &str, findings: &Findings, events: &[OutcomeEvent]) -> Ending {
    let routes = || findings.routes.values().filter(|route| route.release == release);
    let (answers, last) = findings.by_model_of(digest, release);
    if routes().any(|route| route.champion.digest == digest && route.candidate.is_none())
        && answers > 0
    {
        return Ending::Promoted;
    }
    let named = |route: &&routes::Route| {
        route.candidate.as_ref().is_some_and(|candidate| candidate.model.digest == digest)
    };
    if let Some(highest) = routes().filter(named).map(|route| route.generation).max() {
        let taken_back = routes().any(|route| route.generation > highest);
        let stayed_away = last.is_none_or(|last| last <= highest);
        return if taken_back && stayed_away { Ending::RolledBack } else { Ending::Unclear };
    }
    let failed = |step: &str| {
        events.iter().map(|event| &event.custom_data).any(|found| {
            found.release == release
                && found.step == step
                && found.verdict == contract::Verdict::Fail
        })
    };
    match answers {
        0 if failed("validate-model") => Ending::Rejected,
        0 if failed("shadow-test") => Ending::FailedShadow,
        _ => Ending::Unclear,
    }
}

fn inputs(
    places: &Places,
    planned: &Planned,
    name: &str,
    brokers: &str,
) -> anyhow::Result<BTreeMap<&'static str, String>> {
    // Steps run in the checkout, so its paths can stay short; nothing of this machine gets into events.
    let demo = |path: String| format!("demo/{path}");
    let image = places.file("images")?.join(planned.model);
    let image = image.strip_prefix(&places.root).unwrap_or(&image);
    Ok(BTreeMap::from([
        ("release", name.to_owned()),
        ("stream", STREAM.to_owned()),
        ("strategy", planned.strategy.to_owned()),
        ("model", model_file(planned.model)),
        ("champion", model_file(planned.champion)),
        ("schema", demo("shuttle/schema.json".into())),
        ("golden", demo(format!("models/{}.golden.json", planned.model))),
        ("holdout", demo("shuttle/holdout.csv".into())),
        ("image", format!("oci:{}", image.display())),
        ("brokers", brokers.to_owned()),
        ("records", SHADOWED.to_string()),
        // A laptop that does other things beside the demo must not look like a slow model.
        ("latency-budget", "30s".to_owned()),
        ("max-p99", "10s".to_owned()),
        ("confirm-timeout", "2m".to_owned()),
        ("min-step-time", "2s".to_owned()),
        ("min-records", "40".to_owned()),
        ("deadline", "5m".to_owned()),
        // By the champion's few errors alone, none of this could be expected to be decided in half a minute; but what
        // is released here is much better or much worse, which the demo knows and the gate does not.
        ("undecidable", "go".to_owned()),
        ("bake", "10s".to_owned()),
    ]))
}

fn start_scorer(places: &Places, brokers: &str) -> anyhow::Result<Running> {
    let mut command = places.command("scorer");
    command
        .arg(format!("--brokers={brokers}"))
        .arg(format!("--stream={STREAM}"))
        .arg("--schema=demo/shuttle/schema.json")
        .arg(format!("--cache={}", places.file("cache")?.display()))
        .args(["--http=127.0.0.1:0", "--name=demo-scorer"]);
    Running::start("scorer", &mut command, &places.file("scorer.log")?)
}

/// Lets the stream run until the champion has answered as many records as a shadow test looks at, the newest too.
fn await_traffic(
    audit: &Audit,
    replay: &Replay,
    screen: &Screen,
    stop: &Stop,
) -> anyhow::Result<()> {
    let (before, deadline) = (audit.count(), Instant::now() + MUCH_PATIENCE);
    loop {
        stop.check()?;
        let answered = audit.count() - before;
        if answered >= SHADOWED && audit.count() + BEHIND >= replay.written() {
            return Ok(());
        }
        anyhow::ensure!(
            Instant::now() < deadline,
            "the scorer answered only {answered} records in {}; its log: target/demo/scorer.log",
            words::duration(MUCH_PATIENCE)
        );
        screen.progress("the stream runs: records for the next shadow test", answered, SHADOWED);
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn await_answers(audit: &Audit, features: u64, screen: &Screen, stop: &Stop) -> anyhow::Result<()> {
    let deadline = Instant::now() + MUCH_PATIENCE;
    while audit.count() < features && Instant::now() < deadline {
        stop.check()?;
        screen.progress("the scorer answers what is left", audit.count(), features);
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn digest(path: &Path) -> anyhow::Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
    Ok(format!("sha256:{}", hex::encode(Sha256::digest(bytes))))
}
