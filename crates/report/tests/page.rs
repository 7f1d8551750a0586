//! Pages that no step should ever have to write, and that must hold all the same.
#![expect(clippy::unwrap_used, reason = "tests")]

mod samples;

use report::{
    Axis, Band, Bars, Check, Histogram, LinePlot, Outcome, Page, ScatterPlot, Series, Table, Tone,
    Verdict,
};
use serde_json::json;

const HOSTILE: &str =
    "</style></title></script><script>alert(1)</script>\"'&<img src=x onerror=alert(1)>";

/// Every text of a page is hostile.
fn hostile() -> Page {
    let axis = || Axis::new(HOSTILE).unit(HOSTILE);
    Page::new(HOSTILE, HOSTILE, Verdict::Fail, HOSTILE)
        .fact(HOSTILE, HOSTILE)
        .check(Check::new(HOSTILE, HOSTILE, HOSTILE, Outcome::Fail).note(HOSTILE))
        .plot(
            LinePlot::new(HOSTILE, axis(), axis())
                .caption(HOSTILE)
                .series(Series::new(HOSTILE, vec![(0.0, 1.0), (1.0, 2.0)]))
                .band(Band::new(HOSTILE, vec![(0.0, 0.5, 1.5), (1.0, 1.0, 3.0)]))
                .threshold(1.5, HOSTILE)
                .marker(0.5, HOSTILE),
        )
        .plot(
            ScatterPlot::new(HOSTILE, axis(), axis())
                .caption(HOSTILE)
                .group(HOSTILE, vec![(0.0, 0.0), (1.0, 1.0)], Tone::Auto)
                .threshold(0.5, HOSTILE),
        )
        .plot(
            Histogram::of_samples(HOSTILE, axis(), 4, &[(HOSTILE, &[1.0, 2.0], Tone::Auto)])
                .caption(HOSTILE),
        )
        .plot(
            Bars::new(HOSTILE, axis())
                .caption(HOSTILE)
                .bar(HOSTILE, 1.0, Tone::Alarm)
                .threshold(0.5, HOSTILE),
        )
        .table(Table::new(HOSTILE, [HOSTILE]).row([HOSTILE]).note(HOSTILE))
        .record(json!({ HOSTILE: HOSTILE }))
}

/// One page with every plot over the same values, on linear, log and fixed axes.
fn of(values: &[f64]) -> Page {
    let pairs: Vec<(f64, f64)> = values.iter().copied().zip(values.iter().copied().rev()).collect();
    let triples = values.iter().map(|value| (*value, *value, *value)).collect::<Vec<_>>();
    let axes = [
        Axis::new("linear"),
        Axis::new("log").log(),
        Axis::new("percent").percent(),
        Axis::new("fixed").range(values.first().copied().unwrap_or(0.0), 1.0),
    ];
    axes.into_iter().fold(Page::new("step", "title", Verdict::Inconclusive, "why"), |page, axis| {
        let bars = values.iter().fold(Bars::new("bars", axis.clone()), |bars, value| {
            bars.bar("a name", *value, Tone::Auto).threshold(*value, "level")
        });
        let mut line = LinePlot::new("line", axis.clone(), axis.clone())
            .series(Series::new("straight", pairs.clone()))
            .series(Series::new("stairs", pairs.clone()).steps())
            .band(Band::new("band", triples.clone()));
        for value in values {
            line = line.threshold(*value, "level").marker(*value, "moment");
        }
        page.plot(line)
            .plot(
                ScatterPlot::new("scatter", axis.clone(), axis.clone())
                    .group("pairs", pairs.clone(), Tone::Candidate)
                    .diagonal(),
            )
            .plot(Histogram::of_samples("samples", axis.clone(), 7, &[("all", values, Tone::Auto)]))
            .plot(Histogram::new("bins", axis, values.to_vec()).distribution(
                "counts",
                values.to_vec(),
                Tone::Auto,
            ))
            .plot(bars)
    })
}

#[test]
fn hostile_text_stays_text() {
    let html = hostile().render();
    assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
    // The one style element is ours and ends where we end it.
    assert_eq!(html.matches("</style>").count(), 1);
    assert_well_formed(&html);
}

