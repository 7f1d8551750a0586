//! Sample pages as a reader sees them; the records are real ones, some with what a case asks for put in.
#![expect(clippy::unwrap_used, reason = "tests")]

use contract::repeat;
use serde_json::{Value, json};

use crate::decision_record::details::Details;

fn render(record: &Value) -> String {
    repeat::page(record, super::render).unwrap()
}

fn sample(name: &str) -> Value {
    let mut samples = testkit::browser::sample_records("canary-gate").into_iter();
    samples.find(|sample| sample.0 == name).unwrap().1
}

/// The row of a check: from its name back to the result, and on to its threshold.
fn row(html: &str, name: &str) -> String {
    let rows = html.split("<tr class=\"").skip(1).map(|row| row.split("</tr>").next().unwrap());
    let mut found = rows.filter(|row| row.contains(&format!("<td class=\"what\">{name}")));
    found.next().unwrap_or_else(|| panic!("no check {name}")).to_owned()
}

#[test]
fn pages_read_well() {
    let samples = testkit::browser::sample_records("canary-gate");
    let pages: Vec<_> = samples.into_iter().map(|(name, it)| (name, render(&it))).collect();
    for seen in testkit::browser::assert_step_reads_well("canary-gate", &pages) {
        for look in seen {
            for plot in look.measured.plots {
                assert!(plot.overlaps.is_empty(), "{}: {:?}", plot.title, plot.overlaps);
            }
        }
    }
}

#[test]
fn harm_without_a_ratio_is_broken_and_says_why() {
    let html = render(&sample("fail-unknown-ratio"));
    let row = row(&html, "Label errors");
    assert!(row.starts_with("fail\"") && row.contains("Broken"), "{row}");
    assert!(row.contains("no ratio yet; worse, proven"), "{row}");
    assert!(row.contains("Candidate 2 of 103, champion 0 of 5,872"), "{row}");
    assert!(!html.contains("unknown (") && !html.contains("no proof of harm"), "the old words");
}

#[test]
fn a_pass_shows_the_bound_that_decides() {
    let mut record = sample("pass");
    // Two-sided, the interval is wider than the bound that was proven one-sided.
    let view = &mut record["details"]["canary"]["metrics"][0]["view"];
    (view["lower"], view["upper"], view["estimate"]) = (json!(0.88), json!(1.352), json!(1.04));
    let html = render(&record);
    let row = row(&html, "Label errors");
    assert!(row.starts_with("pass\""), "{row}");
    assert!(row.contains("1.04 times; at most 1.25 times the champion's rate, proven"), "{row}");
    assert!(!row.contains("1.352"), "a bound that did not decide: {row}");
    assert!(html.contains("95\u{a0}% sure"));
}

#[test]
fn there_is_no_tick_without_a_label() {
    let html = render(&sample("inconclusive-no-labels"));
    for name in ["Label errors", "Labelled answers at the last share"] {
        let row = row(&html, name);
        assert!(row.starts_with("not-run\"") && row.contains("Not judged"), "{row}");
    }
    assert!(row(&html, "Label errors").contains("41 (no label)"));
    assert!(html.contains("no label came for them"));
}

#[test]
fn every_record_without_answers_has_no_tick() {
    // Whatever else a record holds: where nothing was judged, nothing is held.
    for (name, mut record) in testkit::browser::sample_records("canary-gate") {
        let canary = &mut record["details"]["canary"];
        for step in canary.get_mut("steps").and_then(Value::as_array_mut).into_iter().flatten() {
            for variant in ["champion", "candidate"] {
                step[variant] = json!({ "records": 0, "labelled": 0, "errors": 0, "fallbacks": 0 });
            }
        }
        for metric in canary.get_mut("metrics").and_then(Value::as_array_mut).into_iter().flatten()
        {
            metric["samples"] = json!({ "values": 0, "without_data": 0 });
            let none = json!({ "answers": 0, "unfit": 0, "judged": 0, "not": {} });
            metric["judged"] = json!({ "champion": none, "candidate": none });
            metric["slices"] = json!([]);
            metric["view"]["harm"]["proven"] = json!(false);
        }
        let html = render(&record);
        assert!(!html.contains("<tr class=\"pass\""), "{name}: a tick without data");
    }
}

#[test]
fn commands_stand_at_the_time_at_which_they_came() {
    let html = render(&sample("inconclusive-no-labels"));
    assert!(!html.contains("NaN"));
    for said in ["<div>3.2 s</div>", "<div>9 s</div>", "<div>20 s</div>"] {
        assert!(html.contains(said), "{said}");
    }
    assert_eq!(html.matches("class=\"marker\"><title>pause").count(), 2, "in both drawings");
}

#[test]
fn the_price_is_counted_in_records() {
    let html = render(&sample("fail"));
    assert!(html.contains("Price in records") && html.contains("<dd>103 records</dd>"), "{html}");
    assert!(html.contains("103 labelled, 2 wrong (1.942\u{a0}%)"));
    assert!(html.contains("about 2 more than at the champion’s rate of 0.01703\u{a0}%"));
}

#[test]
fn every_sample_is_a_record_of_the_type() {
    for (name, record) in testkit::browser::sample_records("canary-gate") {
        let details: Details = serde_json::from_value(record["details"].clone())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let written = serde_json::to_value(&details).unwrap();
        let again: Details = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(serde_json::to_value(&again).unwrap(), written, "{name}");
    }
}

#[test]
fn a_repeated_outcome_has_a_page_too() {
    let mut record = sample("pass");
    let report = json!({ "digest": format!("sha256:{}", "1".repeat(64)) });
    record["details"] = json!({ "emitted_before": "2026-11-28T19:41:57Z", "report": report });
    let html = render(&record);
    assert!(html.contains("Emitted before") && html.contains("2026-11-28 19:41:57 UTC"), "{html}");
}
