//! The report page: the release as its steps went, with the way to their reports.

use contract::record::DecisionRecord;
use report::{Moment, to_the_second};

use crate::record::{Details, StepOutcome};

/// Renders the decision record.
pub(crate) fn render(record: &DecisionRecord<Details>) -> String {
    let moments: Vec<_> = record.details.outcomes.iter().map(moment).collect();
    let title = format!("Release {} on stream {}", record.release, record.stream);
    let page = record.page(title);
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
        verdict: outcome.verdict.into(),
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
        let samples = testkit::browser::sample_records("conclude").into_iter();
        let page = |json| render(&serde_json::from_value(json).expect("a sample is a record"));
        let pages: Vec<_> = samples.map(|(name, json)| (name, page(json))).collect();
        testkit::browser::assert_step_reads_well("conclude", &pages);
    }
}
