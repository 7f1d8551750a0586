//! The story: broker, scorer and stream come up, five releases pass through, the stream ends.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use contract::event::OutcomeEvent;
use contract::kafka::{Kafka, KafkaArgs, Window};
use contract::stop::Stop;
use demo::audit::{Audit, Findings};
use demo::programs::{Places, Running};
use demo::releases::{Ending, PLANNED, Planned, model_file};
use demo::replay::{Pace, Replay};
use demo::runner::{Ran, Runner};
use demo::screen::Screen;
use demo::telemetry;
use sha2::{Digest, Sha256};

pub(crate) const STREAM: &str = "shuttle";
/// Enough that the in-memory broker forgets nothing that is still to be read.
pub(crate) const PARTITIONS: i32 = 12;
/// Records that a shadow test compares.
const SHADOWED: u64 = 10_000;

/// What happened.
pub(crate) struct Told {
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
    pub(crate) started: f64,
    pub(crate) seconds: f64,
}

/// A client of the demo's broker.
pub(crate) fn kafka(brokers: &str) -> anyhow::Result<Kafka> {
    Kafka::new(&KafkaArgs {
        brokers: brokers.to_owned(),
        kafka_config: None,
        kafka_timeout: Duration::from_secs(20),
        events_topic: "headgate.events".into(),
    })
}

/// Lets it happen; with `keep` the stream runs on until Enter is pressed.
///
/// # Errors
/// `stop` was set, or something did not go as it has to; whatever was started is ended.
pub(crate) fn tell(
    places: &Places,
    brokers: &str,
    pace: Pace,
    keep: bool,
    stop: &Stop,
) -> anyhow::Result<Told> {
    let screen = Screen::new();
    let kafka = kafka(brokers)?;
    let readings = telemetry::live_part(&places.root.join("demo/shuttle/shuttle.csv.gz"))?;
    screen
        .say(&format!("broker at {brokers}; {} readings a second on {STREAM}.features", pace.rate));
    let audit = Audit::start(&kafka, STREAM)?;
    let mut scorer = start_scorer(places, brokers)?;
    let replay = Replay::start(&kafka, pace, readings)?;

    let templates = places.root.join("workflow-templates");
    let environment = crate::environment(brokers);
    let runner = Runner { places, screen: &screen, templates, environment, stop };
    let mut finished = Vec::new();
    for planned in PLANNED {
        let name = format!("{}-{}", finished.len() + 1, planned.model);
        if !finished.is_empty() {
            await_traffic(&audit, &screen, stop)?;
        }
        screen.say(&format!("{name}: {}", planned.story));
        let (started, clock) = (screen.seconds(), Instant::now());
        let steps = runner.run(&name, &inputs(places, &planned, &name, brokers)?)?;
        let seconds = clock.elapsed().as_secs_f64();
        anyhow::ensure!(
            scorer.ended()?.is_none(),
            "the scorer ended; its log: target/demo/scorer.log"
        );
        finished.push((planned, name, steps, started, seconds));
    }

    if keep {
        screen.say("stream and scorer run on for `make run-step`; press Enter to end");
        stop.unless_set(|| std::io::stdin().read_line(&mut String::new()))??;
    }
    replay.finish()?;
    let features = kafka.extent(&format!("{STREAM}.features"))?;
    let features = Window(features.0.into_iter().map(|(p, (_, end))| (p, (0, end))).collect());
    await_answers(&audit, features.len(), &screen, stop)?;
    scorer.stop(Duration::from_secs(15))?;
    let findings = audit.finish()?;

    let events = contract::event_log::read(&kafka)?;
    let releases = finished
        .into_iter()
        .map(|(planned, name, steps, started, seconds)| {
            let digest = digest(&places.root.join(model_file(planned.model)))?;
            let ending = ending(&name, &digest, &findings, &events);
            Ok(Done { planned, name, steps, ending, started, seconds })
        })
        .collect::<anyhow::Result<_>>()?;
    Ok(Told { releases, features, findings, seconds: screen.seconds() })
}

/// How the release ended, by what stands on the topics alone.
fn ending(release: &str, digest: &str, findings: &Findings, events: &[OutcomeEvent]) -> Ending {
    let routes = || findings.routes.values().filter(|route| route.release == release);
    let (answers, last) = findings.by_model(digest);
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
        events.iter().map(|event| &event.custom_data).any(|told| {
            told.release == release && told.step == step && told.verdict == contract::Verdict::Fail
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
        ("latency-budget", "500ms".to_owned()),
        ("min-step-time", "2s".to_owned()),
        ("min-records", "40".to_owned()),
        ("deadline", "40s".to_owned()),
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

/// Lets the stream run until the champion has answered as many records as a shadow test looks at.
fn await_traffic(audit: &Audit, screen: &Screen, stop: &Stop) -> anyhow::Result<()> {
    let (before, deadline) = (audit.count(), Instant::now() + Duration::from_secs(60));
    loop {
        stop.check()?;
        let answered = audit.count() - before;
        if answered >= SHADOWED {
            return Ok(());
        }
        anyhow::ensure!(
            Instant::now() < deadline,
            "the scorer answered only {answered} records in a minute; its log: target/demo/scorer.log"
        );
        screen.progress("the stream runs", answered, SHADOWED);
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn await_answers(audit: &Audit, features: u64, screen: &Screen, stop: &Stop) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(30);
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
