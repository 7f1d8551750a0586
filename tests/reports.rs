//! Each step's decision record is of its type: the schema is generated from it, and the samples of the page hold to it.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use contract::record::DecisionRecord;
use contract::repeat::Repeatable;
use pipeline_tests::{root, steps};
use schemars::{JsonSchema, Schema, schema_for};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A step whose details have a type.
struct Typed {
    step: &'static str,
    schema: Schema,
    /// The record, read as its type and written again.
    survived: fn(Value) -> serde_json::Result<Value>,
}

/// Every step whose details have a type.
fn typed() -> Vec<Typed> {
    vec![
        of::<build_image::Details>("build-image"),
        of::<Repeatable<canary_gate::Details>>("canary-gate"),
        of::<conclude::Details>("conclude"),
        of::<detect_drift::Details>("detect-drift"),
        of::<Repeatable<promote::Details>>("promote"),
        of::<Repeatable<rollback::Details>>("rollback"),
        of::<Repeatable<shadow_test::Details>>("shadow-test"),
        of::<Repeatable<train_linear::Details>>("train-linear"),
        of::<validate_model::Details>("validate-model"),
    ]
}

fn of<D: JsonSchema + Serialize + DeserializeOwned>(step: &'static str) -> Typed {
    Typed {
        step,
        schema: schema_for!(DecisionRecord<D>),
        survived: |record| {
            serde_json::to_value(serde_json::from_value::<DecisionRecord<D>>(record)?)
        },
    }
}

#[test]
fn the_record_of_every_step_has_a_type() {
    let typed: BTreeSet<_> = typed().iter().map(|it| it.step).collect();
    assert_eq!(typed, steps().iter().map(|step| step.name).collect());
}

#[test]
fn every_typed_record_has_a_schema_that_is_that_of_its_rust_type() {
    let file = |Typed { step, schema, .. }: Typed| {
        let schema = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        (format!("{step}.schema.json"), schema)
    };
    testkit::generated::hold_folder(
        &root().join("contract/schemas/reports"),
        &typed().into_iter().map(file).collect(),
        "is not what the step's Details say: run `make bless`, look at the diff",
    );
}

#[test]
fn samples_are_valid_and_survive_the_types() {
    for Typed { step, schema, survived } in typed() {
        let schema = jsonschema::validator_for(schema.as_value()).unwrap();
        for (name, record) in testkit::browser::sample_records(step) {
            let wrong: Vec<_> = schema.iter_errors(&record).map(|it| it.to_string()).collect();
            assert!(wrong.is_empty(), "{step}/{name}: {wrong:?}");
            let again = survived(record.clone()).unwrap_or_else(|it| panic!("{step}/{name}: {it}"));
            if again != record && std::env::var_os("BLESS").is_some() {
                let file = root().join(format!("steps/{step}/samples/pages/{name}.json"));
                let mut text = Vec::new();
                let format = serde_json::ser::PrettyFormatter::with_indent(b" ");
                let mut to = serde_json::Serializer::with_formatter(&mut text, format);
                again.serialize(&mut to).unwrap();
                std::fs::write(file, text).unwrap();
                continue;
            }
            assert_eq!(again, record, "{step}/{name} is not as it is written: run `make bless`");
        }
    }
}

#[test]
fn a_record_without_a_field_is_refused() {
    for Typed { step, survived, .. } in typed() {
        for (name, record) in testkit::browser::sample_records(step) {
            for field in record.get("details").unwrap().as_object().unwrap().keys() {
                let mut wrong = record.clone();
                let details = wrong.get_mut("details").unwrap().as_object_mut().unwrap();
                let value = details.remove(field).unwrap();
                details.insert(format!("{field}_misspelt"), value);
                let read = survived(wrong);
                assert!(read.is_err(), "{step}/{name} is read though {field} is misspelt");
            }
        }
    }
}
