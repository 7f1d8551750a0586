//! The report page.

use contract::record::DecisionRecord;
use report::{Axis, Bars, Check, Model, Outcome, Table, Tone, Unit, bytes};

use crate::record::{Blob, Details};

/// Renders the decision record.
pub(crate) fn render(record: &DecisionRecord<Details>) -> String {
    let details = &record.details;
    let (found, expected) = (&details.model.digest, &details.expected_digest);
    let mut model = record.model("Model", "model");
    if let (Some(model), Some(image)) = (&mut model, &details.image) {
        model.image.clone_from(&image.reference);
    }
    let named = model.as_ref().map(Model::called).unwrap_or_default();
    let mut page = record
        .page(format!("Image of {named} for stream {}", record.stream))
        .model(model)
        .fact("Platform", &details.platform)
        .fact("Model in the image", &details.model.path)
        .fact("Model size", bytes(details.model.size))
        .check(Check::new("model digest", found, expected, Outcome::of(found == expected)));
    if let Some(image) = &details.image {
        page = page.fact("Image", &image.reference);
        if !image.tags.is_empty() {
            page = page.fact("Tags", image.tags.join(", "));
        }
        page = page.plot(plot(&image.blobs)).table(table(&image.blobs));
    }
    page.render()
}

fn plot(blobs: &[Blob]) -> Bars {
    let largest = blobs.iter().map(|blob| blob.size).max().unwrap_or(0);
    let unit = Unit::of_bytes(largest as f64);
    let mut plot = Bars::new("Size of each blob", Axis::new("size").unit(unit.name))
        .caption("Blobs in the candidate's tone were sent, the others were there already.");
    for blob in blobs {
        let tone = if blob.bytes_sent > 0 { Tone::Candidate } else { Tone::Champion };
        plot = plot.bar(&blob.title, blob.size as f64 * unit.factor, tone);
    }
    plot
}

fn table(blobs: &[Blob]) -> Table {
    let mut table = Table::new("Blobs", ["Content", "Digest", "Size", "How it came there", "Sent"]);
    for blob in blobs {
        table = table.row([
            blob.title.clone(),
            blob.digest.clone(),
            bytes(blob.size),
            blob.outcome.name().to_owned(),
            bytes(blob.bytes_sent),
        ]);
    }
    table.note("A layer's digest is also its diff id, for layers of files are not compressed.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_read_well() {
        let samples = testkit::browser::sample_records("build-image").into_iter();
        let page = |json| render(&serde_json::from_value(json).expect("a sample is a record"));
        let pages: Vec<_> = samples.map(|(name, json)| (name, page(json))).collect();
        testkit::browser::assert_step_reads_well("build-image", &pages);
    }
}
