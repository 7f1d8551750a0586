//! The report page.

use report::{Axis, Bars, Check, Model, Outcome, Page, Table, Tone, Unit, bytes};
use serde_json::Value;

/// Renders the decision record.
pub(crate) fn render(record: &Value) -> String {
    let details = &record["details"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (found, expected) = (text(&details["model"]["digest"]), text(&details["expected-digest"]));
    let mut model = Model::of_input("Model", record, "model");
    if let Some(model) = &mut model {
        model.image = text(&details["image"]);
    }
    let named = model.as_ref().map(Model::called).unwrap_or_default();
    let mut page =
        Page::of_record(format!("Image of {named} for stream {}", text(&record["stream"])), record)
            .model(model)
            .fact("Platform", text(&details["platform"]))
            .fact("Model in the image", text(&details["model"]["path"]))
            .fact("Model size", bytes(details["model"]["size"].as_u64().unwrap_or_default()))
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
    let largest = blobs.iter().filter_map(|blob| blob["size"].as_f64()).fold(0.0, f64::max);
    let unit = Unit::of_bytes(largest);
    let size = |value: &Value| value.as_f64().unwrap_or_default() * unit.factor;
    let mut plot = Bars::new("Size of each blob", Axis::new("size").unit(unit.name))
        .caption("Blobs in the candidate's tone were sent, the others were there already.");
    for blob in blobs {
        let sent = blob["bytes_sent"].as_u64().unwrap_or_default() > 0;
        let tone = if sent { Tone::Candidate } else { Tone::Champion };
        plot = plot.bar(blob["title"].as_str().unwrap_or_default(), size(&blob["size"]), tone);
    }
    plot
}

fn table(blobs: &[Value]) -> Table {
    let mut table = Table::new("Blobs", ["Content", "Digest", "Size", "How it came there", "Sent"]);
    for blob in blobs {
        let text = |name: &str| blob[name].as_str().unwrap_or_default().to_owned();
        let number = |name: &str| bytes(blob[name].as_u64().unwrap_or_default());
        table = table.row([
            text("title"),
            text("digest"),
            number("size"),
            text("outcome"),
            number("bytes_sent"),
        ]);
    }
    table.note("A layer's digest is also its diff id, for layers of files are not compressed.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_read_well() {
        let samples = harness::browser::sample_records("build-image");
        let pages: Vec<_> = samples.into_iter().map(|(name, it)| (name, render(&it))).collect();
        harness::browser::assert_step_reads_well("build-image", &pages);
    }
}
