//! A step that runs again after its outcome was emitted: it emits the same once more and changes nothing.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::outcome::ReportPage;
use crate::{Context, Outcome, Step, Subject, event_log};

/// The outcome that an earlier run of `S` with the same event id emitted, ready to be emitted again; `page` renders it.
///
/// The decision record is the earlier one where the outputs folder still has it, else it names the earlier
/// report's digest.
///
/// # Errors
/// The broker is away, or the events topic is missing.
pub fn earlier_outcome<S: Step>(
    context: &Context,
    inputs: &BTreeMap<String, String>,
    page: ReportPage,
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
    let details = earlier(&context.common.outputs, &data.report.digest).unwrap_or_else(
        || json!({ "emitted_before": event.context.timestamp, "report": data.report }),
    );
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
        page,
    }))
}

/// The details of the report with this digest, if it lies in the folder.
fn earlier(outputs: &Path, digest: &str) -> Option<Value> {
    let report = std::fs::read(outputs.join("report.json")).ok()?;
    let found = format!("sha256:{}", hex::encode(Sha256::digest(&report)));
    let record: Value = serde_json::from_slice(&report).ok()?;
    (found == digest).then(|| record["details"].clone())
}
