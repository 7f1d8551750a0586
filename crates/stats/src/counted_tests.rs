//! The promise of the whole gate on streams that are not kind to it.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::cluster::{KeyWeights, extra_variance};
use crate::sequential::null_probability;
use crate::testing::Random;

fn plan(stages: &[(f64, u64)]) -> CountedPlan {
    let stages: Vec<Stage> =
        stages.iter().map(|&(share, events)| Stage { share, events }).collect();
    CountedPlan {
        harm_alpha: 0.05,
        safe_alpha: 0.05,
        harm_margin: 0.0,
        safe_margin: 0.5,
        safe_stages: stages.clone(),
        stages,
        aggregation: Aggregation::ByRecord,
        extra_variance: 0.0,
    }
}

/// How many of `runs` end harmful and how many safe.
fn decisions(runs: usize, mut run: impl FnMut(usize) -> Option<Decision>) -> [usize; 2] {
    let mut counts = [0; 2];
    for decision in (0..runs).filter_map(&mut run) {
        counts[usize::from(decision == Decision::Safe)] += 1;
    }
    counts
}

#[test]
fn independent_failures_are_judged_exactly() {
    let plan = plan(&[(0.1, 200), (0.5, 400)]);
    let fresh = CountedMetric::new(&plan).unwrap();
    let mut random = Random::seeded(51);
    let mut judge = |ratio: f64| {
        decisions(400, |_| {
            let mut metric = fresh.clone();
            for minute in 0..60 {
                let share = if minute < 20 { 0.1 } else { 0.5 };
                for _ in 0..10 {
                    let candidate = random.chance(null_probability(share, ratio - 1.0));
                    metric.observe(candidate, share, minute).unwrap();
                }
                metric.end_batch(share);
            }
            metric.decision()
        })
    };
    let [harmful, safe] = judge(1.0);
    assert!(harmful <= 31 && safe >= 340, "healthy: {harmful} harmful, {safe} safe");
    let [harmful, safe] = judge(1.8);
    assert!(harmful >= 380 && safe <= 20, "1.8 times: {harmful} harmful, {safe} safe");
}

fn hash(key: u64) -> u64 {
    (key + 1).wrapping_mul(crate::random::GOLDEN)
}

/// Failures of one model by the minute, around 10 of them, moved by an AR(1) of 0.6.
fn wave(random: &mut Random, mean: f64, minutes: usize) -> Vec<u64> {
    let mut state = 0.3 * random.normal();
    (0..minutes)
        .map(|_| {
            state = 0.6 * state + 0.24 * random.normal();
            random.poisson(mean * (state - 0.045).exp())
        })
        .collect()
}

#[test]
fn models_that_vary_on_their_own_do_not_raise_the_false_alarm_rate() {
    let mut random = Random::seeded(52);
    let mut judge = |ratio: f64| {
        decisions(300, |_| {
            let extra_variance = extra_variance(&wave(&mut random, 20.0, 600));
            let plan = CountedPlan { extra_variance, ..plan(&[(0.5, 1200)]) };
            let mut metric = CountedMetric::new(&plan).unwrap();
            let candidate = wave(&mut random, 10.0 * ratio, 60);
            let champion = wave(&mut random, 10.0, 60);
            for (candidate, champion) in candidate.into_iter().zip(champion) {
                let (mut left, mut all) = (candidate, candidate + champion);
                while all > 0 {
                    let is_candidate = random.chance(left as f64 / all as f64);
                    left -= u64::from(is_candidate);
                    all -= 1;
                    metric.observe(is_candidate, 0.5, 0).unwrap();
                }
                metric.end_batch(0.5);
            }
            metric.decision()
        })
    };
    let [harmful, _] = judge(1.0);
    // 0.05 of 300 is 15; three standard errors are 11.
    assert!(harmful <= 15, "healthy: {harmful} of 300");
    let [harmful, _] = judge(2.0);
    assert!(harmful >= 280, "harm found in {harmful} of 300");
}

