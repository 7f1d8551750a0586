//! The step's part of the decision record.

use routes::{Confirmation, ModelRef, Route};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `details` of `report.json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Details {
    /// The model to promote.
    pub model: ModelRef,
    /// The route that stood there; nothing where the stream had none.
    pub before: Option<Route>,
    /// The route afterwards.
    pub after: Option<Route>,
    /// What the scorers said; nothing where nobody asked them.
    pub confirmation: Option<Confirmation>,
}
