//! Of `promote`, and what CDEvents asks of a service that has another model.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Model;

/// A model that was to become the champion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Promotion {
    pub model: Model,
    /// The champion before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former: Option<Model>,
    /// The champion afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub champion: Option<Model>,
    /// Such as `canary` or `bootstrap`.
    pub strategy: String,
    /// The route's generation afterwards; absent where the stream has no route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// The scorers that confirmed the route of the promotion.
    pub confirmed_by: Vec<String>,
    /// From the writing of the route until all of them had; absent where nothing was waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_after_seconds: Option<f64>,
}

/// What CDEvents asks of `service.upgraded` and `service.rolledback`.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct Service {
    environment: Environment,
    /// The image of the champion.
    artifact_id: String,
}

/// Where the service runs.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Environment {
    id: String,
}

/// That content; [`crate::step`] knows the environment and fills it in.
pub(super) fn service(champion: Option<&Model>) -> Value {
    let image = champion.and_then(|model| model.image.clone());
    json!({ "environment": { "id": "" }, "artifactId": image.unwrap_or_default() })
}

fn upgraded(result: &Promotion) -> Value {
    service(Some(&result.model))
}

/// The event types.
pub mod types {
    use super::{Promotion, Service, upgraded};
    use crate::{EventType, Verdict};

    pub const PROMOTED: EventType<Promotion> = EventType::standard::<Service>(
        "dev.cdevents.service.upgraded.0.3.0",
        "the model is the champion",
        Verdict::Pass,
        upgraded,
    );
    pub const REFUSED: EventType<Promotion> = EventType::new(
        "dev.cdeventsx.headgate-promotion.refused.0.1.0",
        "the model may not be the champion, or a scorer cannot answer with it; the former route is in force",
        Verdict::Fail,
    );
    pub const UNDECIDED: EventType<Promotion> = EventType::new(
        "dev.cdeventsx.headgate-promotion.undecided.0.1.0",
        "not every scorer confirmed in time; the former route is in force",
        Verdict::Inconclusive,
    );
}
