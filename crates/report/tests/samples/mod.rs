//! Pages like those that the steps write, with numbers made up by a seeded generator.

use report::{
    Axis, Band, Bars, Check, Histogram, LinePlot, Outcome, Page, ScatterPlot, Series, Table, Tone,
    Verdict,
};
use serde_json::json;

/// Name and page.
pub(crate) fn all() -> Vec<(&'static str, Page)> {
    vec![
        ("canary-gate", canary()),
        ("shadow-test", shadow()),
        ("detect-drift", drift()),
        ("bare", bare()),
    ]
}

fn canary() -> Page {
    let share = vec![(0.0, 0.01), (4.2, 0.05), (9.8, 0.25), (15.1, 0.5), (21.4, 0.0), (24.0, 0.0)];
    let mut random = Random(7);
    let mut evidence = vec![(0.0, 1.0)];
    let mut bounds = Vec::new();
    for step in 1..900 {
        let at = f64::from(step) * 0.024;
        let drift = if at > 15.0 { 0.028 } else { -0.002 };
        let last: f64 = evidence[evidence.len() - 1].1;
        evidence.push((at, (last.ln() + drift + 0.05 * random.around_zero()).exp().max(1e-3)));
        let width = 0.06 / at.sqrt();
        let middle = 0.004 + if at > 15.0 { (at - 15.0) * 0.003 } else { 0.0 };
        bounds.push((at, (middle - width).max(-0.05), (middle + width).min(0.08)));
    }
    let difference =
        bounds.iter().map(|(at, low, high)| (*at, f64::midpoint(*low, *high))).collect();
    Page::new(
        "canary-gate",
        "Canary of shuttle-boosted-v3 on stream shuttle",
        Verdict::Fail,
        "the candidate errs more often than the champion: the e-process reached 1,024 at 21.4 s, over its limit of 1,000 at a false-alarm rate of 0.1 %",
    )
    .fact("Stream", "shuttle")
    .fact("Candidate", "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef")
    .fact("Champion", "sha256:9d2a0e1b66f7c4e8a3d0f3f1c22b7a915d6e88aa01b4c7d2e3f405162738495a")
    .fact("False-alarm rate", "0.1 % over the whole run")
    .fact("Records judged", "18,204 of the candidate, 31,877 of the champion")
    .fact("Share at the end", "0 %, generation 14, confirmed by 2 scorers")
    .check(Check::new("error rate", "1.9 % against 0.3 %", "harm of at most 0.5 points", Outcome::Fail).note("Labels arrived for 92 % of the answers, 1.4 s late at the median."))
    .check(Check::new("scorer errors", "0", "at most 0.1 %", Outcome::Pass))
    .check(Check::new("p99 latency", "3.1 ms", "at most 10 ms", Outcome::Pass))
    .check(Check::new("labels", "412", "at least 500 for a pass", Outcome::Inconclusive))
    .check(Check::new("share 50 %", "", "held for 10 s", Outcome::NotRun).note("The gate had decided before."))
    .plot(
        LinePlot::new("Share of the candidate", Axis::new("time").unit("s"), Axis::new("share of keys").percent().range(0.0, 0.6))
            .series(Series::new("candidate", share).steps().tone(Tone::Candidate))
            .marker(21.4, "harm proven, share back to 0")
            .caption("Every raise waited until all scorers had confirmed the generation."),
    )
    .plot(
        LinePlot::new("Evidence of harm", Axis::new("time").unit("s"), Axis::new("e-process").log())
            .series(Series::new("candidate is worse", evidence).tone(Tone::Alarm))
            .threshold(1000.0, "limit 1,000 = 1 / 0.001")
            .marker(15.1, "share 50 %")
            .marker(21.4, "decided"),
    )
    .plot(
        LinePlot::new("Difference in error rate", Axis::new("time").unit("s"), Axis::new("candidate − champion").percent())
            .band(Band::new("99.9 % confidence sequence", bounds).tone(Tone::Candidate))
            .series(Series::new("difference", difference).tone(Tone::Candidate))
            .threshold(0.005, "allowed margin 0.5 points"),
    )
    .table(
        Table::new("What the candidate answered", ["Topic", "Partition", "From offset", "To offset", "Answers"])
            .row(["shuttle.features", "0", "1,204", "6,118", "2,455"])
            .row(["shuttle.features", "1", "1,180", "6,092", "2,461"]),
    )
    .record(json!({"step": "canary-gate", "verdict": "fail", "seed": 7, "thresholds": {"false_alarm_rate": 0.001}}))
}

