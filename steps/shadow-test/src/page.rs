//! The report page: checks beside their limits, paired scores, where the two differ, latency.

use report::{Axis, Bars, Histogram, Page, ScatterPlot, Table, Tone, count, number, percent};
use serde_json::Value;

use crate::decide::{Check, Outcome};
use crate::tally::{Pair, Score, Tally};

/// What the page shows beside the record.
pub(crate) struct Shown {
    pub stream: String,
    pub tally: Tally,
    pub checks: Vec<Check>,
}

const TITLE: &str = "Shadow test";

/// The page of a run that compared nothing, or was told before.
pub(crate) fn refused(record: &Value) -> String {
    Page::of_record(TITLE, record).render()
}

/// The page of a comparison.
pub(crate) fn compared(record: &Value, shown: &Shown) -> String {
    let mut page = Page::of_record(TITLE, record);
    for check in &shown.checks {
        page = page.check(row(check));
    }
    let pairs = shown.tally.sample.kept();
    page.plot(scatter(pairs))
        .plot(distributions(pairs))
        .plot(latency(&shown.tally))
        .table(largest(shown))
        .table(counts(&shown.tally))
        .render()
}

fn row(check: &Check) -> report::Check {
    let shown = |value| if check.events.is_some() { percent(value) } else { number(value) };
    let outcome = match check.outcome {
        Outcome::Pass => report::Outcome::Pass,
        Outcome::Fail => report::Outcome::Fail,
        Outcome::Inconclusive => report::Outcome::Inconclusive,
    };
    let way = if check.events.is_some() { "" } else { " up or down" };
    let limit = format!("at most {}{way}", shown(check.limit));
    let Some(interval) = &check.interval else {
        return report::Check::new(check.name, "none", limit, outcome)
            .note("nothing to judge from");
    };
    let of = match check.events {
        Some(events) => format!("{} of {}", count(events), count(check.trials)),
        None => format!("{} pairs", count(check.trials)),
    };
    report::Check::new(check.name, shown(interval.estimate), limit, outcome).note(format!(
        "{} {} ({of}), between {} and {}",
        shown(interval.estimate),
        check.about,
        shown(interval.lower),
        shown(interval.upper)
    ))
}

fn scatter(pairs: &[Pair]) -> ScatterPlot {
    let points = |agree: bool| -> Vec<(f64, f64)> {
        let of = pairs.iter().filter(|pair| pair.agree == agree);
        of.map(|pair| (pair.champion.score, pair.candidate.score)).collect()
    };
    ScatterPlot::new("Paired scores", Axis::new("champion's score"), Axis::new("candidate's score"))
        .group("same answer", points(true), Tone::Candidate)
        .group("different answer", points(false), Tone::Alarm)
        .diagonal()
        .caption("One dot a record; on the diagonal both give the same score.")
}

fn distributions(pairs: &[Pair]) -> Histogram {
    let scores =
        |of: fn(&Pair) -> Score| -> Vec<f64> { pairs.iter().map(|p| of(p).score).collect() };
    let (champion, candidate) = (scores(|pair| pair.champion), scores(|pair| pair.candidate));
    let samples = [
        ("champion", &champion[..], Tone::Champion),
        ("candidate", &candidate[..], Tone::Candidate),
    ];
    Histogram::of_samples("Score distributions", Axis::new("score"), 30, &samples)
        .caption("The same records, answered by both.")
}

fn latency(tally: &Tally) -> Bars {
    let caption = format!(
        "Over {} batches of {} records, the two taking turns to go first.",
        count(tally.latency.timed),
        tally.latency.batch
    );
    let axis = Axis::new("time a record").unit("µs");
    quantiles(tally)
        .into_iter()
        .fold(Bars::new("Latency", axis), |bars, (name, champion, candidate)| {
            bars.bar(format!("{name} champion"), champion * 1e6, Tone::Champion).bar(
                format!("{name} candidate"),
                candidate * 1e6,
                Tone::Candidate,
            )
        })
        .caption(caption)
}

/// Name, champion's and candidate's quantile, in seconds a record.
pub(crate) fn quantiles(tally: &Tally) -> Vec<(&'static str, f64, f64)> {
    let kept = tally.latency.sample.kept();
    let (champion, candidate): (Vec<f64>, Vec<f64>) = kept.iter().copied().unzip();
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)]
        .into_iter()
        .filter_map(|(name, probability)| {
            let of = |values: &[f64]| stats::latency::quantile(values, probability).ok();
            Some((name, of(&champion)?, of(&candidate)?))
        })
        .collect()
}

fn largest(shown: &Shown) -> Table {
    let columns = ["record", "champion", "candidate", "difference"];
    let answer = |score: &Score| match score.label {
        Some(label) => format!("label {label}, {}", number(score.score)),
        None => number(score.score),
    };
    let table = Table::new("Largest disagreements", columns).note(format!(
        "{} of {} pairs are answered differently.",
        count(shown.tally.disagreements),
        count(shown.tally.pairs)
    ));
    shown.tally.largest.pairs().fold(table, |table, pair| {
        table.row([
            format!("{}.features/{}/{}", shown.stream, pair.source.partition, pair.source.offset),
            answer(&pair.champion),
            answer(&pair.candidate),
            number(pair.candidate.score - pair.champion.score),
        ])
    })
}

fn counts(tally: &Tally) -> Table {
    let rows = [
        ("records read", tally.records, None),
        ("not readable", tally.undecodable, tally.first_undecodable.as_ref()),
        ("answered by both", tally.pairs, None),
        (
            "candidate failed",
            tally.candidate_failures.count,
            tally.candidate_failures.first.as_ref(),
        ),
        ("champion failed", tally.champion_failures.count, tally.champion_failures.first.as_ref()),
        ("compared with the stream", tally.live.compared, None),
        ("differ from the stream", tally.live.mismatches, tally.live.first_mismatch.as_ref()),
        ("answered by another model there", tally.live.other_model, None),
        ("not answered there", tally.live.unanswered, None),
    ];
    rows.into_iter().fold(Table::new("Records", ["what", "how many", "first"]), |table, row| {
        let (what, how_many, first) = row;
        table.row([what.to_owned(), count(how_many), first.cloned().unwrap_or_default()])
    })
}
