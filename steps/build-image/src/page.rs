//! The report page.

use report::{Axis, Bars, Check, Outcome, Page, Table, Tone, count};
use serde_json::Value;

/// Renders the decision record.
pub(crate) fn render(record: &Value) -> String {
    let details = &record["details"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (found, expected) = (text(&details["model"]["digest"]), text(&details["expected-digest"]));
    let mut page = Page::of_record("Image", record)
        .fact("Platform", text(&details["platform"]))
        .fact("Model in the image", text(&details["model"]["path"]))
        .fact("Model size, bytes", count(details["model"]["size"].as_u64().unwrap_or_default()))
        .check(Check::new("model digest", &found, &expected, Outcome::of(found == expected)));
    if let Some(image) = details["image"].as_str() {
        let tags: Vec<_> = details["tags"].as_array().into_iter().flatten().map(text).collect();
        page = page.fact("Image", image);
        if !tags.is_empty() {
            page = page.fact("Tags", tags.join(", "));
        }
    }
    if let Some(blobs) = details["blobs"].as_array() {
        page = page.plot(plot(blobs)).table(table(blobs));
    }
    page.render()
}

fn plot(blobs: &[Value]) -> Bars {
    let mib = |value: &Value| value.as_f64().unwrap_or_default() / f64::from(1 << 20);
    let mut plot = Bars::new("Size of each blob", Axis::new("size").unit("MiB"))
        .caption("Blobs in the candidate's tone were sent, the others were there already.");
    for blob in blobs {
        let sent = blob["bytes_sent"].as_u64().unwrap_or_default() > 0;
        let tone = if sent { Tone::Candidate } else { Tone::Champion };
        plot = plot.bar(blob["title"].as_str().unwrap_or_default(), mib(&blob["size"]), tone);
    }
    plot
}

fn table(blobs: &[Value]) -> Table {
    let mut table =
        Table::new("Blobs", ["content", "digest", "bytes", "how it came there", "sent"]);
    for blob in blobs {
        let text = |name: &str| blob[name].as_str().unwrap_or_default().to_owned();
        let number = |name: &str| count(blob[name].as_u64().unwrap_or_default());
        table = table.row([
            text("title"),
            // Enough to tell blobs apart; the whole digests stand in the decision record.
            text("digest").chars().take("sha256:".len() + 12).collect(),
            number("size"),
            text("outcome"),
            number("bytes_sent"),
        ]);
    }
    table.note("A layer's digest is also its diff id, for layers of files are not compressed.")
}
