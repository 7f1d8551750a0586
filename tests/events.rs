//! One golden event for each type that a step emits, and no other; each is what the schema and the types say.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use conformance::{Document, validate, validate_event};
use contract::event::{OutcomeEvent, is_cdevents_type};
use contract::results::ALL;
use contract::{AnyEventType, CONTRACT_VERSION, EventType, Verdict};
use pipeline_tests::{StepUnderTest, root, steps};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// `3-shadow.passed.json`: the step's place in the release, and the type without its owner and version.
fn file(place: usize, event_type: &str) -> String {
    let name = event_type
        .trim_start_matches("dev.cdeventsx.headgate-")
        .trim_start_matches("dev.cdevents.");
    let mut words = name.split('.');
    let (subject, predicate) = (words.next().unwrap(), words.next().unwrap());
    format!("{}-{subject}.{predicate}.json", place + 1)
}

/// Step, type and file of every event.
fn emitted() -> Vec<(StepUnderTest, String, String)> {
    let each = steps().into_iter().enumerate().flat_map(|(place, step)| {
        let types = (step.describe)().events.into_iter().map(|event| event.event_type);
        types
            .map(move |event| (steps().remove(place), event.clone(), file(place, &event)))
            .collect::<Vec<_>>()
    });
    each.collect()
}

/// Every golden event.
fn goldens() -> Vec<OutcomeEvent> {
    let files = std::fs::read_dir(root().join("contract/events")).unwrap();
    let texts = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    texts.map(|text| serde_json::from_str(&text).unwrap()).collect()
}

/// The result, read as its type and written again: a field that the type does not have would be lost.
fn survived(event: &OutcomeEvent) -> Value {
    fn through<R: DeserializeOwned + Serialize>(
        event: &OutcomeEvent,
        of: &[EventType<R>],
    ) -> Option<Value> {
        let result = of.iter().find_map(|of| event.result(*of))?;
        Some(serde_json::to_value(result).unwrap())
    }
    use contract::results::types as t;
    let validation = [t::validation::VALIDATED, t::validation::REJECTED, t::validation::UNDECIDED];
    through(event, &validation)
        .or_else(|| through(event, &[t::image::PACKAGED, t::image::REFUSED]))
        .or_else(|| through(event, &[t::shadow::PASSED, t::shadow::FAILED, t::shadow::UNDECIDED]))
        .or_else(|| through(event, &[t::canary::PASSED, t::canary::FAILED, t::canary::UNDECIDED]))
        .or_else(|| {
            through(
                event,
                &[t::promotion::PROMOTED, t::promotion::REFUSED, t::promotion::UNDECIDED],
            )
        })
        .or_else(|| through(event, &[t::rollback::ROLLED_BACK, t::rollback::UNNEEDED]))
        .or_else(|| through(event, &[t::rollback::FAILED, t::rollback::UNDECIDED]))
        .or_else(|| through(event, &[t::drift::DETECTED, t::drift::ABSENT, t::drift::UNDECIDED]))
        .or_else(|| through(event, &[t::drift::RECORDED, t::drift::NOT_RECORDED]))
        .or_else(|| {
            through(event, &[t::release::SUCCEEDED, t::release::FAILED, t::release::UNDECIDED])
        })
        .or_else(|| through(event, &[t::training::TRAINED, t::training::UNDECIDED]))
        .unwrap_or_else(|| panic!("{} holds no result of its type", event.context.event_type))
}

#[test]
fn every_type_has_a_golden_event_and_the_reverse() {
    let wanted: BTreeSet<String> = emitted().into_iter().map(|(.., file)| file).collect();
    let there = std::fs::read_dir(root().join("contract/events")).unwrap();
    let there: BTreeSet<String> =
        there.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let missing: Vec<_> = wanted.difference(&there).collect();
    let surplus: Vec<_> = there.difference(&wanted).collect();
    assert!(
        missing.is_empty(),
        "write contract/events/{missing:?}: copy a neighbour and say what the step emits"
    );
    assert!(
        surplus.is_empty(),
        "no step emits {surplus:?} any more: remove it from contract/events"
    );
}

