//! What a scorer says of itself, and who counts as live.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

use crate::Route;

/// How often a scorer repeats its status when nothing changes.
pub const HEARTBEAT: Duration = Duration::from_millis(1000);
/// A scorer that was silent for this long is no longer waited for; the group has given its partitions away.
pub const LIVE_FOR: Duration = Duration::from_millis(5000);

/// The last status of a scorer, as it stands on the scorers topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScorerStatus {
    pub stream: String,
    /// The instance's name, unique within the stream.
    pub scorer: String,
    /// The `id` of the route in force; empty while nothing is answered. A change counts only once it stands here.
    #[serde(default)]
    pub route: String,
    /// Its generation: no later answer of this scorer carries a lower one of the same epoch. 0 before the first route.
    pub generation: u64,
    /// How it stands with the newest route seen.
    pub state: ScorerState,
    /// The `id` of the newest route seen; another than `route` while its models load.
    #[serde(default)]
    pub seen_route: String,
    /// Its generation.
    pub seen: u64,
    /// Why the state is `failed`: what could not be loaded or answered.
    pub error: Option<String>,
    /// Records that the candidate failed to answer, so that the champion did, in this generation.
    pub fallbacks: u64,
}

/// How a scorer stands with the newest route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ScorerState {
    /// The newest route is in force.
    Ready,
    /// Its models are being loaded; the former route answers.
    Loading,
    /// A model could not be loaded. The champion answers in its place, in the newest generation where the
    /// champion is there, else in the former one.
    Failed,
}

impl ScorerStatus {
    /// Whether this very route is in force.
    pub fn has_in_force(&self, wanted: &Route) -> bool {
        self.route == wanted.id && self.generation == wanted.generation
    }

    /// Whether this very route is the newest that the scorer has seen.
    pub fn has_seen(&self, wanted: &Route) -> bool {
        self.seen_route == wanted.id && self.seen == wanted.generation
    }

    /// The record's key.
    pub fn key(&self) -> String {
        format!("{}/{}", self.stream, self.scorer)
    }
}
