//! What the two answered to the same records: scores, the largest disagreements, and times.

use report::{Axis, Bars, Histogram, ScatterPlot, Table, Tone, Unit, count, number, plural};

use crate::live::ModelOutput;
use crate::page::Evidence;
use crate::tally::{Latency, Pair};
use stream::{SourceOffset, Topics};

pub(super) fn scatter(pairs: &[Pair]) -> ScatterPlot {
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

pub(super) fn distributions(pairs: &[Pair]) -> Histogram {
    let scores =
        |of: fn(&Pair) -> ModelOutput| -> Vec<f64> { pairs.iter().map(|p| of(p).score).collect() };
    let (champion, candidate) = (scores(|pair| pair.champion), scores(|pair| pair.candidate));
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
        batches(latency.over_limit.values.count()),
        plural(latency.batch as u64, "record")
    );
    let found = quantiles(latency);
    let longest =
        found.iter().flat_map(|(_, one, other)| [one.unwrap_or(0.0), *other]).fold(0.0, f64::max);
    let unit = Unit::of_seconds(longest);
    let axis = Axis::new("latency of a record").unit(unit.name);
    found
        .into_iter()
        .fold(
            Bars::new("Latency: median, p90 and p99", axis),
            |bars, (name, champion, candidate)| {
                let bars = match champion {
                    Some(champion) => {
                        bars.bar(format!("{name} champion"), champion * unit.factor, Tone::Champion)
                    }
                    None => bars,
                };
                bars.bar(format!("{name} candidate"), candidate * unit.factor, Tone::Candidate)
            },
        )
        .caption(caption)
}

fn batches(count: u64) -> String {
    match count {
        1 => "1 batch".to_owned(),
        many => format!("{} batches", report::count(many)),
    }
}

/// Name, champion's quantile where it answers here, and candidate's, in seconds a record.
pub(crate) fn quantiles(latency: &Latency) -> Vec<(&'static str, Option<f64>, f64)> {
    let kept = latency.sample.kept();
    let champion: Vec<f64> = kept.iter().filter_map(|(champion, _)| *champion).collect();
    let candidate: Vec<f64> = kept.iter().map(|(_, candidate)| *candidate).collect();
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)]
        .into_iter()
        .filter_map(|(name, probability)| {
            let of = |values: &[f64]| stats::latency::quantile(values, probability).ok();
            Some((name, of(&champion), of(&candidate)?))
        })
        .collect()
}

pub(super) fn largest(shown: &Evidence) -> Table {
    let columns = ["record", "champion", "candidate", "difference", "fields"];
    let answer = |answer: &ModelOutput| match answer.label {
        Some(label) => format!("label {label}, {}", number(answer.score)),
        None => number(answer.score),
    };
    let table = Table::new("Largest disagreements", columns).note(format!(
        "{} of {} pairs are answered differently; those that differ most come first.",
        count(shown.tally.disagreements.events),
        count(shown.tally.pairs())
    ));
    let topics = Topics::of(&shown.stream);
    shown.largest.iter().fold(table, |table, one| {
        let pair = &one.pair;
        table.row([
            SourceOffset {
                topic: &topics.features,
                partition: pair.source.partition,
                offset: pair.source.offset,
            }
            .to_string(),
            answer(&pair.champion),
            answer(&pair.candidate),
            number(pair.candidate.score - pair.champion.score),
            one.line(),
        ])
    })
}
