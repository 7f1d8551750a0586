//! The decision record: `report.json`, from which a verdict can be reached again.

use std::collections::BTreeMap;

use schemars::JsonSchema;
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

/// The page of a record whose step has a type for its details: it is drawn from that type, and nothing is looked up by
/// name.
pub fn page<D: 'static>(details: D, draw: fn(&DecisionRecord<D>, &Value) -> String) -> ReportPage {
    Box::new(move |json| {
        let record = DecisionRecord::<Value>::deserialize(json)
            .expect("a page is drawn of a record that was serialised from this type");
        draw(&record.with_details(details), json)
    })
}

// === impl DecisionRecord ===

impl<D> DecisionRecord<D> {
    fn with_details<E>(self, details: E) -> DecisionRecord<E> {
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
