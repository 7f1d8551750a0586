//! The step's part of the decision record.

use kafka::Window;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::judge::Judgement;
use crate::profile::{Feature, Profile};
use crate::sample::{Sample, Unreadable};

/// `details` of `report.json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Details {
    /// The offsets that were read, PARTITION:FIRST-END separated by commas; nothing where a file was.
    pub(crate) window: Option<String>,
    /// Readable records.
    pub(crate) records: u64,
    pub(crate) unreadable: Unreadable,
    pub(crate) found: Found,
}

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Found {
    /// Too few readable records to judge or to record.
    TooLittle,
    /// A baseline: its features in the schema's order.
    Baseline(Vec<Described>),
    Judgement(Judgement),
}

/// A feature of a baseline.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Described {
    pub(crate) name: String,
    pub(crate) mean: f64,
    pub(crate) standard_deviation: f64,
    pub(crate) lowest: f64,
    pub(crate) median: f64,
    pub(crate) highest: f64,
    /// Distinct values in the profile.
    pub(crate) kept: u64,
    /// Whether the feature has no other values.
    pub(crate) exact: bool,
}

// === impl Details ===

impl Details {
    pub(crate) fn new(window: Option<&Window>, sample: &Sample, found: Found) -> Self {
        Self {
            window: window.map(ToString::to_string),
            records: sample.readable(),
            unreadable: sample.unreadable.clone(),
            found,
        }
    }
}

// === impl Found ===

impl From<&Profile> for Found {
    fn from(profile: &Profile) -> Self {
        Self::Baseline(profile.features.iter().map(Described::from).collect())
    }
}

// === impl Described ===

impl From<&Feature> for Described {
    fn from(feature: &Feature) -> Self {
        let (moments, shape) = (feature.moments, &feature.distribution);
        Self {
            name: feature.name.clone(),
            mean: moments.mean,
            standard_deviation: moments.standard_deviation,
            lowest: shape.min(),
            median: shape.quantile(0.5),
            highest: shape.max(),
            kept: shape.points().len() as u64,
            exact: shape.is_exact(),
        }
    }
}
