//! Outcome events: CloudEvents 1.0 on Kafka in binary mode, with a CDEvents 0.5.1 body.
//!
//! The body is a CDEvent; what CDEvents has no field for stands in its `customData`, always in the shape of
//! [`OutcomeData`], whose `result` has a type for each event type. The record's key is the release, so a release's events
//! stay in order on one partition.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::{EventType, Verdict};
use kafka::Outgoing;

/// The CDEvents release that the bodies follow.
pub const CDEVENTS_VERSION: &str = "0.5.1";

/// An outcome event as it stands in a Kafka record's value.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OutcomeEvent {
    pub context: EventContext,
    pub subject: EventSubject,
    pub custom_data: OutcomeData,
    /// Always `application/json`.
    #[schemars(regex(pattern = r"^application/json$"))]
    pub custom_data_content_type: String,
}

/// The CDEvents context.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventContext {
    /// The CDEvents release.
    pub specversion: String,
    /// The same for a repeated run, so that consumers can drop the repetition.
    #[schemars(length(min = 1, max = 200))]
    pub id: String,
    /// `/headgate/<environment>/<step>`.
    #[schemars(regex(pattern = r"^/headgate/[A-Za-z0-9._-]+/[a-z0-9-]+$"))]
    pub source: String,
    /// A CDEvents type, standard or custom.
    #[serde(rename = "type")]
    #[schemars(regex(
        pattern = r"^dev\.(cdevents\.[A-Za-z]+|cdeventsx\.[A-Za-z]+-[A-Za-z]+)\.[A-Za-z]+\.\d\.\d\.\d$"
    ))]
    pub event_type: String,
    /// RFC 3339.
    #[schemars(regex(pattern = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"))]
    pub timestamp: String,
    /// The event that led to this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
}

/// A CDEvents link of kind PATH.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    pub link_type: String,
    pub from: LinkFrom,
}

/// Where a link comes from.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LinkFrom {
    pub context_id: String,
}

/// The CDEvents subject.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct EventSubject {
    /// What the event is about: a model digest, a stream, an image.
    #[schemars(length(min = 1))]
    pub id: String,
    /// The fields that the event's type asks for.
    pub content: Value,
}

/// What every outcome event holds, whatever its type.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct OutcomeData {
    /// The contract's version.
    #[schemars(length(min = 1))]
    pub contract: String,
    #[schemars(length(min = 1))]
    pub step: String,
    pub step_version: String,
    #[schemars(length(min = 1))]
    pub release: String,
    #[schemars(length(min = 1))]
    pub stream: String,
    #[schemars(length(min = 1))]
    pub environment: String,
    pub verdict: Verdict,
    #[schemars(length(min = 1))]
    pub reason: String,
    /// What the run was given, by digest.
    pub inputs: BTreeMap<String, String>,
    /// The step's output files, letter by letter, as a workflow passes them on; as values they stand in `result`.
    pub outputs: BTreeMap<String, String>,
    /// What was found; each event type of ours has a schema of its own for it, in `contract/schemas/events/`.
    #[serde(default)]
    pub result: Map<String, Value>,
    pub report: ReportPlace,
}

/// The decision record and the page of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportPlace {
    /// `sha256:` of report.json.
    #[schemars(regex(pattern = r"^sha256:[0-9a-f]{64}$"))]
    pub digest: String,
    /// Where report.html lies: what `--report-address` says, else the path of the file.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub address: String,
}

impl OutcomeEvent {
    /// The result, if the event is of type `event` and holds what that type asks for.
    pub fn result<R: DeserializeOwned>(&self, event: EventType<R>) -> Option<R> {
        let of_type = self.context.event_type == event.name;
        let result = of_type.then(|| Value::Object(self.custom_data.result.clone()))?;
        serde_json::from_value(result).ok()
    }

    /// The Kafka record, CloudEvents binary mode.
    ///
    /// # Errors
    /// The event does not serialise.
    pub fn to_record(&self, topic: &str) -> anyhow::Result<Outgoing> {
        let context = &self.context;
        let headers = [
            ("ce_specversion", "1.0"),
            ("ce_id", &context.id),
            ("ce_type", &context.event_type),
            ("ce_source", &context.source),
            ("ce_subject", &self.subject.id),
            ("ce_time", &context.timestamp),
            ("content-type", "application/json"),
        ];
        Ok(Outgoing {
            topic: topic.to_owned(),
            partition: None,
            key: Some(self.custom_data.release.clone().into_bytes()),
            value: Some(serde_json::to_vec(self)?),
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
                .to_vec(),
        })
    }
}

/// The links of an event caused by the event `cause`; none where `cause` is empty.
pub fn links(cause: &str) -> Vec<Link> {
    if cause.is_empty() {
        return Vec::new();
    }
    vec![Link { link_type: "PATH".into(), from: LinkFrom { context_id: cause.into() } }]
}

/// The time, RFC 3339 in UTC.
pub fn now() -> String {
    jiff::Timestamp::now().to_string()
}

/// The time after `span` from now, RFC 3339 in UTC.
pub fn after(span: std::time::Duration) -> String {
    // A span that no calendar holds is as good as for ever.
    (jiff::Timestamp::now() + span.min(std::time::Duration::from_secs(86_400 * 3650))).to_string()
}

/// The moment of an RFC 3339 text in milliseconds since 1970; `None` where it is no moment.
pub fn unix_ms(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}

/// An id that depends only on `parts`: 32 hexadecimal digits of SHA-256, each part framed by its length.
pub fn id<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex::encode(&hash.finalize()[..16])
}

/// Whether `name` is a CDEvents type, standard or custom.
pub fn is_cdevents_type(name: &str) -> bool {
    let parts: Vec<&str> = name.split('.').collect();
    let [top, kind, subject, predicate, version @ ..] = parts.as_slice() else { return false };
    let letters = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphabetic());
    let tooled = |text: &str| {
        text.split_once('-').is_some_and(|(tool, what)| letters(tool) && letters(what))
    };
    let digit = |text: &&str| text.len() == 1 && text.chars().all(|c| c.is_ascii_digit());
    *top == "dev"
        && letters(predicate)
        && version.len() == 3
        && version.iter().all(digit)
        && match *kind {
            "cdevents" => letters(subject),
            "cdeventsx" => tooled(subject),
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_depends_on_every_part_and_its_place() {
        assert_eq!(id(["a", "bc"]), id(["a", "bc"]));
        assert_ne!(id(["a", "bc"]), id(["ab", "c"]));
        assert_eq!(id(["a"]).len(), 32);
    }

    #[test]
    fn moments_are_read_back() {
        assert_eq!(unix_ms("1970-01-01T00:00:01.5Z"), Some(1_500));
        assert!(unix_ms(&now()).is_some());
        assert_eq!(unix_ms("yesterday"), None);
    }

    #[test]
    fn cdevents_types() {
        for good in
            ["dev.cdevents.service.upgraded.0.3.0", "dev.cdeventsx.headgate-canary.passed.0.1.0"]
        {
            assert!(is_cdevents_type(good), "{good}");
        }
        for bad in [
            "dev.cdeventsx.canary.finished.0.1.0",
            "dev.cdeventsx.head-gate-canary.finished.0.1.0",
            "dev.cdevents.service.rolled-back.0.3.0",
            "dev.cdevents.service.upgraded.0.3",
            "dev.cdevents.service.upgraded.0.30.0",
        ] {
            assert!(!is_cdevents_type(bad), "{bad}");
        }
    }
}
