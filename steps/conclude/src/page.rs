//! The report page: the release as its steps went, with the way to their reports.

use report::{Moment, Page, Verdict, to_the_second};
use serde_json::Value;

/// Renders the decision record.
pub(crate) fn render(record: &Value) -> String {
    let details = &record["details"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let told = details["told"].as_array().map_or(&[][..], Vec::as_slice);
    let moments = told
        .iter()
        .map(|told| {
            let report = &told["report"];
            Moment {
                at: to_the_second(&text(&told["at"])),
                who: text(&told["step"]),
                verdict: Verdict::named(&text(&told["verdict"])),
                reason: text(&told["reason"]),
                link: text(&report["address"]),
                // Events of before had the digest alone.
                digest: report.as_str().map_or_else(|| text(&report["digest"]), str::to_owned),
            }
        })
        .collect();
    let title =
        format!("Release {} on stream {}", text(&record["release"]), text(&record["stream"]));
    let page = Page::of_record(title, record);
    let page = match told.is_empty() {
        true => page.figure("Steps", "None", "no step of this release has an event"),
        false => page.timeline("The release, step by step", moments),
    };
    page.render()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_read_well() {
        let samples = harness::browser::sample_records("conclude");
        let pages: Vec<_> = samples.into_iter().map(|(name, it)| (name, render(&it))).collect();
        harness::browser::assert_step_reads_well("conclude", &pages);
    }
}