#[test]
fn keys_that_fail_again_and_again_count_once() {
    let mut random = Random::seeded(53);
    let mut history = KeyWeights::default();
    for key in 0..300u64 {
        (0..1 + random.poisson(8.0)).for_each(|_| history.observe(hash(key)));
    }
    let aggregation = Aggregation::from_history(&history);
    assert_eq!(aggregation, Aggregation::ByKey);
    let plan = CountedPlan { aggregation, ..plan(&[(0.2, 300)]) };
    let fresh = CountedMetric::new(&plan).unwrap();
    let [harmful, _] = decisions(400, |_| {
        let mut metric = fresh.clone();
        let keys: Vec<(u64, bool)> = (0..300).map(|key| (hash(key), random.chance(0.2))).collect();
        for minute in 0..60 {
            for _ in 0..40 {
                let (key, candidate) = keys[(random.uniform() * 300.0) as usize];
                metric.observe(candidate, 0.2, key).unwrap();
            }
            if minute % 10 == 9 {
                metric.end_batch(0.2);
            }
        }
        assert!(metric.repeated() > 2000);
        metric.decision()
    });
    // 0.05 of 400 is 20; three standard errors are 13.
    assert!(harmful <= 33, "{harmful} of 400");
}

#[test]
fn a_saved_metric_goes_on_bit_for_bit() {
    let plan = CountedPlan { aggregation: Aggregation::ByKey, ..plan(&[(0.1, 90), (0.5, 90)]) };
    let mut through = CountedMetric::new(&plan).unwrap();
    let mut saved = through.clone();
    let mut random = Random::seeded(54);
    for event in 0..200u64 {
        let share = if event < 80 { 0.1 } else { 0.5 };
        let (candidate, key) = (random.chance(share), hash(event / 2));
        for metric in [&mut through, &mut saved] {
            metric.observe(candidate, share, key).unwrap();
            if event % 10 == 9 {
                metric.end_batch(share);
            }
        }
        if event % 33 == 0 {
            saved = serde_json::from_str(&serde_json::to_string(&saved).unwrap()).unwrap();
        }
    }
    assert_eq!(saved, through);
    assert_eq!(through.repeated(), 100);
    assert_eq!(through.events().iter().sum::<u64>(), 100);
}

#[test]
fn an_impossible_event_changes_nothing() {
    let mut metric = CountedMetric::new(&plan(&[(0.5, 9)])).unwrap();
    let before = metric.clone();
    assert!(metric.observe(true, 0.0, 1).is_err());
    assert!(metric.observe(false, 1.0, 1).is_err());
    assert!(metric.observe(true, 1.5, 1).is_err());
    assert_eq!(metric, before);
}

#[test]
fn pairs_are_judged_at_one_half_and_may_both_fail() {
    let plan = CountedPlan { safe_margin: 0.25, ..plan(&[]) };
    let fresh = CountedMetric::new(&plan).unwrap();
    let mut random = Random::seeded(57);
    let mut judge = |candidate: f64, champion: f64| {
        decisions(300, |_| {
            let mut metric = fresh.clone();
            for _ in 0..3000 {
                let failed = (random.chance(candidate), random.chance(champion));
                metric.observe_pair(failed.0, failed.1).unwrap();
            }
            metric.decision()
        })
    };
    let [harmful, _] = judge(0.2, 0.2);
    assert!(harmful <= 15, "healthy: {harmful} of 300 harmful");
    let [harmful, _] = judge(0.4, 0.2);
    assert!(harmful >= 290, "twice: {harmful} of 300 harmful");
    let [_, safe] = judge(0.1, 0.2);
    assert!(safe >= 290, "half: {safe} of 300 safe");
}

#[test]
fn harm_is_still_found_after_safety() {
    let mut metric = CountedMetric::new(&plan(&[])).unwrap();
    (0..200).for_each(|key| metric.observe(key % 4 == 0, 0.5, key).unwrap());
    assert_eq!(metric.decision(), Some(Decision::Safe));
    (200..900).for_each(|key| metric.observe(true, 0.5, key).unwrap());
    assert!(metric.is_proven(Decision::Harmful) && metric.is_proven(Decision::Safe));
    assert_eq!(metric.decision(), Some(Decision::Safe), "the first one");
}
