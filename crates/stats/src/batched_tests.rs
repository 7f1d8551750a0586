//! Coverage on streams that are kind, and on those that are not.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::testing::Random;

/// Runs of which the interval once missed the truth, looked at after each of 120 batches.
fn missed(
    runs: usize,
    truth: f64,
    mut batch: impl FnMut(usize, &mut BatchedDifference),
) -> (usize, f64) {
    let mut width = 0.0;
    let missed = (0..runs)
        .filter(|_| {
            let mut difference = BatchedDifference::default();
            (0..120).any(|minute| {
                batch(minute, &mut difference);
                difference.end_batch();
                let interval = difference.interval(5000, 0.95).unwrap();
                interval.is_some_and(|interval| {
                    width = interval.upper - interval.lower;
                    !interval.contains(truth)
                })
            })
        })
        .count();
    (missed, width)
}

fn share(minute: usize) -> f64 {
    if minute < 40 { 0.1 } else { 0.5 }
}

#[test]
fn independent_values_under_a_rhythm_and_a_rising_share() {
    let mut random = Random::seeded(91);
    let mut key = 0;
    let (missed, width) = missed(200, 0.2, |minute, difference| {
        // The level moves far more than the difference that is sought.
        let level = 3.0 * (minute as f64 / 20.0).sin();
        for _ in 0..100 {
            key += 1;
            let candidate = random.chance(share(minute));
            let value = level + random.normal() + if candidate { 0.2 } else { 0.0 };
            difference.observe(candidate, value, crate::testing::mixed(key)).unwrap();
        }
    });
    assert!(missed <= 10, "{missed} of 200");
    assert!(width < 0.4, "{width}");
}

#[test]
fn keys_that_come_again_and_again_are_paid_for() {
    let mut random = Random::seeded(92);
    let mut salt = 0;
    let (missed, _) = missed(200, 0.0, |minute, difference| {
        salt += u64::from(minute == 0);
        // 300 keys, each with a level of its own and always the same model.
        for _ in 0..100 {
            let hash = crate::testing::mixed((random.uniform() * 300.0) as u64 + 1000 * salt);
            let mut own = Random::seeded(hash);
            let candidate = own.chance(0.3);
            let value = own.normal() + 0.5 * random.normal();
            difference.observe(candidate, value, hash).unwrap();
        }
    });
    assert!(missed <= 14, "{missed} of 200");
}

#[test]
fn models_that_wander_on_their_own_are_paid_for() {
    let mut random = Random::seeded(93);
    let (mut wander, mut key) = ([0.0f64; 2], 0);
    let (missed, _) = missed(200, 0.0, |minute, difference| {
        if minute == 0 {
            wander = [random.normal(), random.normal()].map(|start| 0.3 * start);
        }
        for level in &mut wander {
            *level = 0.6 * *level + 0.8 * 0.3 * random.normal();
        }
        for _ in 0..100 {
            key += 1;
            let candidate = random.chance(0.5);
            let value = wander[usize::from(candidate)] + random.normal();
            difference.observe(candidate, value, crate::testing::mixed(key)).unwrap();
        }
    });
    // Without the correction it misses in more than every second run.
    assert!(missed <= 24, "{missed} of 200");
}

#[test]
fn too_few_values_and_too_few_batches_give_no_interval() {
    let mut difference = BatchedDifference::default();
    assert_eq!(difference.interval(100, 0.95).unwrap(), None);
    for n in 0..220u64 {
        difference.observe(n % 2 == 0, n as f64, n).unwrap();
        let interval = difference.interval(100, 0.95).unwrap();
        assert_eq!(interval.is_some(), n >= 199, "{n}");
        if n % 10 == 9 {
            difference.end_batch();
        }
    }
    assert!(difference.observe(true, f64::NAN, 7).is_err());
    assert_eq!(difference.sizes(), [110, 110]);
    let mut short = BatchedDifference::default();
    (0..2000u64).for_each(|n| short.observe(n % 2 == 0, n as f64, n).unwrap());
    assert_eq!(short.interval(100, 0.95).unwrap(), None, "one batch");
}
