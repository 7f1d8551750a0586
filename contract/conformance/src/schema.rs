//! The committed schemas, and documents held against them.

use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

/// A document that has a schema in `contract/schemas/`.
#[derive(Clone, Copy, Debug)]
pub enum Document {
    Description,
    OutcomeEvent,
    Report,
}

static DESCRIPTION: LazyLock<Validator> =
    LazyLock::new(|| compile(include_str!("../../schemas/description.schema.json")));
static OUTCOME_EVENT: LazyLock<Validator> =
    LazyLock::new(|| compile(include_str!("../../schemas/outcome-event.schema.json")));
static REPORT: LazyLock<Validator> =
    LazyLock::new(|| compile(include_str!("../../schemas/report.schema.json")));

/// What is wrong with `text` as a `document`.
///
/// # Errors
/// It is not JSON, or not valid against the schema: where, and what.
pub fn validate(document: Document, text: &str) -> Result<Value, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
    let validator = match document {
        Document::Description => &*DESCRIPTION,
        Document::OutcomeEvent => &*OUTCOME_EVENT,
        Document::Report => &*REPORT,
    };
    let defects: Vec<String> = validator
        .iter_errors(&value)
        .map(|error| format!("at `{}`: {error}", error.instance_path()))
        .collect();
    if defects.is_empty() { Ok(value) } else { Err(defects.join("; ")) }
}

/// What is wrong with an event of one of our types, held against the schema of that type; events of other types are
/// not ours to judge.
///
/// # Errors
/// It is not valid: where, and what.
pub fn validate_event(event: &Value) -> Result<(), String> {
    let kind = event["context"]["type"].as_str().unwrap_or_default();
    let Some(ours) = contract::results::ALL.iter().find(|ours| ours.name == kind) else {
        return Ok(());
    };
    let validator = jsonschema::validator_for(ours.schema().as_value())
        .expect("schemars writes schemas that are valid");
    let wrong: Vec<String> = validator
        .iter_errors(event)
        .map(|error| format!("at `{}`: {error}", error.instance_path()))
        .collect();
    if wrong.is_empty() { Ok(()) } else { Err(format!("as {kind}: {}", wrong.join("; "))) }
}

fn compile(schema: &str) -> Validator {
    let schema =
        serde_json::from_str(schema).expect("tests hold the committed schemas against the types");
    jsonschema::validator_for(&schema).expect("schemars writes schemas that are valid")
}
