//! The step as a black box, beside a scorer that follows the route.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use kafka::memory::MemoryBroker;
use kafka::{Kafka, KafkaArgs, TopicSpec};
use routes::{ModelRef, Route, RouteWriter as _, Routes};
use testkit::{Behaviour, FakeScorer, write_image};

struct World {
    broker: MemoryBroker,
    kafka: Kafka,
    outputs: tempfile::TempDir,
}

struct Ended {
    code: i32,
    verdict: String,
    event: String,
    reason: String,
}

impl World {
    fn new() -> Self {
        let broker = MemoryBroker::start(&TopicSpec::of_stream("s", 4)).unwrap();
        let kafka = Kafka::new(&KafkaArgs {
            brokers: broker.brokers(),
            kafka_config: None,
            kafka_timeout: Duration::from_secs(60),
            events_topic: "headgate.events".into(),
        });
        Self { broker, kafka: kafka.unwrap(), outputs: tempfile::tempdir().unwrap() }
    }

    fn scorer(&self, behaviour: Behaviour) -> FakeScorer {
        FakeScorer::start(&self.kafka, "s", behaviour).unwrap()
    }

    fn write(&self, route: Route) -> Route {
        Routes::open(&self.kafka, "s").unwrap().write(route, "before", "a test", None).unwrap()
    }

    fn route(&self) -> Route {
        routes::read(&self.kafka, "s").unwrap().unwrap()
    }

    fn promote(&self, model: &ModelRef, strategy: &str) -> Ended {
        self.promote_within("1m", model, strategy)
    }

    /// With as much time for the scorers to confirm.
    fn promote_within(&self, limit: &str, model: &ModelRef, strategy: &str) -> Ended {
        let folder = self.outputs.path();
        for n in 1..=2 {
            write_image(&folder.join(format!("m{n}")), &self::model(n).digest).unwrap();
        }
        let status = Command::new(env!("CARGO_BIN_EXE_promote"))
            .env_clear()
            .current_dir(folder)
            .args(["--release=r", "--stream=s", "--bake=1h", "--registry-timeout=1s"])
            .arg(format!("--confirm-timeout={limit}"))
            .arg(format!("--brokers={}", self.broker.brokers()))
            .arg(format!("--outputs={}", self.outputs.path().display()))
            .arg(format!("--model-digest={}", model.digest))
            .arg(format!("--image={}", model.image))
            .arg(format!("--strategy={strategy}"))
            .status()
            .unwrap();
        let read = |name: &str| read(self.outputs.path(), name);
        let code = status.code().unwrap();
        Ended { code, verdict: read("verdict"), event: read("event-id"), reason: read("reason") }
    }
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap_or_default()
}

fn model(n: u8) -> ModelRef {
    ModelRef {
        digest: format!("sha256:{}", format!("{n:02x}").repeat(32)),
        image: format!("oci:m{n}"),
    }
}

#[test]
fn a_candidate_becomes_champion_and_a_second_run_changes_nothing() {
    let world = World::new();
    let _scorer = world.scorer(Behaviour::default());
    world.write(Route::bootstrap("s", model(1)).with_candidate(model(2), 0.5));

    let first = world.promote(&model(2), "canary");
    assert_eq!((first.code, first.verdict.as_str()), (0, "pass"), "{}", first.reason);
    let route = world.route();
    assert_eq!((&route.champion, route.share()), (&model(2), 0.0));
    assert_eq!(route.previous.map(|previous| previous.model), Some(model(1)));

    let second = world.promote(&model(2), "canary");
    assert_eq!((second.verdict.as_str(), &second.event), ("pass", &first.event));
    assert_eq!(world.route().generation, route.generation);
    assert_eq!(
        contract::event_log::read(&world.kafka).unwrap().len(),
        1,
        "emitted once, whoever reads"
    );
}

#[test]
fn an_image_that_does_not_hold_the_model_is_wrong_usage_and_nothing_is_written() {
    let world = World::new();
    let _scorer = world.scorer(Behaviour::default());
    let before = world.write(Route::bootstrap("s", model(1)).with_candidate(model(2), 0.5));
    for image in [model(1).image, "oci:nowhere".into()] {
        let ended = world.promote(&ModelRef { image, ..model(2) }, "canary");
        assert_eq!(ended.code, 2, "{}", ended.reason);
        assert_eq!(world.route(), before);
    }
    let away = ModelRef { image: "127.0.0.1:1/models/m2:v1".into(), ..model(2) };
    assert_eq!(world.promote(&away, "canary").code, 75);
    assert_eq!(world.route(), before);
}

#[test]
fn the_first_champion_needs_bootstrap() {
    let world = World::new();
    let _scorer = world.scorer(Behaviour::default());
    assert_eq!(world.promote(&model(1), "canary").verdict, "fail");
    assert_eq!(world.promote(&model(1), "bootstrap").verdict, "pass");
    assert_eq!(world.promote(&model(2), "bootstrap").verdict, "fail");
    assert_eq!(world.route().champion, model(1));
}

#[test]
fn a_scorer_that_cannot_load_the_model_keeps_the_former_route() {
    let world = World::new();
    let refuses = Some(model(2).digest);
    let _scorer = world.scorer(Behaviour { refuses, ..Behaviour::default() });
    world.write(Route::bootstrap("s", model(1)).with_candidate(model(2), 0.0));
    let ended = world.promote(&model(2), "canary");
    assert_eq!((ended.code, ended.verdict.as_str()), (0, "fail"), "{}", ended.reason);
    assert_eq!((world.route().champion, world.route().candidate), (model(1), None));
}

#[test]
fn without_a_live_scorer_nothing_passes() {
    let world = World::new();
    world.write(Route::bootstrap("s", model(1)).with_candidate(model(2), 0.5));
    let ended = world.promote_within("3s", &model(2), "canary");
    assert_eq!((ended.code, ended.verdict.as_str()), (0, "inconclusive"));
    assert_eq!(world.route().champion, model(1));
}
