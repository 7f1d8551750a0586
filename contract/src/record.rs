//! The decision record: `report.json`, from which a verdict can be reached again.

use std::collections::BTreeMap;

use report::{Model, Page, to_the_second};
use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Verdict;
use crate::outcome::ReportPage;

// `D` is the type of the step's own part.
/// `report.json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DecisionRecord")]
pub struct DecisionRecord<D = Value> {
    /// The contract's version.
    #[schemars(length(min = 1))]
    pub contract: String,
    #[schemars(length(min = 1))]
    pub step: String,
    /// The step's version.
    pub version: String,
    #[schemars(length(min = 1))]
    pub release: String,
    #[schemars(length(min = 1))]
    pub stream: String,
    #[schemars(length(min = 1))]
    pub environment: String,
    pub verdict: Verdict,
    #[schemars(length(min = 1))]
    pub reason: String,
    /// Id of the outcome event.
    #[schemars(length(min = 1))]
    pub event: String,
    /// The flags that decide, as given or by default, by name without dashes; no places, no credentials.
    pub flags: BTreeMap<String, Vec<String>>,
    /// What the run was given, by digest.
    pub inputs: BTreeMap<String, String>,
    /// The step's own part: values beside thresholds, offset ranges, seeds.
    pub details: D,
    /// RFC 3339.
    pub started: String,
    /// RFC 3339.
    pub finished: String,
}

/// How a step draws the page of its record.
pub type Draw<D> = fn(&DecisionRecord<D>) -> String;

/// What an [`Outcome`](crate::Outcome) takes of a step's details: their JSON, and the page that is drawn from their type.
///
/// # Panics
/// The details hold what JSON does not know, such as a map whose keys are no texts.
pub fn drawn<D: Serialize + 'static>(details: D, draw: Draw<D>) -> (Value, ReportPage) {
    let json = serde_json::to_value(&details).expect("details are JSON by their type");
    (json, Box::new(move |json| draw(&frame(json).with_details(details))))
}

fn frame(json: &Value) -> DecisionRecord<IgnoredAny> {
    DecisionRecord::deserialize(json)
        .expect("a page is drawn of a record that was serialised from this type")
}

// === impl DecisionRecord ===

impl<D: Serialize> DecisionRecord<D> {
    /// The record's page with what all steps share: verdict, reason, release, inputs, times, and the record itself.
    #[must_use]
    pub fn page(&self, title: impl Into<String>) -> Page {
        let mut page = Page::new(&self.step, title, self.verdict.into(), &self.reason);
        page.context = [
            ("Release", self.release.clone()),
            ("Stream", self.stream.clone()),
            ("Environment", self.environment.clone()),
            ("Finished", to_the_second(&self.finished)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        page = page.fact("Started", to_the_second(&self.started));
        for (name, input) in &self.inputs {
            page = page.fact(format!("Input: {name}"), input);
        }
        page.fact("Step version", &self.version)
            .fact("Event", &self.event)
            .record(serde_json::to_value(self).expect("a record is JSON by its type"))
    }
}

impl<D> DecisionRecord<D> {
    /// The model of a flag that names a file, with its digest out of the inputs.
    #[must_use]
    pub fn model(&self, role: &str, flag: &str) -> Option<Model> {
        let file = self.flags.get(flag).and_then(|given| given.first());
        let digest = self.inputs.get(flag)?;
        Some(Model::of_file(role, digest, file.map_or("", String::as_str)))
    }

    pub(crate) fn with_details<E>(self, details: E) -> DecisionRecord<E> {
        DecisionRecord {
            contract: self.contract,
            step: self.step,
            version: self.version,
            release: self.release,
            stream: self.stream,
            environment: self.environment,
            verdict: self.verdict,
            reason: self.reason,
            event: self.event,
            flags: self.flags,
            inputs: self.inputs,
            details,
            started: self.started,
            finished: self.finished,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_page_has_verdict_reason_inputs_and_the_record() {
        let record: DecisionRecord = serde_json::from_value(json!({
            "contract": "1.0", "step": "promote", "version": "0.1.0", "release": "r-1", "stream": "s",
            "environment": "dev", "verdict": "pass", "reason": "confirmed", "event": "e",
            "flags": { "model": ["m/a.onnx"] }, "inputs": { "model": "sha256:1" }, "details": {},
            "started": "2026-11-24T01:49:32.139631702Z", "finished": "soon",
        }))
        .expect("a record");
        let page = record.page("Promotion");
        assert_eq!((page.verdict, page.reason.as_str()), (report::Verdict::Pass, "confirmed"));
        assert!(page.facts.contains(&("Input: model".into(), "sha256:1".into())));
        assert!(page.facts.contains(&("Started".into(), "2026-11-24 01:49:32 UTC".into())));
        assert!(page.context.contains(&("Finished".into(), "soon".into())));
        assert_eq!(page.record, json!(record));
        assert_eq!(record.model("Model", "model").map(|it| it.called()).as_deref(), Some("a"));
        assert!(record.model("Model", "champion").is_none());
    }
}
