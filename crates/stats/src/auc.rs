//! Which of two models ranks the positives higher, on the same labelled records?

use serde::{Deserialize, Serialize};

use crate::error::{Error, finite_sample};
use crate::special::two_sided_p;

/// Two areas under the ROC curve of the same records, and how sure their difference is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AucComparison {
    /// The candidate's area: the chance that it scores a positive above a negative, ties half.
    pub candidate: f64,
    /// The champion's area.
    pub champion: f64,
    /// The standard error of `candidate - champion`.
    pub standard_error: f64,
    /// The difference in standard errors; 0 when the two rank alike.
    pub z: f64,
    /// The two-sided p-value, for one look at a number of records fixed beforehand.
    pub p_value: f64,
}

/// Compares the areas under the ROC curve of paired scores; `positive[i]` is the label of record i.
///
/// The variance of the difference is that of the records' placements: for each positive, the part
/// of the negatives it is scored above, and the other way round:
/// `var(placements of positives) / m + var(placements of negatives) / n`, of candidate minus
/// champion. Assumes independent records, a dozen of each label or more. O(n log n).
/// Source: DeLong, DeLong and Clarke-Pearson, Biometrics 1988; fast form by Sun and Xu, IEEE SPL 2014.
///
/// # Errors
/// [`Error`] for samples of different lengths, scores that are not finite, or fewer than 2 records of
/// either label.
pub fn compare_auc(
    candidate: &[f64],
    champion: &[f64],
    positive: &[bool],
) -> Result<AucComparison, Error> {
    if candidate.len() != champion.len() || candidate.len() != positive.len() {
        let (candidate, champion) = (candidate.len(), champion.len().min(positive.len()));
        return Err(Error::Unpaired { candidate, champion });
    }
    finite_sample("candidate's scores", candidate, 4)?;
    finite_sample("champion's scores", champion, 4)?;
    let positives = positive.iter().filter(|&&is_positive| is_positive).count();
    for (what, given) in [("positives", positives), ("negatives", positive.len() - positives)] {
        if given < 2 {
            return Err(Error::TooFew { what, given, needed: 2 });
        }
    }
    let (candidate, champion) = (placements(candidate, positive), placements(champion, positive));
    let area = |placements: &[f64]| mean(placements, positive, true);
    let difference: Vec<f64> = candidate.iter().zip(&champion).map(|(a, b)| a - b).collect();
    let variance =
        part_variance(&difference, positive, true) + part_variance(&difference, positive, false);
    let standard_error = variance.sqrt();
    let (candidate, champion) = (area(&candidate), area(&champion));
    let z = if standard_error > 0.0 { (candidate - champion) / standard_error } else { 0.0 };
    Ok(AucComparison { candidate, champion, standard_error, z, p_value: two_sided_p(z) })
}

/// For each record, the part of the records of the other label on its right side, ties half.
fn placements(scores: &[f64], positive: &[bool]) -> Vec<f64> {
    let sorted = |label: bool| {
        let mut part: Vec<f64> =
            scores.iter().zip(positive).filter(|(_, is)| **is == label).map(|(s, _)| *s).collect();
        part.sort_unstable_by(f64::total_cmp);
        part
    };
    let parts = [sorted(false), sorted(true)];
    let place = |(&score, &is_positive): (&f64, &bool)| {
        let others = &parts[usize::from(!is_positive)];
        let below = others.partition_point(|&other| other < score) as f64;
        let up_to = others.partition_point(|&other| other <= score) as f64;
        let part = 0.5 * (below + up_to) / others.len() as f64;
        if is_positive { part } else { 1.0 - part }
    };
    scores.iter().zip(positive).map(place).collect()
}

fn of_label<'a>(
    values: &'a [f64],
    positive: &'a [bool],
    label: bool,
) -> impl Iterator<Item = f64> + Clone + 'a {
    values.iter().zip(positive).filter(move |(_, is)| **is == label).map(|(value, _)| *value)
}

fn mean(values: &[f64], positive: &[bool], label: bool) -> f64 {
    let part = of_label(values, positive, label);
    part.clone().sum::<f64>() / part.count() as f64
}

fn part_variance(values: &[f64], positive: &[bool], label: bool) -> f64 {
    let centre = mean(values, positive, label);
    let part = of_label(values, positive, label);
    let size = part.clone().count() as f64;
    part.map(|value| (value - centre).powi(2)).sum::<f64>() / (size - 1.0) / size
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::testing::{Random, assert_close};

    #[test]
    fn four_records_by_hand() {
        let positive = [true, true, false, false];
        // The candidate ranks all four right; the champion has one positive below both negatives.
        let comparison =
            compare_auc(&[4.0, 3.0, 2.0, 1.0], &[4.0, 1.0, 3.0, 2.0], &positive).unwrap();
        assert_eq!((comparison.candidate, comparison.champion), (1.0, 0.5));
        // Differences of the placements: positives 0 and 1, negatives 1/2 and 1/2.
        assert_close(comparison.standard_error, (0.5f64 / 2.0).sqrt(), 1e-12);
        assert_close(comparison.z, 1.0, 1e-12);
        assert_close(comparison.p_value, 0.3173105079, 1e-9);
    }

    #[test]
    fn the_area_counts_pairs_and_ties_half() {
        let mut random = Random::seeded(12);
        let scores: Vec<f64> = (0..60).map(|_| (random.normal() * 3.0).round()).collect();
        let positive: Vec<bool> = (0..60).map(|_| random.chance(0.4)).collect();
        let mut wins = 0.0;
        let mut pairs = 0.0;
        for (i, &a) in scores.iter().enumerate().filter(|(i, _)| positive[*i]) {
            for (j, &b) in scores.iter().enumerate().filter(|(j, _)| !positive[*j]) {
                assert_ne!(i, j);
                wins += if a > b {
                    1.0
                } else if a == b {
                    0.5
                } else {
                    0.0
                };
                pairs += 1.0;
            }
        }
        let same = compare_auc(&scores, &scores, &positive).unwrap();
        assert_close(same.candidate, wins / pairs, 1e-12);
        assert_eq!((same.z, same.p_value), (0.0, 1.0));
    }

    #[test]
    fn the_p_value_keeps_its_level() {
        let mut random = Random::seeded(1988);
        let runs = 500;
        let alarms = (0..runs)
            .filter(|_| {
                let positive: Vec<bool> = (0..120).map(|_| random.chance(0.3)).collect();
                let truth: Vec<f64> =
                    positive.iter().map(|&is| f64::from(u8::from(is)) + random.normal()).collect();
                let noisy = |random: &mut Random| -> Vec<f64> {
                    truth.iter().map(|value| value + 0.7 * random.normal()).collect()
                };
                let (one, other) = (noisy(&mut random), noisy(&mut random));
                compare_auc(&one, &other, &positive).unwrap().p_value <= 0.05
            })
            .count();
        // 0.05 of 500 is 25; three standard errors either way.
        assert!((10..=40).contains(&alarms), "{alarms}");
    }

    #[test]
    fn refuses_what_cannot_be_ranked() {
        assert!(compare_auc(&[1.0; 4], &[1.0; 3], &[true; 4]).is_err());
        assert!(compare_auc(&[1.0; 4], &[1.0; 4], &[true; 4]).is_err());
        let nan = [1.0, f64::NAN, 1.0, 1.0];
        assert!(compare_auc(&nan, &[1.0; 4], &[true, true, false, false]).is_err());
    }
}
