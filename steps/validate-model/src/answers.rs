//! What the models answered, put together for the record and its plots.

use report::{Axis, Tone};

use crate::decide::Asked;
use crate::golden::Golden;
use crate::record::{Answers, Histogram};

/// Bins of a histogram.
const BINS: usize = 40;
/// Answers to the golden set that are kept: those that are furthest from the golden ones.
const MAX_GOLDEN: usize = 500;

/// Of both models, as far as they replied.
pub(crate) fn of(candidate: Option<&Asked>, champion: Option<&Asked>, golden: &Golden) -> Answers {
    let Some(candidate) = candidate.and_then(Asked::reply) else { return Answers::default() };
    let champion = champion.and_then(Asked::reply);
    let expected = golden.cases.iter().map(|case| case.score);
    let mut pairs: Vec<_> = expected.zip(wide(&candidate.golden.score)).collect();
    let apart = |(golden, answered): &(f64, f64)| (golden - answered).abs();
    pairs.sort_by(|one, other| apart(other).total_cmp(&apart(one)));
    pairs.truncate(MAX_GOLDEN);
    let scores = champion.map(|champion| wide(&champion.holdout.score));
    let milliseconds = champion.map(|champion| without_tail(&champion.latencies_ms));
    Answers {
        golden: pairs,
        scores: histogram(scores, &wide(&candidate.holdout.score)),
        milliseconds: histogram(milliseconds, &without_tail(&candidate.latencies_ms)),
    }
}

fn wide(scores: &[f32]) -> Vec<f64> {
    scores.iter().map(|score| f64::from(*score)).collect()
}

/// None without a value of the candidate's.
fn histogram(champion: Option<Vec<f64>>, candidate: &[f64]) -> Option<Histogram> {
    if candidate.is_empty() {
        return None;
    }
    let champion = champion.filter(|values| !values.is_empty());
    let mut samples = vec![("candidate", candidate, Tone::Candidate)];
    samples.extend(champion.as_deref().map(|values| ("champion", values, Tone::Champion)));
    let binned = report::Histogram::of_samples("", Axis::new(""), BINS, &samples);
    let mut counts = binned.distributions.into_iter().map(|one| one.counts);
    let candidate = counts.next().unwrap_or_default();
    Some(Histogram { edges: binned.edges, candidate, champion: counts.next() })
}

/// All but the largest in 200, which would stretch the axis.
fn without_tail(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.truncate(values.len() - values.len() / 200);
    sorted
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::probe::{Answered, Reply};

    fn replied(holdout: &[f32], golden: &[f32]) -> Asked {
        let answered = |score: &[f32]| Answered { labels: None, score: score.to_vec() };
        let (holdout, golden) = (answered(holdout), answered(golden));
        Asked::Replied(Box::new(Reply { holdout, golden, ..Reply::default() }))
    }

    #[test]
    fn both_models_share_the_bins_and_the_furthest_golden_answers_come_first() {
        let text = r#"{"cases":[{"row":[1],"score":0.5},{"row":[1],"score":1}]}"#;
        let golden = Golden::parse(text).unwrap();
        let candidate = replied(&[0.0, 0.1, 1.0], &[0.5, 0.25]);
        let answers = of(Some(&candidate), Some(&replied(&[0.6], &[])), &golden);
        assert_eq!(answers.golden, [(1.0, 0.25), (0.5, 0.5)]);
        let scores = answers.scores.unwrap();
        assert_eq!(scores.edges.len(), BINS + 1);
        let sum = |counts: &[f64]| counts.iter().sum::<f64>();
        assert_eq!(sum(&scores.candidate), 3.0);
        assert_eq!(scores.champion.map(|counts| sum(&counts)), Some(1.0));
        assert!(answers.milliseconds.is_none(), "nothing was timed");

        assert!(of(None, None, &golden).golden.is_empty());
        let alone = of(Some(&candidate), None, &golden);
        assert!(alone.scores.unwrap().champion.is_none());
    }

    #[test]
    fn the_slowest_in_two_hundred_are_left_out() {
        let values: Vec<f64> = (0..400).map(f64::from).collect();
        let kept = without_tail(&values);
        assert_eq!((kept.len(), kept.last()), (398, Some(&397.0)));
    }
}
