//! Of `rollback`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Model;
use super::promotion::service;

/// A model that was taken off the stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Rollback {
    /// The bad model; absent where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bad: Option<Model>,
    /// The champion afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good: Option<Model>,
    /// The route's generation afterwards; absent where the stream has no route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// Whether this run wrote the route.
    pub wrote_route: bool,
    /// Answers that the bad model gave.
    pub answers: u64,
    /// The records that it answered, of the features topic; others may have answered some between.
    pub answered: Vec<Answered>,
    /// Answers after the rollback that were looked at.
    pub later_answers: u64,
    /// Of these, by a model that must not answer any more.
    pub offences: u64,
    /// The scorers that confirmed the route.
    pub confirmed_by: Vec<String>,
}

/// Records of one partition, the last offset excluded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Answered {
    pub topic: String,
    pub partition: i32,
    pub from: i64,
    /// The first offset that is no longer in the range.
    pub to: i64,
    /// Records of the range that the bad model answered.
    pub count: u64,
}

fn rolled_back(result: &Rollback) -> Value {
    service(result.good.as_ref())
}

/// The event types.
pub mod types {
    use super::super::promotion::Service;
    use super::{Rollback, rolled_back};
    use crate::{EventType, Verdict};

    pub const ROLLED_BACK: EventType<Rollback> = EventType::standard::<Service>(
        "dev.cdevents.service.rolledback.0.3.0",
        "the stream is back on a good model, and that was confirmed",
        Verdict::Pass,
        rolled_back,
    );
    pub const UNNEEDED: EventType<Rollback> = EventType::new(
        "dev.cdeventsx.headgate-rollback.unneeded.0.1.0",
        "nothing to do: the model gave no answer, and has no part in the stream",
        Verdict::Pass,
    );
    pub const FAILED: EventType<Rollback> = EventType::new(
        "dev.cdeventsx.headgate-rollback.failed.0.1.0",
        "nothing to go back to, a scorer that does not follow, or answers that must not be; a person has to look",
        Verdict::Fail,
    );
    pub const UNDECIDED: EventType<Rollback> = EventType::new(
        "dev.cdeventsx.headgate-rollback.undecided.0.1.0",
        "the route is written, but not every scorer confirmed it in time; a person has to look",
        Verdict::Inconclusive,
    );
}
