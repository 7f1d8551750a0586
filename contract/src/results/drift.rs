//! Of `detect-drift`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Offset, Range};

/// A window of the stream held against a baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Drift {
    /// The records that were read.
    pub window: Vec<Range>,
    /// Readable records of the window.
    pub records: u64,
    pub unreadable: u64,
    /// Digest of the baseline.
    pub baseline: String,
    /// Readable records that it was made from.
    pub baseline_records: u64,
    /// The fewest readable records that a verdict needs.
    pub min_records: u64,
    /// How many features were judged; 0 where there was too little for that.
    pub judged: u64,
    /// The features that moved, the one furthest beyond its limit first.
    pub moved: Vec<Moved>,
    /// From where on any of them had moved.
    pub since: Vec<Offset>,
}

/// A feature that moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Moved {
    pub name: String,
    /// The Kolmogorov-Smirnov distance.
    pub ks: f64,
    pub ks_limit: f64,
    /// The population stability index.
    pub psi: f64,
    pub psi_limit: f64,
    /// In standard deviations of the baseline; absent where the baseline is constant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_shift: Option<f64>,
    /// From where on it had moved, partition by partition.
    pub since: Vec<Since>,
}

/// From where on a feature had moved on one partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Since {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    /// False where only the window as a whole shows the drift; the offset is then the window's first.
    pub located: bool,
}

/// A baseline profile that was made, or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Baseline {
    /// Digest of the profile; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<String>,
    /// The records that were read; empty where a file was.
    pub window: Vec<Range>,
    /// Readable records.
    pub records: u64,
    pub unreadable: u64,
    /// The fewest readable records that a baseline needs.
    pub min_records: u64,
    pub features: u64,
}

/// The event types.
pub mod types {
    use super::{Baseline, Drift};
    use crate::{EventType, Verdict};

    pub const DETECTED: EventType<Drift> = EventType::new(
        "dev.cdeventsx.headgate-drift.detected.0.1.0",
        "features left the range of the baseline; names them and since which offset",
        Verdict::Fail,
    );
    pub const ABSENT: EventType<Drift> = EventType::new(
        "dev.cdeventsx.headgate-drift.absent.0.1.0",
        "every feature is within its limits over the window",
        Verdict::Pass,
    );
    pub const UNDECIDED: EventType<Drift> = EventType::new(
        "dev.cdeventsx.headgate-drift.undecided.0.1.0",
        "too few readable records for a verdict, in the window or in the baseline",
        Verdict::Inconclusive,
    );
    pub const RECORDED: EventType<Baseline> = EventType::new(
        "dev.cdeventsx.headgate-baseline.recorded.0.1.0",
        "a baseline profile was made; names its digest",
        Verdict::Pass,
    );
    pub const NOT_RECORDED: EventType<Baseline> = EventType::new(
        "dev.cdeventsx.headgate-baseline.undecided.0.1.0",
        "too few readable records for a baseline; there is none",
        Verdict::Inconclusive,
    );
}
