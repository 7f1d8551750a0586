//! The report page: the checks, the hold-out's scores, the golden answers and the latencies.

use report::{Axis, Bars, Histogram, Outcome, Page, ScatterPlot, Table, Tone};
use serde_json::Value;

use crate::checks::{Check, Finding};
use crate::decide::Asked;
use crate::golden::Golden;

/// What the plots show; too much for the decision record.
#[derive(Default)]
pub(crate) struct Shown {
    candidate: Vec<f64>,
    champion: Vec<f64>,
    latencies: Vec<f64>,
    champion_latencies: Vec<f64>,
    /// Golden score, answered score.
    golden: Vec<(f64, f64)>,
    ports: Vec<[String; 3]>,
}

impl Shown {
    pub(crate) fn of(candidate: Option<Asked>, champion: Option<Asked>, golden: &Golden) -> Shown {
        let wide = |scores: &[f32]| scores.iter().map(|score| f64::from(*score)).collect();
        let mut shown = Shown::default();
        if let Some(Asked::Replied(reply)) = candidate {
            shown.candidate = wide(&reply.holdout.score);
            let expected = golden.cases.iter().map(|case| case.score);
            shown.golden = expected.zip(wide(&reply.golden.score)).collect();
            let sides = [("input", &reply.inputs), ("output", &reply.outputs)];
            for (side, ports) in sides {
                let row = |port: &model::Port| {
                    [
                        side.to_owned(),
                        port.name.to_string(),
                        format!("{} {:?}", port.dtype, port.shape),
                    ]
                };
                shown.ports.extend(ports.iter().map(row));
            }
            shown.latencies = reply.latencies_ms;
        }
        if let Some(Asked::Replied(reply)) = champion {
            shown.champion = wide(&reply.holdout.score);
            shown.champion_latencies = reply.latencies_ms;
        }
        shown
    }
}

/// Renders the decision record.
pub(crate) fn render(record: &Value, checks: &[Check], shown: &Shown) -> String {
    let model = &record["details"]["model"];
    let digest = model["sha256"].as_str().unwrap_or_default();
    let short = digest.get(..19).unwrap_or(digest);
    let mut page = Page::of_record(format!("Validation of {short}"), record);
    if let Some(size) = model["size"].as_u64() {
        page = page.fact("Size", format!("{} bytes", report::count(size)));
    }
    for check in checks {
        page = page.check(on_page(check));
    }
    if !shown.golden.is_empty() {
        page = page.plot(
            ScatterPlot::new("Golden set", Axis::new("training side"), Axis::new("this file"))
                .group("record", shown.golden.clone(), Tone::Candidate)
                .diagonal()
                .caption(
                    "Scores; a file that answers as the model that was trained lies on the line.",
                ),
        );
    }
    if !shown.candidate.is_empty() {
        page = page
            .plot(wrong(&record["details"]["measured"]))
            .plot(
                histogram(
                    "Scores on the hold-out",
                    Axis::new("score"),
                    &shown.champion,
                    &shown.candidate,
                )
                .caption("A model may be right as often and yet score otherwise."),
            )
            .plot(
                histogram(
                    "Time of a request",
                    Axis::new("time").unit("ms"),
                    &shown.champion_latencies,
                    &shown.latencies,
                )
                .caption("Without the slowest in 200, which would stretch the axis."),
            );
    }
    if !shown.ports.is_empty() {
        let mut table = Table::new("Inputs and outputs", ["", "name", "type and shape"]);
        for row in &shown.ports {
            table = table.row(row.clone());
        }
        page = page.table(table.note("-1 stands for any number of records."));
    }
    page.render()
}

fn on_page(check: &Check) -> report::Check {
    let outcome = match check.outcome {
        Finding::Pass => Outcome::Pass,
        Finding::Fail => Outcome::Fail,
        Finding::Inconclusive => Outcome::Inconclusive,
        Finding::NotRun => Outcome::NotRun,
    };
    report::Check::new(check.name, check.value.clone(), check.limit.clone(), outcome)
        .note(check.why.clone())
}

/// The share of wrong labels of each model that gave labels.
fn wrong(measured: &Value) -> Bars {
    let records = measured["holdout-records"].as_f64().unwrap_or_default();
    let mut bars = Bars::new("Wrong on the hold-out", Axis::new("share of records").percent());
    for (name, key, tone) in [
        ("champion", "champion-wrong", Tone::Champion),
        ("candidate", "candidate-wrong", Tone::Candidate),
    ] {
        if let Some(count) = measured[key].as_f64() {
            bars = bars.bar(name, count / records, tone);
        }
    }
    bars.caption("What the checks say is decided by the intervals, not by these two numbers.")
}

fn histogram(title: &str, axis: Axis, champion: &[f64], candidate: &[f64]) -> Histogram {
    const BINS: usize = 40;
    let (champion, candidate) = (without_tail(champion), without_tail(candidate));
    let both = [
        ("champion", &champion[..], Tone::Champion),
        ("candidate", &candidate[..], Tone::Candidate),
    ];
    let there: Vec<_> = both.into_iter().filter(|(_, values, _)| !values.is_empty()).collect();
    Histogram::of_samples(title, axis, BINS, &there)
}

/// All but the largest in 200.
fn without_tail(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.truncate(values.len() - values.len() / 200);
    sorted
}

#[cfg(test)]
mod tests {
    use contract::Verdict;
    use serde_json::json;

    use super::*;
    use crate::probe::{Answered, Reply};

    #[test]
    fn a_page_names_every_check_and_shows_what_there_is() {
        let record = contract::step::sample_record(
            "validate-model",
            Verdict::Fail,
            "because",
            json!({ "model": { "sha256": "sha256:0123456789abcdef0123", "size": 4096 } }),
        );
        let checks =
            [Check::new("kind", "onnx", "onnx"), Check::new("memory", "9", "8").fail("much")];
        let bare = render(&record, &checks, &Shown::default());
        assert!(bare.contains("Validation of sha256:0123456789ab") && bare.contains("much"));
        assert!(!bare.contains("Scores on the hold-out"));

        let scores = Answered { labels: None, score: vec![0.25, 0.5] };
        let reply = Reply { holdout: scores, latencies_ms: vec![1.0, 2.0], ..Reply::default() };
        let Ok(golden) = Golden::parse(r#"{"cases":[]}"#) else { panic!("no golden set") };
        let shown = Shown::of(Some(Asked::Replied(Box::new(reply))), None, &golden);
        assert!(render(&record, &checks, &shown).contains("Scores on the hold-out"));
    }
}
