//! The report page.

use serde_json::Value;

/// Renders the decision record.
pub(crate) fn render(record: &Value) -> String {
    report::Page::of_record("Promotion", record).render()
}
