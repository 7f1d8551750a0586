//! A step that runs again after its outcome was emitted: it emits the same once more and changes nothing.

use std::collections::BTreeMap;
use std::path::Path;

use report::to_the_second;
use schemars::JsonSchema;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::event::ReportPlace;
use crate::record::{DecisionRecord, Draw};
use crate::{Context, Outcome, Step, Subject, event_log};

/// `details` of a step whose runs may be repeated.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Repeatable<D> {
    /// An earlier run emitted the outcome, and what it found lies in its record.
    Earlier(Earlier),
    /// What this run found, or an earlier one whose record still lay there.
    Found(D),
}

/// Where the record of the run lies that emitted the outcome.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Earlier {
    /// When, RFC 3339.
    pub emitted_before: String,
    pub report: ReportPlace,
}

// Derived, it would lose what is wrong with the details, and would not read maps whose keys are numbers.
impl<'de, D: DeserializeOwned> Deserialize<'de> for Repeatable<D> {
    fn deserialize<From: Deserializer<'de>>(from: From) -> Result<Self, From::Error> {
        let details = Value::deserialize(from)?;
        match Earlier::deserialize(&details) {
            Ok(earlier) => Ok(Self::Earlier(earlier)),
            Err(_) => D::deserialize(details).map(Self::Found).map_err(From::Error::custom),
        }
    }
}

/// The outcome that an earlier run of `S` with the same event id emitted, ready to be emitted again.
///
/// The decision record is the earlier one where the outputs folder still has it, else it names the earlier
/// report's digest; `draw` draws the page of an earlier one.
///
/// # Errors
/// The broker is away, or the events topic is missing.
pub fn outcome<S: Step, D: DeserializeOwned + 'static>(
    context: &Context,
    inputs: &BTreeMap<String, String>,
    draw: Draw<D>,
) -> anyhow::Result<Option<Outcome>> {
    let Some(event) = event_log::find(&context.kafka, &context.event_id(inputs))? else {
        return Ok(None);
    };
    let name = &event.context.event_type;
    let Some(kind) = S::EVENTS.iter().find(|kind| kind.name == name) else {
        anyhow::bail!(
            "the event {} is of type {name}, which this step does not emit",
            event.context.id
        )
    };
    let (id, data) = (event.context.id, event.custom_data);
    tracing::info!(id, verdict = %data.verdict, "emitted before; nothing is changed");
    // Details of another version of the step are not repeated.
    let is_known = |details: &Value| Repeatable::<D>::deserialize(details).is_ok();
    let details = earlier(&context.common.outputs, &data.report.digest).filter(is_known);
    let details = details.unwrap_or_else(|| {
        json!(Earlier { emitted_before: event.context.timestamp, report: data.report })
    });
    let output = |name: &'static str| data.outputs.get(name).map(|value| (name, value.clone()));
    Ok(Some(Outcome {
        verdict: data.verdict,
        reason: data.reason,
        event: Subject {
            event: *kind,
            id: event.subject.id,
            content: event.subject.content,
            result: data.result,
        },
        inputs: inputs.clone(),
        outputs: S::OUTPUTS.iter().filter_map(|spec| output(spec.name)).collect(),
        details,
        page: Box::new(move |json| {
            page(json, draw).expect("a page is drawn of a record whose details were read")
        }),
    }))
}

/// The page of a record of a step whose runs may be repeated.
///
/// # Errors
/// It is no such record.
pub fn page<D: DeserializeOwned>(json: &Value, draw: Draw<D>) -> serde_json::Result<String> {
    let mut record = DecisionRecord::<Value>::deserialize(json)?;
    let details = Repeatable::deserialize(record.details.take())?;
    Ok(match details {
        Repeatable::Found(details) => draw(&record.with_details(details)),
        Repeatable::Earlier(earlier) => repeated(&record.with_details(earlier)),
    })
}

/// The page of a run that had nothing to do.
fn repeated(record: &DecisionRecord<Earlier>) -> String {
    let title = format!("Outcome of {} for stream {}", record.step, record.stream);
    let earlier = &record.details;
    let at = to_the_second(&earlier.emitted_before);
    record
        .page(title)
        .figure("Emitted before", at, "this run emitted the outcome again and changed nothing")
        .fact("Earlier report", &earlier.report.address)
        .fact("Digest of the earlier report", &earlier.report.digest)
        .render()
}

/// The details of the report with this digest, if it lies in the folder.
fn earlier(outputs: &Path, digest: &str) -> Option<Value> {
    let report = std::fs::read(outputs.join("report.json")).ok()?;
    let found = format!("sha256:{}", hex::encode(Sha256::digest(&report)));
    let record: DecisionRecord = serde_json::from_slice(&report).ok()?;
    (found == digest).then_some(record.details)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Serialize, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Details {
        by_partition: BTreeMap<i32, u64>,
    }

    #[test]
    fn details_are_those_of_a_run_or_name_an_earlier_one() {
        let read = |details| serde_json::from_value::<Repeatable<Details>>(details);
        let found = read(json!({ "by_partition": { "7": 1 } }));
        assert!(matches!(found, Ok(Repeatable::Found(it)) if it.by_partition[&7] == 1));
        let earlier = json!({ "emitted_before": "then", "report": { "digest": "sha256:1" } });
        assert!(
            matches!(read(earlier), Ok(Repeatable::Earlier(it)) if it.emitted_before == "then")
        );
        let error = read(json!({ "by_partitoin": {} })).expect_err("misspelt").to_string();
        assert!(error.contains("`by_partitoin`"), "{error}");
    }
}
