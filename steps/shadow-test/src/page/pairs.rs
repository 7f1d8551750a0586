//! What the two answered to the same records: scores, the largest disagreements, and times.

use report::{Axis, Bars, Histogram, ScatterPlot, Table, Tone, Unit, count, number, plural};

use stream::{SourceOffset, Topics};

use crate::live::ModelOutput;
use crate::record::{Compared, Latency};
use crate::tally::ScorePair;

pub(super) fn scatter(pairs: &[ScorePair]) -> ScatterPlot {
    let points = |same: bool| -> Vec<(f64, f64)> {
        let of = pairs.iter().filter(|(_, _, agree)| *agree == same);
        of.map(|(champion, candidate, _)| (*champion, *candidate)).collect()
    };
    ScatterPlot::new("Paired scores", Axis::new("champion's score"), Axis::new("candidate's score"))
        .group("same answer", points(true), Tone::Candidate)
        .group("different answer", points(false), Tone::Alarm)
        .diagonal()
        .caption("One dot a record; on the diagonal both give the same score.")
}

pub(super) fn distributions(pairs: &[ScorePair]) -> Histogram {
    let scores = pairs.iter().map(|(champion, candidate, _)| (*champion, *candidate));
    let (champion, candidate): (Vec<f64>, Vec<f64>) = scores.unzip();
    let samples = [
        ("champion", &champion[..], Tone::Champion),
        ("candidate", &candidate[..], Tone::Candidate),
    ];
    Histogram::of_samples("Score distributions", Axis::new("score"), 30, &samples)
        .caption("The same records, answered by both.")
}

pub(super) fn latency(latency: &Latency) -> Bars {
    let caption = format!(
        "Over {} of {}, those who answer here taking turns to go first.",
        batches(latency.timed),
        plural(latency.batch as u64, "record")
    );
    let times = latency.quantiles.iter().flat_map(|it| [it.champion.unwrap_or(0.0), it.candidate]);
    let unit = Unit::of_seconds(times.fold(0.0, f64::max));
    let mut bars =
        Bars::new("Latency: median, p90 and p99", Axis::new("latency of a record").unit(unit.name));
    for quantile in &latency.quantiles {
        let name = &quantile.name;
        if let Some(champion) = quantile.champion {
            bars = bars.bar(format!("{name} champion"), champion * unit.factor, Tone::Champion);
        }
        let candidate = quantile.candidate * unit.factor;
        bars = bars.bar(format!("{name} candidate"), candidate, Tone::Candidate);
    }
    bars.caption(caption)
}

fn batches(count: u64) -> String {
    match count {
        1 => "1 batch".to_owned(),
        many => format!("{} batches", report::count(many)),
    }
}

pub(super) fn largest(compared: &Compared, stream: &str) -> Table {
    let columns = ["record", "champion", "candidate", "difference", "fields"];
    let answer = |answer: &ModelOutput| match answer.label {
        Some(label) => format!("label {label}, {}", number(answer.score)),
        None => number(answer.score),
    };
    let table = Table::new("Largest disagreements", columns).note(format!(
        "{} of {} pairs are answered differently; those that differ most come first.",
        count(compared.counts.disagreements),
        count(compared.counts.pairs)
    ));
    let features = Topics::of(stream).features;
    compared.largest.iter().fold(table, |table, one| {
        let (partition, offset) = (one.source.partition, one.source.offset);
        table.row([
            SourceOffset { topic: &features, partition, offset }.to_string(),
            answer(&one.champion),
            answer(&one.candidate),
            number(one.candidate.score - one.champion.score),
            one.line(),
        ])
    })
}
