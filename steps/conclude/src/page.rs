//! The report page: the release as its steps went, with the way to their reports.

use contract::record::DecisionRecord;
use report::{Moment, Page, Verdict, to_the_second};
use serde_json::Value;

use crate::record::{Details, StepOutcome};

/// Renders the decision record; `json` is the same record for the page's foot.
pub(crate) fn render(record: &DecisionRecord<Details>, json: &Value) -> String {
    let moments: Vec<_> = record.details.outcomes.iter().map(moment).collect();
    let title = format!("Release {} on stream {}", record.release, record.stream);
    let page = Page::of_record(title, json);
    let page = match moments.is_empty() {
        true => page.figure("Steps", "None", "no step of this release has an event"),
        false => page.timeline("The release, step by step", moments),
    };
    page.render()
}

fn moment(outcome: &StepOutcome) -> Moment {
    Moment {
        at: to_the_second(&outcome.at),
        who: outcome.step.clone(),
        verdict: Verdict::named(outcome.verdict.as_str()),
        reason: outcome.reason.clone(),
        link: outcome.report.address.clone(),
        digest: outcome.report.digest.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_read_well() {
        let samples = testkit::browser::sample_records("conclude");
        let page = |json: Value| {
            let record = serde_json::from_value(json.clone()).expect("a sample is a record");
            render(&record, &json)
        };
        let pages: Vec<_> = samples.into_iter().map(|(name, it)| (name, page(it))).collect();
        testkit::browser::assert_step_reads_well("conclude", &pages);
    }
}
