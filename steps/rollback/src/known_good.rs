//! The last known good model, from what was told. Pure.

use std::collections::BTreeSet;

use contract::Verdict;
use contract::event::OutcomeEvent;
use routes::{ModelRef, Route};
use serde::Serialize;

/// A model to go back to, and how it is known to be good.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Good {
    pub(crate) model: ModelRef,
    /// The release that promoted it, or `route` where the log no longer tells.
    pub(crate) promoted_by: String,
}

const UPGRADED: &str = "dev.cdevents.service.upgraded.";

/// The last model that was promoted on `stream` and not rolled back since, other than `bad`.
///
/// Where the log knows none, the route's `previous` serves: it was a champion. A model that was rolled back and then
/// promoted once more is good again, for it passed all gates once more.
pub(crate) fn last_known_good(
    events: &[OutcomeEvent],
    stream: &str,
    bad: &str,
    route: &Route,
) -> Option<Good> {
    let mut promoted: Vec<Good> = Vec::new();
    let mut rolled_back = BTreeSet::new();
    for event in events.iter().filter(|event| event.custom_data.stream == stream) {
        let told = &event.custom_data;
        if event.context.event_type.starts_with(UPGRADED) && told.verdict == Verdict::Pass {
            let (Some(digest), Some(image)) = (told.inputs.get("model"), told.inputs.get("image"))
            else {
                tracing::warn!(id = event.context.id, "a promotion that does not say of what");
                continue;
            };
            promoted.retain(|good| good.model.digest != *digest);
            rolled_back.remove(digest);
            let model = ModelRef { digest: digest.clone(), image: image.clone() };
            promoted.push(Good { model, promoted_by: told.release.clone() });
        } else if let Some(gone) = rolled_back_by(event) {
            promoted.retain(|good| good.model.digest != gone);
            rolled_back.insert(gone);
        }
    }
    let by_log = promoted.into_iter().rfind(|good| good.model.digest != bad);
    by_log.or_else(|| {
        let previous = route.previous.as_ref().map(|previous| previous.model.clone())?;
        let good = previous.digest != bad && !rolled_back.contains(&previous.digest);
        good.then(|| Good { model: previous, promoted_by: "route".into() })
    })
}

/// The model that a rollback found bad, whether or not it could prove that it is gone.
fn rolled_back_by(event: &OutcomeEvent) -> Option<String> {
    let told = &event.custom_data;
    if told.step != "rollback" {
        return None;
    }
    told.outputs.get("bad").filter(|bad| !bad.is_empty()).cloned()
}

#[cfg(test)]
mod tests {
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
        let model = |n: u8| ModelRef { digest: digest(n), image: String::new() };
        let route = Route::bootstrap("s", model(bad));
        let route = match previous {
            Some(n) => Route { champion: model(n), ..route }.promoted(model(bad), String::new()),
            None => route,
        };
        last_known_good(events, "s", &digest(bad), &route).map(|good| good.model.digest)
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
    fn other_streams_and_failed_promotions_do_not_count() {
        let mut elsewhere = up(1);
        elsewhere.custom_data.stream = "t".into();
        let mut failed = up(3);
        failed.custom_data.verdict = Verdict::Fail;
        assert_eq!(good(&[elsewhere, failed], 2, None), None);
    }
}
