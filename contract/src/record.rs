//! The decision record: `report.json`, from which a verdict can be reached again.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Verdict;

/// `report.json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DecisionRecord {
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
    pub details: Value,
    /// RFC 3339.
    pub started: String,
    /// RFC 3339.
    pub finished: String,
}
