//! What a step returns when it has reached a verdict.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use fault::redact::redact;
use words::text;

use crate::Subject;

/// The answer of a gate. A "no" is a value, not an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The evidence is enough and speaks for going on.
    Pass,
    /// The evidence is enough and speaks against.
    Fail,
    /// The evidence is not enough; never a reason to go on.
    Inconclusive,
}

impl Verdict {
    /// The word written to the `verdict` output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Verdict> for report::Verdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass => Self::Pass,
            Verdict::Fail => Self::Fail,
            Verdict::Inconclusive => Self::Inconclusive,
        }
    }
}

/// Renders `report.html` from the finished decision record.
pub type ReportPage = Box<dyn FnOnce(&Value) -> String>;

/// One reached verdict and everything that is reported of it.
pub struct Outcome {
    pub verdict: Verdict,
    /// One sentence a person understands: what was decided and on what grounds.
    pub reason: String,
    /// The event to emit; one of the step's [`crate::Step::EVENTS`].
    pub event: Subject,
    /// What the run was given, by digest; with the flags it makes the event's id. Never what the run found.
    pub inputs: BTreeMap<String, String>,
    /// The step's own output parameters, by the names in [`crate::Step::OUTPUTS`].
    pub outputs: BTreeMap<&'static str, String>,
    /// The rest of the decision record: values beside thresholds, offset ranges, seeds.
    pub details: Value,
    pub page: ReportPage,
}

impl Outcome {
    /// The outcome with everything bounded and escaped that others read: much of it quotes a model, a broker or a
    /// server, and neither an event nor an output may fail because of what those said.
    #[must_use]
    pub(crate) fn fit_to_read(mut self) -> Self {
        self.reason = text::line(&redact(&self.reason), text::MAX_REASON);
        if self.reason.is_empty() {
            self.reason = "no reason was given".to_owned();
        }
        for value in self.outputs.values_mut() {
            *value = text::line(value, text::MAX_VALUE);
        }
        self.event.content = text::bounded(self.event.content);
        self.event.result = fit(self.event.result);
        self
    }
}

/// A result that no broker refuses for its size: where it is too large its lists are left out, and it says so. What is
/// left has the shape that its type promises.
fn fit(result: Map<String, Value>) -> Map<String, Value> {
    const LARGEST: usize = 256 << 10;
    let Value::Object(mut result) = text::bounded(Value::Object(result)) else { return Map::new() };
    let size: usize = result.values().map(|value| value.to_string().len()).sum();
    if size > LARGEST {
        result.values_mut().filter(|value| value.is_array()).for_each(|list| *list = json!([]));
        let note = "lists, because the event would be larger than 256 KiB; report.json has them";
        result.insert("left-out".to_owned(), note.into());
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_read_has_no_control_characters_and_an_end() {
        let event = crate::results::types::shadow::FAILED.any();
        let names: Vec<String> = (0..100_000).map(|n| format!("name {n}")).collect();
        let result =
            Map::from_iter([("names".to_owned(), json!(names)), ("pairs".to_owned(), json!(7))]);
        let long = "\u{1b}\0\n".repeat(1 << 20);
        let outcome = Outcome {
            verdict: Verdict::Fail,
            reason: long.clone(),
            event: Subject { event, id: "m".to_owned(), content: json!({}), result },
            inputs: BTreeMap::new(),
            outputs: BTreeMap::from([("champion", long)]),
            details: Value::Null,
            page: Box::new(|_| String::new()),
        };
        let fit = outcome.fit_to_read();
        for text in [&fit.reason, &fit.outputs["champion"]] {
            assert!(text.len() < 40_000 && !text.contains(char::is_control), "{}", text.len());
        }
        assert!(
            fit.reason.starts_with("\\u{1b}\\u{0}\\n") && fit.reason.ends_with("more characters")
        );
        let result = &fit.event.result;
        assert_eq!((&result["names"], &result["pairs"]), (&json!([]), &json!(7)));
        assert!(result["left-out"].is_string());
    }
}
