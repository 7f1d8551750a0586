//! A run whose outcome was told before: it is told again, and the traffic is left alone.

use std::path::Path;

use contract::event::OutcomeEvent;
use contract::{Outcome, Step, Subject};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{CanaryGate, FINISHED, page};

/// The outcome of `event`, with its decision record where the outputs folder still has it.
pub(crate) fn outcome(event: OutcomeEvent, outputs: &Path) -> Outcome {
    let told = event.custom_data;
    tracing::info!(id = event.context.id, verdict = %told.verdict, "told before; nothing is changed");
    let details = details(outputs, &told.report).unwrap_or_else(
        || json!({ "told-before": event.context.timestamp, "report": told.report }),
    );
    let named = |name: &'static str| told.outputs.get(name).map(|value| (name, value.clone()));
    Outcome {
        verdict: told.verdict,
        reason: told.reason,
        event: Subject { event: FINISHED, id: event.subject.id, content: event.subject.content },
        inputs: told.inputs,
        outputs: CanaryGate::OUTPUTS.iter().filter_map(|spec| named(spec.name)).collect(),
        details,
        page: Box::new(page::render),
    }
}

/// The details of the report with this digest, if it lies in the folder.
fn details(outputs: &Path, digest: &str) -> Option<Value> {
    let report = std::fs::read(outputs.join("report.json")).ok()?;
    let found = format!("sha256:{}", hex::encode(Sha256::digest(&report)));
    let record: Value = serde_json::from_slice(&report).ok()?;
    (found == digest).then(|| record["details"].clone())
}