#[test]
fn a_type_belongs_to_one_step_and_one_verdict() {
    let mut seen: BTreeMap<String, (&str, Verdict)> = BTreeMap::new();
    for step in steps() {
        for event in (step.describe)().events {
            let of = (step.name, event.verdict);
            let before = seen.insert(event.event_type.clone(), of);
            assert_eq!(before, None, "{} belongs to {of:?} too", event.event_type);
        }
    }
    for golden in goldens() {
        let (_, verdict) = seen[&golden.context.event_type];
        assert_eq!(golden.custom_data.verdict, verdict, "{}", golden.context.event_type);
    }
}

#[test]
fn every_step_that_may_fail_or_stay_undecided_has_a_type_for_it() {
    // A step that was not listed here and may end so has nothing that it could emit: contract::step refuses.
    let fails = |step: &str| !["train-linear"].contains(&step);
    let stays_undecided = |step: &str| !["build-image"].contains(&step);
    for step in steps() {
        let verdicts: BTreeSet<&str> =
            (step.describe)().events.iter().map(|event| event.verdict.as_str()).collect();
        assert!(verdicts.contains("pass"), "{}: {verdicts:?}", step.name);
        assert_eq!(verdicts.contains("fail"), fails(step.name), "{}: {verdicts:?}", step.name);
        let undecided = verdicts.contains("inconclusive");
        assert_eq!(undecided, stays_undecided(step.name), "{}: {verdicts:?}", step.name);
    }
}

#[test]
fn every_type_has_a_schema_that_is_that_of_its_rust_type() {
    let file = |event: &AnyEventType| {
        let schema = serde_json::to_string_pretty(&event.schema()).unwrap() + "\n";
        (format!("{}.schema.json", event.name), schema)
    };
    testkit::generated::hold_folder(
        &root().join("contract/schemas/events"),
        &ALL.iter().map(file).collect(),
        "is not what contract::results says: run `make bless`, look at the diff, and raise the type's version if a \
         consumer could break",
    );
}

#[test]
fn the_list_of_all_types_is_that_of_the_steps() {
    let listed: Vec<&str> = ALL.iter().map(|event| event.name).collect();
    let emitted: Vec<&str> =
        steps().iter().flat_map(|step| step.events.iter().map(|event| event.name)).collect();
    assert_eq!(listed, emitted, "contract::results::ALL");
}

#[test]
fn golden_events_are_valid_and_survive_the_types() {
    for (step, event_type, file) in emitted() {
        let text = std::fs::read_to_string(root().join("contract/events").join(&file)).unwrap();
        let golden = validate(Document::OutcomeEvent, &text);
        let golden: Value = golden.unwrap_or_else(|wrong| panic!("{file}: {wrong}"));
        validate_event(&golden).unwrap_or_else(|wrong| panic!("{file}: {wrong}"));
        let event: OutcomeEvent = serde_json::from_value(golden.clone()).unwrap();
        let result = Value::Object(event.custom_data.result.clone());
        assert_eq!(
            survived(&event),
            result,
            "{file}: its result changes when it is read and written"
        );
        assert_eq!(
            serde_json::to_value(&event).unwrap(),
            golden,
            "{file} changes when it is read and written"
        );

        assert_eq!(event.context.event_type, event_type, "{file}");
        assert!(is_cdevents_type(&event_type), "{file}");
        assert!(event.context.source.ends_with(&format!("/{}", step.name)), "{file}: its source");
        let data = &event.custom_data;
        assert_eq!(
            (data.step.as_str(), data.contract.as_str()),
            (step.name, CONTRACT_VERSION),
            "{file}"
        );
        let outputs: BTreeSet<String> =
            (step.describe)().outputs.into_iter().map(|output| output.name).collect();
        let unknown = data.outputs.keys().find(|name| !outputs.contains(*name));
        assert_eq!(unknown, None, "{file} has an output that {} does not have", step.name);
    }
}

#[test]
fn a_golden_event_becomes_the_record_that_the_contract_asks_for() {
    let text =
        std::fs::read_to_string(root().join("contract/events/5-service.upgraded.json")).unwrap();
    let event: OutcomeEvent = serde_json::from_str(&text).unwrap();
    let record = event.to_record("headgate.events").unwrap();
    assert_eq!(record.key.as_deref(), Some(event.custom_data.release.as_bytes()));
    let names: Vec<&str> = record.headers.iter().map(|(name, _)| name.as_str()).collect();
    let wanted = [
        "ce_specversion",
        "ce_id",
        "ce_type",
        "ce_source",
        "ce_subject",
        "ce_time",
        "content-type",
    ];
    assert_eq!(names, wanted);
}
