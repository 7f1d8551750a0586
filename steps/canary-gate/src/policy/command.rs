//! What a person may ask a gate that is under way.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A record's value on the commands topic, and an entry of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Command {
    pub(crate) command: Action,
    /// Who asks.
    #[serde(default)]
    pub(crate) by: String,
    #[serde(default)]
    pub(crate) reason: String,
    /// RFC 3339.
    #[serde(default)]
    pub(crate) at: String,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Action {
    /// Stay at the share in hand: neither raise it nor pass. Harm still ends the canary.
    Pause,
    /// Go on.
    Resume,
    /// Give up: share 0, inconclusive.
    Abort,
}

impl Action {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Abort => "abort",
        }
    }
}

/// A command, and when it came.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Asked {
    /// Seconds since the gate began; the command has an `at` of its own, the time of day.
    #[serde(rename = "after")]
    pub(crate) at: f64,
    #[serde(flatten)]
    pub(crate) command: Command,
}
