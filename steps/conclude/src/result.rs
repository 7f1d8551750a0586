//! What the event says of the events of a release.

use contract::event::OutcomeEvent;
use contract::results::{Emitted, Model};

/// One event of the release.
pub(crate) fn emitted(event: &OutcomeEvent) -> Emitted {
    let data = &event.custom_data;
    Emitted {
        step: data.step.clone(),
        event_type: event.context.event_type.clone(),
        event: event.context.id.clone(),
        verdict: data.verdict,
        at: event.context.timestamp.clone(),
        report: data.report.clone(),
    }
}

/// The model that an event is about: every result that is about one has it as `model`, whatever the type.
pub(crate) fn model(event: &OutcomeEvent) -> Option<Model> {
    let model = event.custom_data.result.get("model")?;
    serde_json::from_value(model.clone()).ok()
}
