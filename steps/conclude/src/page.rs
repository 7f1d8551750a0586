//! The report page: the release as its steps told it.

use report::{Page, Table, to_the_second};
use serde_json::Value;

/// Renders the decision record.
pub(crate) fn render(record: &Value) -> String {
    let mut table = Table::new("What the steps told", ["when", "step", "verdict", "reason"]);
    for told in record["details"]["told"].as_array().into_iter().flatten() {
        let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        table =
            table.row([to_the_second(&text("at")), text("step"), text("verdict"), text("reason")]);
    }
    Page::of_record("Release", record).table(table).render()
}
