//! The last known good model, by the events. Pure.

use std::collections::BTreeSet;

use contract::event::OutcomeEvent;
use routes::ledger::{promoted, rolled_back};
use routes::{ModelRef, Route};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::written::Written;

/// A model to go back to, and how it is known to be good.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Good {
    pub(crate) model: ModelRef,
    /// The release that promoted it, or `unknown` where neither the log nor the route says.
    pub(crate) promoted_by: String,
}

/// The last model that was promoted on `stream` and not rolled back since, other than `bad`.
///
/// `unreported` are the rollbacks that wrote a route and ended before their event. Where the log knows no model, the route's
/// `previous` serves: it was a champion. A model that was rolled back and then promoted once more is good again, for it
/// passed all gates once more.
pub(crate) fn last_known_good(
    events: &[OutcomeEvent],
    unreported: &[Written],
    bad: &str,
    route: &Route,
) -> Option<Good> {
    // With the generation that the promotion says it led to.
    let mut good: Vec<(Good, u64)> = Vec::new();
    let mut gone = BTreeSet::new();
    for event in events.iter().filter(|event| event.custom_data.stream == route.stream) {
        let said = &event.custom_data;
        if let Some(model) = promoted(event) {
            good.retain(|(good, _)| good.model.digest != model.digest);
            gone.remove(&model.digest);
            let generation = said.outputs.get("generation").and_then(|text| text.parse().ok());
            let promoted_by = said.release.clone();
            good.push((Good { model, promoted_by }, generation.unwrap_or(0)));
        } else if let Some(bad) = rolled_back(event) {
            good.retain(|(good, _)| good.model.digest != bad);
            gone.insert(bad.to_owned());
        }
    }
    for Written { bad, at: found_in, .. } in unreported {
        let is_later = |(good, at): &(Good, u64)| good.model.digest == *bad && at > found_in;
        if !good.iter().any(is_later) {
            good.retain(|(good, _)| good.model.digest != *bad);
            gone.insert(bad.clone());
        }
    }
    let by_log = good.into_iter().map(|(good, _)| good).rfind(|good| good.model.digest != bad);
    by_log.or_else(|| {
        let previous = route.previous.as_ref()?;
        let digest = &previous.model.digest;
        let promoted_by = match previous.promoted_by.as_str() {
            "" => "unknown".to_owned(),
            release => release.to_owned(),
        };
        let model = previous.model.clone();
        (digest != bad && !gone.contains(digest)).then_some(Good { model, promoted_by })
    })
}

#[cfg(test)]
mod tests {
    use contract::Verdict;
    use serde_json::{Value, json};

    use super::*;

    fn digest(n: u8) -> String {
        format!("sha256:{n}")
    }

    fn event(stream: &str, kind: &str, step: &str, inputs: Value, outputs: Value) -> OutcomeEvent {
        serde_json::from_value(json!({
            "context": { "specversion": "0.5.1", "id": "", "source": "", "type": kind, "timestamp": "" },
            "subject": { "id": stream, "content": {} },
            "customDataContentType": "application/json",
            "customData": {
                "contract": "1.0", "step": step, "step-version": "", "release": "r", "stream": stream,
                "environment": "dev", "verdict": "pass", "reason": "", "inputs": inputs, "outputs": outputs,
                "report": { "digest": "" }
            }
        }))
        .expect("an event as it stands on the topic")
    }

    fn up(n: u8) -> OutcomeEvent {
        let inputs = json!({ "model": digest(n), "image": format!("oci:m{n}") });
        event("s", "dev.cdevents.service.upgraded.0.3.0", "promote", inputs, json!({}))
    }

    fn down(n: u8) -> OutcomeEvent {
        let kind = "dev.cdevents.service.rolledback.0.3.0";
        event("s", kind, "rollback", json!({}), json!({ "bad": digest(n) }))
    }

    fn good(events: &[OutcomeEvent], bad: u8, previous: Option<u8>) -> Option<String> {
        good_but_for(events, &[], bad, previous)
    }

    fn good_but_for(
        events: &[OutcomeEvent],
        unreported: &[Written],
        bad: u8,
        previous: Option<u8>,
    ) -> Option<String> {
        let model = |n: u8| ModelRef { digest: digest(n), image: String::new() };
        let route = Route::bootstrap("s", model(bad));
        let route = match previous {
            Some(n) => Route { champion: model(n), ..route }.promoted(model(bad), String::new()),
            None => route,
        };
        last_known_good(events, unreported, &digest(bad), &route).map(|good| good.model.digest)
    }

    #[test]
    fn the_last_promoted_model_that_was_never_rolled_back() {
        for (events, bad, expected) in [
            (vec![up(1), up(2)], 2, Some(1)),
            (vec![up(1), up(2), up(3)], 3, Some(2)),
            (vec![up(1), up(2), down(2), up(3)], 3, Some(1)),
            (vec![up(1), up(2), up(1)], 1, Some(2)),
            (vec![up(1), up(2), down(2), up(2), up(3)], 3, Some(2)),
            (vec![up(1), down(1), up(2)], 2, None),
            (vec![up(1)], 1, None),
            (vec![], 1, None),
        ] {
            assert_eq!(good(&events, bad, None), expected.map(digest), "{bad}");
        }
    }

    #[test]
    fn the_routes_previous_serves_where_the_log_is_silent() {
        assert_eq!(good(&[], 2, Some(1)), Some(digest(1)));
        assert_eq!(good(&[down(1)], 2, Some(1)), None);
        assert_eq!(good(&[up(3)], 2, Some(1)), Some(digest(3)));
    }

    #[test]
    fn a_rollback_that_was_ended_before_its_event_counts() {
        let at = |generation: &str| {
            let mut event = up(2);
            event.custom_data.outputs.insert("generation".into(), generation.into());
            event
        };
        let written = Written { bad: digest(2), at: 3, event: "e".into() };
        let unreported = std::slice::from_ref(&written);
        assert_eq!(good_but_for(&[up(1), at("3"), up(3)], unreported, 3, None), Some(digest(1)));
        assert_eq!(good_but_for(&[up(1), at("5"), up(3)], unreported, 3, None), Some(digest(2)));
        assert_eq!(good_but_for(&[], unreported, 3, Some(2)), None);
    }

    #[test]
    fn other_streams_and_failed_promotions_do_not_count() {
        let mut elsewhere = up(1);
        elsewhere.custom_data.stream = "t".into();
        let mut failed = up(3);
        failed.custom_data.verdict = Verdict::Fail;
        assert_eq!(good(&[elsewhere, failed], 2, None), None);
    }
}