#[test]
fn no_number_breaks_a_page() {
    for values in [
        vec![],
        vec![f64::NAN],
        vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY],
        vec![0.0],
        vec![0.0, 0.0, 0.0],
        vec![-5.0, 0.0, f64::NAN, 5.0],
        vec![f64::MIN, f64::MAX],
        vec![-1e300, 1e300],
        vec![f64::MIN_POSITIVE, 1.0],
        vec![1.0, 1.0 + f64::EPSILON],
        vec![3.0, 2.0, 1.0],
    ] {
        let html = of(&values).render();
        assert_well_formed(&html);
        for attribute in drawing_attributes(&html) {
            assert!(
                !attribute.contains("NaN")
                    && !attribute.contains("inf")
                    && !attribute.contains('e'),
                "{values:?} draws {attribute:?}"
            );
        }
    }
}

#[test]
fn what_cannot_be_drawn_is_said() {
    let html = Page::new("step", "title", Verdict::Pass, "why")
        .plot(
            LinePlot::new("line", Axis::new("x"), Axis::new("y").log())
                .series(Series::new("s", vec![(0.0, 1.0), (1.0, 0.0), (2.0, f64::NAN)])),
        )
        .plot(ScatterPlot::new("pairs", Axis::new("x"), Axis::new("y")).group(
            "agree",
            (0..40_000).map(|n| (f64::from(n), f64::from(n * 7919 % 40_000))).collect(),
            Tone::Auto,
        ))
        .render();
    assert!(html.contains("2 values have no place on these axes"), "{html}");
    assert!(html.contains("places drawn, evenly picked"));
    assert!(html.contains("A larger dot stands for several records"));
    assert!(html.matches("<circle").count() < 3200);
}

#[test]
fn a_page_is_one_file_that_loads_nothing() {
    for (_, page) in samples::all() {
        let html = page.render();
        assert_well_formed(&html);
        for loads in ["<link", "<script", "<iframe", "src=", "@import", "url("] {
            assert!(!html.contains(loads), "a page contains {loads}");
        }
        let names_space = "http://www.w3.org/2000/svg";
        assert!(!html.replace(names_space, "").contains("://"), "a page names an address");
    }
}

#[test]
fn a_huge_record_is_pointed_at_instead_of_repeated() {
    let page = Page::new("step", "title", Verdict::Pass, "why");
    let html = page.record(json!(vec!["x".repeat(99); 10_000])).render();
    assert!(html.len() < 100_000 && html.contains("report.json"));
}

#[test]
fn the_verdict_is_a_word_and_not_only_a_colour() {
    for (verdict, word) in
        [(Verdict::Pass, "Pass"), (Verdict::Fail, "Fail"), (Verdict::Inconclusive, "Inconclusive")]
    {
        let html = Page::new("step", "title", verdict, "because").render();
        assert!(html.contains(&format!("<strong>{word}</strong><p>Because</p>")), "{html}");
    }
}

/// Asserts that every element that opens also closes, in order.
fn assert_well_formed(html: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html.strip_prefix("<!DOCTYPE html>").unwrap();
    while let Some(start) = rest.find('<') {
        let tag = &rest[start + 1..];
        let end = tag.find('>').unwrap();
        let name = tag[..end].split_whitespace().next().unwrap();
        match name.strip_prefix('/') {
            Some(closed) => assert_eq!(open.pop(), Some(closed), "near {}", &rest[..start.min(80)]),
            None if name == "meta" => {}
            None => open.push(name),
        }
        rest = &tag[end + 1..];
    }
    assert!(open.is_empty(), "left open: {open:?}");
}

/// The values of all attributes that hold coordinates.
fn drawing_attributes(html: &str) -> impl Iterator<Item = &str> {
    [
        " x=\"",
        " y=\"",
        " d=\"",
        " cx=\"",
        " cy=\"",
        " x1=\"",
        " x2=\"",
        " y1=\"",
        " y2=\"",
        " width=\"",
        " height=\"",
    ]
    .into_iter()
    .flat_map(move |name| html.split(name).skip(1).map(|rest| rest.split('"').next().unwrap()))
}

#[test]
fn a_hostile_name_neither_hides_nor_fills_a_page() {
    let name = format!("a\u{1b}[2J\0b{}", "x".repeat(30_000_000));
    let html = Page::new("step", &name, Verdict::Fail, &name)
        .fact("name", &name)
        .check(Check::new(&name, &name, &name, Outcome::Fail).note(&name))
        .table(Table::new(&name, [&name]).row([&name]))
        .plot(Bars::new(&name, Axis::new(&name)).bar(&name, 1.0, Tone::Auto).threshold(0.5, &name))
        .render();
    assert!(html.len() < 200_000, "{} bytes", html.len());
    assert!(!html.contains('\u{1b}') && !html.contains('\0'), "a control character");
    assert_well_formed(&html);
}