fn shadow() -> Page {
    let mut random = Random(42);
    let mut agree = Vec::new();
    let mut disagree = Vec::new();
    let (mut champion, mut candidate) = (Vec::new(), Vec::new());
    for _ in 0..12_000 {
        let high = random.unit() < 0.08;
        let score =
            if high { 1.0 - random.unit().powi(3) * 0.6 } else { random.unit().powi(4) * 0.7 };
        let other = (score + 0.05 * random.around_zero()).clamp(0.0, 1.0);
        champion.push(score);
        candidate.push(other);
        if (score > 0.5) == (other > 0.5) {
            agree.push((score, other))
        } else {
            disagree.push((score, other))
        }
    }
    let reason = format!("{} of 12,000 answers differ, at most 240 may", disagree.len());
    Page::new("shadow-test", "Shadow of shuttle-boosted-v2", Verdict::Pass, reason)
        .fact("Window", "partitions 0 to 7, 12,000 records")
        .fact("Champion", "sha256:9d2a0e1b66f7")
        .fact("Candidate", "sha256:5f70bf18a086")
        .check(Check::new("disagreement", "0.61 %", "at most 2 %", Outcome::Pass))
        .check(Check::new("score shift (KS)", "0.012", "at most 0.05", Outcome::Pass))
        .plot(
            ScatterPlot::new(
                "Paired scores",
                Axis::new("champion").range(0.0, 1.0),
                Axis::new("candidate").range(0.0, 1.0),
            )
            .group("same label", agree, Tone::Champion)
            .group("other label", disagree, Tone::Alarm)
            .diagonal()
            .caption("One dot a record, answered by both models."),
        )
        .plot(Histogram::of_samples(
            "Scores",
            Axis::new("score").range(0.0, 1.0),
            40,
            &[("champion", &champion, Tone::Champion), ("candidate", &candidate, Tone::Candidate)],
        ))
        .record(json!({"verdict": "pass"}))
}

fn drift() -> Page {
    let features =
        ["f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "a feature with a very long name indeed"];
    let bars = features.iter().enumerate().fold(
        Bars::new("How far each feature moved", Axis::new("Kolmogorov–Smirnov distance"))
            .threshold(0.08, "limit 0.08"),
        |bars, (position, name)| {
            let value = 0.02 + 0.017 * position as f64;
            bars.bar(*name, value, if value > 0.08 { Tone::Alarm } else { Tone::Champion })
        },
    );
    let edges = vec![f64::NEG_INFINITY, -20.0, -5.0, 0.0, 2.0, 5.0, 20.0, f64::INFINITY];
    Page::new(
        "detect-drift",
        "Drift of stream shuttle",
        Verdict::Inconclusive,
        "too few records: 180 of at least 500",
    )
    .fact("Baseline", "reference range 0 to 16,000")
    .check(Check::new("records", "180", "at least 500", Outcome::Inconclusive))
    .plot(bars)
    .plot(
        Histogram::new("f9 in bins of equal reference", Axis::new("f9").unit("mV"), edges)
            .distribution("reference", vec![100.0; 7], Tone::Champion)
            .distribution(
                "now",
                vec![30.0, 60.0, 80.0, 100.0, 140.0, 160.0, 130.0],
                Tone::Candidate,
            ),
    )
    .plot(Bars::new("Nothing to show", Axis::new("PSI")))
    .table(Table::new("Moved features", ["Feature", "Since offset"]))
}

/// The least a page can hold: a refusal before anything was measured.
fn bare() -> Page {
    Page::new(
        "validate-model",
        "Validation of release-2026-01-15-with-a-rather-long-name-that-has-no-blank-in-it-and-goes-on-and-on-and-on",
        Verdict::Fail,
        "the file is a pickle, which can run code when loaded; only ONNX is accepted",
    )
}

/// A linear congruential generator, so the pages are the same on every run.
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn around_zero(&mut self) -> f64 {
        (0..6).map(|_| self.unit()).sum::<f64>() - 3.0
    }
}
