//! From when on the bad model may have answered. Pure.

use contract::event::{OutcomeEvent, unix_ms};
use routes::Route;

/// Steps that see a model before it can answer the stream.
const BEFORE: [&str; 3] = ["validate-model", "build-image", "shadow-test"];

/// Whether the route gives `model` a part.
pub(crate) fn has_part(route: &Route, model: &str) -> bool {
    let candidate = route.candidate.as_ref().map(|candidate| &candidate.model.digest);
    route.champion.digest == model || candidate.is_some_and(|candidate| candidate == model)
}

/// Whether anything says that `model` may have answered the stream.
pub(crate) fn was_routed(history: &[(Route, i64)], events: &[OutcomeEvent], model: &str) -> bool {
    history.iter().any(|(route, _)| has_part(route, model))
        || events.iter().any(|event| {
            let step = event.custom_data.step.as_str();
            !BEFORE.contains(&step) && mentions(event, model)
        })
}

/// A moment (milliseconds since 1970) before the first answer of `model`, where one is known for sure.
///
/// `history` holds the stream's routes that the topic still has, with the time of their records. Compaction may have
/// taken the first ones away; then only an event of a step that saw the model before its canary helps.
pub(crate) fn first_exposed(
    history: &[(Route, i64)],
    events: &[OutcomeEvent],
    model: &str,
) -> Option<i64> {
    let routed =
        history.iter().filter(|(route, _)| has_part(route, model)).map(|(_, at)| *at).min();
    // The first route of all, and not only of what follows on a topic that was lost.
    let whole = history.first().is_some_and(|(route, _)| route.is_first() || route.generation == 1);
    let seen = events
        .iter()
        .filter(|event| BEFORE.contains(&event.custom_data.step.as_str()) && mentions(event, model))
        .filter_map(|event| unix_ms(&event.context.timestamp))
        .min();
    match (routed, seen) {
        (Some(routed), _) if whole => Some(routed),
        (routed, Some(seen)) => Some(routed.map_or(seen, |routed| routed.min(seen))),
        (_, None) => None,
    }
}

fn mentions(event: &OutcomeEvent, model: &str) -> bool {
    let data = &event.custom_data;
    data.inputs.values().chain(data.outputs.values()).any(|value| value == model)
}

#[cfg(test)]
mod tests {
    use routes::ModelRef;
    use serde_json::json;

    use super::*;

    fn route(generation: u64, champion: u8, candidate: Option<u8>) -> Route {
        let model = |n: u8| ModelRef { digest: n.to_string(), image: String::new() };
        let route = Route { generation, ..Route::bootstrap("s", model(champion)) };
        candidate.map_or(route.clone(), |n| route.with_candidate(model(n), 0.5))
    }

    fn event(step: &str, model: &str, time: &str) -> OutcomeEvent {
        serde_json::from_value(json!({
            "context": { "specversion": "", "id": "", "source": "", "type": "", "timestamp": time },
            "subject": { "id": "", "content": {} },
            "customDataContentType": "",
            "customData": {
                "contract": "1.0", "step": step, "step-version": "", "release": "r", "stream": "s",
                "environment": "dev", "verdict": "pass", "reason": "", "inputs": { "model": model },
                "outputs": {}, "report": { "digest": "" }
            }
        }))
        .expect("an event as it stands on the topic")
    }

    #[test]
    fn a_whole_history_of_routes_gives_it_exactly() {
        let history = [
            (route(1, 1, None), 100),
            (route(2, 1, Some(2)), 200),
            (route(3, 2, None), 300),
            (route(4, 2, Some(3)), 400),
        ];
        assert_eq!(first_exposed(&history, &[], "2"), Some(200));
        assert_eq!(first_exposed(&history, &[], "3"), Some(400));
        assert_eq!(
            (first_exposed(&history, &[], "4"), was_routed(&history, &[], "4")),
            (None, false)
        );
    }

    #[test]
    fn a_compacted_history_gives_it_only_with_an_earlier_step() {
        let history = [(route(7, 1, Some(2)), 700)];
        let validated = event("validate-model", "2", "1970-01-01T00:00:00.500Z");
        let canary = event("canary-gate", "2", "1970-01-01T00:00:00.900Z");
        assert_eq!(first_exposed(&history, &[], "2"), None);
        assert_eq!(first_exposed(&history, std::slice::from_ref(&canary), "2"), None);
        assert_eq!(first_exposed(&history, &[validated, canary], "2"), Some(500));
    }

    #[test]
    fn a_model_that_only_was_validated_never_answered() {
        let events = [event("validate-model", "2", ""), event("shadow-test", "2", "")];
        assert!(!was_routed(&[(route(1, 1, None), 0)], &events, "2"));
        assert!(was_routed(&[], &[event("canary-gate", "2", "")], "2"));
    }
}
