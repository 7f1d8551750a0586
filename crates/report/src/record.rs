//! The page that every step's decision record makes, before the step adds its own checks and plots.

use serde_json::Value;

use crate::{Page, Verdict};

impl Page {
    /// The page of a decision record (`report.json`): verdict, reason and the facts that all steps share.
    ///
    /// A record without a readable verdict counts as inconclusive.
    #[must_use]
    pub fn of_record(title: impl Into<String>, record: &Value) -> Self {
        let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
        let verdict = Verdict::named(&text("verdict"));
        let mut page = Self::new(text("step"), title, verdict, text("reason"));
        let finished = record["finished"].as_str().map(to_the_second).unwrap_or_default();
        for (shown, value) in [
            ("Release", text("release")),
            ("Stream", text("stream")),
            ("Environment", text("environment")),
            ("Finished", finished),
        ] {
            if !value.is_empty() {
                page.context.push((shown.to_owned(), value));
            }
        }
        if let Some(started) = record["started"].as_str() {
            page = page.fact("Started", to_the_second(started));
        }
        for (name, input) in record["inputs"].as_object().into_iter().flatten() {
            page = page.fact(format!("Input: {name}"), input.as_str().unwrap_or_default());
        }
        for (shown, value) in [("Step version", text("version")), ("Event", text("event"))] {
            if !value.is_empty() {
                page = page.fact(shown, value);
            }
        }
        page.record(record.clone())
    }
}

/// `2026-11-24T01:49:32.139631702Z` reads `2026-11-24 01:49:32 UTC`; any other form stays as it is.
#[must_use]
pub fn to_the_second(time: &str) -> String {
    match (time.get(..10), time.get(10..11), time.get(11..19)) {
        (Some(day), Some("T"), Some(clock)) if time.ends_with('Z') => format!("{day} {clock} UTC"),
        _ => time.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_becomes_verdict_reason_and_facts() {
        let record = json!({"step": "promote", "verdict": "pass", "reason": "confirmed", "release": "r-1",
            "inputs": {"model": "sha256:1"}, "started": "2026-11-24T01:49:32.139631702Z", "finished": "soon"});
        let page = Page::of_record("Promotion", &record);
        assert_eq!((page.verdict, page.reason.as_str()), (Verdict::Pass, "confirmed"));
        assert!(page.facts.contains(&("Input: model".into(), "sha256:1".into())));
        assert!(page.facts.contains(&("Started".into(), "2026-11-24 01:49:32 UTC".into())));
        assert!(page.context.contains(&("Finished".into(), "soon".into())));
        assert_eq!(Page::of_record("x", &json!({})).verdict, Verdict::Inconclusive);
    }
}
