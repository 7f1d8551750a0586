//! A step run again after its outcome was told: it tells the same once more and changes nothing.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::outcome::ReportPage;
use crate::{Context, Outcome, Step, Subject, event_log};

/// The outcome that an earlier run of `S` with the same event id told, ready to be told again; `page` renders it.
///
/// The decision record is the earlier one where the outputs folder still has it, else it names the earlier
/// report's digest.
///
/// # Errors
/// The broker is away, or the events topic is missing.
pub fn told<S: Step>(
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
            "the event {} is of type {name}, which this step does not tell",
            event.context.id
        )
    };
    let (id, told) = (event.context.id, event.custom_data);
    tracing::info!(id, verdict = %told.verdict, "told before; nothing is changed");
    let details = earlier(&context.common.outputs, &told.report.digest).unwrap_or_else(
        || json!({ "told-before": event.context.timestamp, "report": told.report }),
    );
    let output = |name: &'static str| told.outputs.get(name).map(|value| (name, value.clone()));
    Ok(Some(Outcome {
        verdict: told.verdict,
        reason: told.reason,
        event: Subject {
            event: *kind,
            id: event.subject.id,
            content: event.subject.content,
            result: told.result,
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
