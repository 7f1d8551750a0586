//! Of `build-image`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Model;

/// An image that was made, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Packaging {
    /// The model that was found; `image` names the image by digest where there is one.
    pub model: Model,
    /// The digest that was asked for.
    pub expected: String,
    /// Digest of the image's manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_digest: Option<String>,
    /// Bytes of the model's file.
    pub size: u64,
    pub bytes_sent: u64,
    /// Bytes that were there already.
    pub bytes_skipped: u64,
}

/// What CDEvents asks of `artifact.packaged`.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Packaged {
    change: Change,
}

/// What the artifact was made of.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Change {
    /// The model's digest.
    id: String,
}

fn packaged(result: &Packaging) -> Value {
    json!({ "change": { "id": result.model.digest } })
}

/// The event types.
pub mod types {
    use super::{Packaged, Packaging, packaged};
    use crate::{EventType, Verdict};

    pub const PACKAGED: EventType<Packaging> = EventType::standard::<Packaged>(
        "dev.cdevents.artifact.packaged.0.3.0",
        "the image with the model is in its layout or registry",
        Verdict::Pass,
        packaged,
    );
    pub const REFUSED: EventType<Packaging> = EventType::new(
        "dev.cdeventsx.headgate-image.refused.0.1.0",
        "the model's file is not the one that was validated; there is no image",
        Verdict::Fail,
    );
}
