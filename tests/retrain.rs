//! What follows a drift: the trainer's slot, the release after it, and what starts them, held against each other.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use pipeline_tests::{root, steps};
use serde_json::Value;

/// The documents of a file below `workflow-templates/`.
fn read(path: &str) -> Value {
    let text = std::fs::read_to_string(root().join("workflow-templates").join(path)).unwrap();
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn names(list: &Value) -> Vec<&str> {
    self::list(list).iter().map(|entry| entry["name"].as_str().unwrap()).collect()
}

fn template<'a>(file: &'a Value, name: &str) -> &'a Value {
    let templates = list(&file["spec"]["templates"]);
    templates.iter().find(|template| template["name"] == name).unwrap()
}

fn task<'a>(template: &'a Value, name: &str) -> &'a Value {
    list(&template["dag"]["tasks"]).iter().find(|task| task["name"] == name).unwrap()
}

/// A task gives exactly what the template it refers to takes, but may leave out what has a default.
fn fits(at: &str, task: &Value, target: &Value) {
    let given: BTreeSet<&str> = names(&task["arguments"]["parameters"]).into_iter().collect();
    let taken: BTreeSet<&str> = names(&target["inputs"]["parameters"]).into_iter().collect();
    let unknown: Vec<_> = given.difference(&taken).collect();
    assert!(unknown.is_empty(), "{at} gives {unknown:?}, which nothing takes");
    for input in list(&target["inputs"]["parameters"]) {
        let name = input["name"].as_str().unwrap();
        let needed = input.get("default").is_none() && input.get("value").is_none();
        assert!(!needed || given.contains(name), "{at} lacks {name}");
    }
}

#[test]
fn the_retraining_gives_trainer_and_release_what_they_take() {
    let (retrain, trainer, release) =
        (read("model-retrain.yaml"), read("trainer.yaml"), read("model-release.yaml"));
    let dag = template(&retrain, "retrain");
    fits("model-retrain: train", task(dag, "train"), template(&trainer, "main"));
    fits("model-retrain: release", task(dag, "release"), template(&release, "release"));
    let inner = task(template(&trainer, "main"), "train");
    fits("trainer: train", inner, template(&read("train-linear.yaml"), "main"));

    let outputs = names(&template(&trainer, "main")["outputs"]["parameters"]);
    let text = dag.to_string();
    let used = text.split("{{tasks.train.outputs.parameters.").skip(1);
    for name in used.filter_map(|part| part.split("}}").next()) {
        assert!(outputs.contains(&name), "model-retrain reads {name}, which trainer does not give");
    }
    let given = names(&retrain["spec"]["arguments"]["parameters"]);
    for name in names(&dag["inputs"]["parameters"]) {
        assert!(given.contains(&name), "model-retrain: spec.arguments lacks {name}");
    }
}

#[test]
fn a_retraining_has_the_settings_and_the_ending_of_a_release() {
    let (retrain, release) = (read("model-retrain.yaml"), read("model-release.yaml"));
    let settings = |file: &Value| -> BTreeMap<String, Value> {
        let arguments = list(&file["spec"]["arguments"]["parameters"]).iter();
        arguments.map(|it| (it["name"].as_str().unwrap().to_owned(), it.clone())).collect()
    };
    let (ours, theirs) = (settings(&retrain), settings(&release));
    // The trainer makes the first three; the champion is known by the stream's route.
    let elsewhere = ["model", "golden", "holdout", "champion"];
    for (name, setting) in theirs.iter().filter(|(name, _)| !elsewhere.contains(&name.as_str())) {
        assert_eq!(ours.get(name), Some(setting), "model-retrain: {name} as model-release has it");
    }
    assert_eq!(retrain["spec"]["hooks"], release["spec"]["hooks"]);
}

#[test]
fn what_starts_a_retraining_fills_its_arguments_by_their_place() {
    let retrain = read("model-retrain.yaml");
    let first = &names(&retrain["spec"]["arguments"]["parameters"])[..3];
    assert_eq!(first, ["stream", "environment", "cause"]);

    let sensor = read("events/sensor.yaml");
    let trigger = &sensor["spec"]["triggers"][0];
    let source = &trigger["template"]["k8s"]["source"]["resource"];
    assert_eq!(names(&source["spec"]["arguments"]["parameters"]), first);
    let by_place: BTreeMap<&str, &str> = list(&trigger["template"]["k8s"]["parameters"])
        .iter()
        .map(|it| (it["dest"].as_str().unwrap(), it["src"]["dataKey"].as_str().unwrap()))
        .collect();
    let expected = [
        ("metadata.name", "body.context.id"),
        ("spec.arguments.parameters.0.value", "body.customData.stream"),
        ("spec.arguments.parameters.1.value", "body.customData.environment"),
        ("spec.arguments.parameters.2.value", "body.context.id"),
    ];
    assert_eq!(by_place, BTreeMap::from(expected));

    // Both ways make the same workflow, so that one finds what the other made.
    let schedule = read("events/schedule/detect-drift.yaml");
    let templates = list(&schedule["spec"]["workflowSpec"]["templates"]);
    let made = templates.iter().find_map(|it| it["resource"]["manifest"].as_str()).unwrap();
    let made: Value = serde_saphyr::from_str(made).unwrap();
    assert_eq!(names(&made["spec"]["arguments"]["parameters"]), first);
    assert_eq!(made["spec"]["workflowTemplateRef"], source["spec"]["workflowTemplateRef"]);
    let prefix = source["metadata"]["name"].as_str().unwrap();
    assert_eq!(made["metadata"]["name"], format!("{prefix}{{{{inputs.parameters.cause}}}}"));
}

#[test]
fn the_sensor_listens_to_drift_and_nothing_else() {
    let sensor = read("events/sensor.yaml");
    let dependency = &sensor["spec"]["dependencies"][0];
    let filter = &dependency["filters"]["data"][0];
    assert_eq!(filter["path"], "headers.ce_type");
    let pattern = filter["value"][0].as_str().unwrap().replace("\\.", ".");
    let start = pattern.strip_prefix('^').and_then(|it| it.split('[').next()).unwrap();
    let found = steps().into_iter().flat_map(|step| (step.describe)().events);
    let heard: Vec<String> =
        found.map(|event| event.event_type).filter(|name| name.starts_with(start)).collect();
    assert_eq!(heard, ["dev.cdeventsx.headgate-drift.detected.0.1.0"]);

    let source = read("events/event-source.yaml");
    assert_eq!(dependency["eventSourceName"], source["metadata"]["name"]);
    let event = dependency["eventName"].as_str().unwrap();
    assert_eq!(source["spec"]["kafka"][event]["topic"], "headgate.events");
    let bus = read("events/event-bus.yaml");
    for user in [&sensor, &source] {
        assert_eq!(user["spec"]["eventBusName"], bus["metadata"]["name"]);
    }
}

#[test]
fn the_schedule_gives_detect_drift_what_it_takes() {
    let schedule = read("events/schedule/detect-drift.yaml");
    let file = serde_json::json!({ "spec": schedule["spec"]["workflowSpec"] });
    let watch = template(&file, "watch");
    let target = read("detect-drift.yaml");
    fits("schedule: detect-drift", task(watch, "detect-drift"), template(&target, "main"));
    fits("schedule: retrain", task(watch, "retrain"), template(&file, "retrain"));
    let given = names(&file["spec"]["arguments"]["parameters"]);
    assert_eq!(names(&watch["inputs"]["parameters"]), given);
}
