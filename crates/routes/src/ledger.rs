//! Who promoted what and who took it back, by the events of the stream. Pure.

use contract::Verdict;
use contract::event::OutcomeEvent;

use crate::ModelRef;

/// A model that became champion, as its release said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promotion {
    pub release: String,
    pub model: ModelRef,
    /// RFC 3339.
    pub at: String,
    /// The first rollback since that found this model bad.
    pub taken_back: Option<TakenBack>,
}

/// A rollback that found a model bad.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenBack {
    pub release: String,
    pub at: String,
    pub event: String,
    /// `pass`: the model is off the stream. Else that could not be shown.
    pub verdict: Verdict,
    pub reason: String,
}

/// The promotions of `stream`, oldest first, out of events in the order of their topic.
///
/// A model that is promoted once more after a rollback is a promotion of its own.
pub fn promotions(events: &[OutcomeEvent], stream: &str) -> Vec<Promotion> {
    let mut promotions: Vec<Promotion> = Vec::new();
    for event in events.iter().filter(|event| event.custom_data.stream == stream) {
        let said = &event.custom_data;
        if let Some(model) = promoted(event) {
            promotions.push(Promotion {
                release: said.release.clone(),
                model,
                at: event.context.timestamp.clone(),
                taken_back: None,
            });
        } else if let Some(bad) = rolled_back(event) {
            let open = |promotion: &&mut Promotion| {
                promotion.model.digest == bad
                    // One that could not be shown is followed by one that could.
                    && promotion.taken_back.as_ref().is_none_or(|it| it.verdict != Verdict::Pass)
            };
            for promotion in promotions.iter_mut().filter(open) {
                promotion.taken_back = Some(TakenBack {
                    release: said.release.clone(),
                    at: event.context.timestamp.clone(),
                    event: event.context.id.clone(),
                    verdict: said.verdict,
                    reason: said.reason.clone(),
                });
            }
        }
    }
    promotions
}

/// The model that this event says became champion.
pub fn promoted(event: &OutcomeEvent) -> Option<ModelRef> {
    let said = &event.custom_data;
    if said.step != "promote" || said.verdict != Verdict::Pass {
        return None;
    }
    let (Some(digest), Some(image)) = (said.inputs.get("model"), said.inputs.get("image")) else {
        tracing::warn!(id = event.context.id, "a promotion that does not say of what");
        return None;
    };
    Some(ModelRef { digest: digest.clone(), image: image.clone() })
}

/// The model that a rollback found bad, whether or not it could prove that it is gone.
pub fn rolled_back(event: &OutcomeEvent) -> Option<&str> {
    let said = &event.custom_data;
    let bad = said.outputs.get("bad").filter(|bad| !bad.is_empty())?;
    (said.step == "rollback").then_some(bad)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(step: &str, release: &str, verdict: &str, model: &str) -> OutcomeEvent {
        let (inputs, outputs) = match step {
            "promote" => (json!({ "model": model, "image": format!("oci:{model}") }), json!({})),
            _ => (json!({}), json!({ "bad": model })),
        };
        serde_json::from_value(json!({
            "context": { "specversion": "", "id": format!("{step} by {release}"), "source": "", "type": "", "timestamp": "" },
            "subject": { "id": "s", "content": {} },
            "customDataContentType": "application/json",
            "customData": {
                "contract": "1.0", "step": step, "step-version": "", "release": release, "stream": "s",
                "environment": "dev", "verdict": verdict, "reason": "because", "inputs": inputs,
                "outputs": outputs, "report": { "digest": "" }
            }
        }))
        .expect("an event as it stands on the topic")
    }

    fn read(events: &[(&str, &str, &str, &str)]) -> Vec<(String, String, Option<String>)> {
        let events: Vec<OutcomeEvent> = events
            .iter()
            .map(|(step, release, ok, model)| event(step, release, ok, model))
            .collect();
        let by = |one: TakenBack| format!("{} {}", one.release, one.verdict);
        promotions(&events, "s")
            .into_iter()
            .map(|one| (one.release, one.model.digest, one.taken_back.map(by)))
            .collect()
    }

    #[test]
    fn a_promotion_is_taken_back_by_whoever_finds_its_model_bad_later() {
        let up = |release, model| ("promote", release, "pass", model);
        let down = |release, verdict, model| ("rollback", release, verdict, model);
        let one = |release: &str, model: &str, by: Option<&str>| {
            (release.to_owned(), model.to_owned(), by.map(str::to_owned))
        };
        for (events, expected) in [
            (vec![up("a", "1")], vec![one("a", "1", None)]),
            (vec![("promote", "a", "fail", "1"), ("promote", "a", "inconclusive", "1")], vec![]),
            (vec![("canary-gate", "a", "pass", "1")], vec![]),
            (vec![up("a", "1"), down("b", "pass", "1")], vec![one("a", "1", Some("b pass"))]),
            (vec![up("a", "1"), down("b", "pass", "2")], vec![one("a", "1", None)]),
            (vec![up("a", "1"), down("a", "pass", "")], vec![one("a", "1", None)]),
            (vec![down("b", "pass", "1"), up("a", "1")], vec![one("a", "1", None)]),
            (
                vec![up("a", "1"), down("b", "pass", "1"), up("c", "1")],
                vec![one("a", "1", Some("b pass")), one("c", "1", None)],
            ),
            (
                vec![up("a", "1"), down("b", "inconclusive", "1"), down("c", "pass", "1")],
                vec![one("a", "1", Some("c pass"))],
            ),
            (
                vec![up("a", "1"), down("b", "pass", "1"), down("c", "fail", "1")],
                vec![one("a", "1", Some("b pass"))],
            ),
        ] {
            assert_eq!(read(&events), expected, "{events:?}");
        }
    }
}
