//! The promise of the planned test: alpha, whatever the plan said, and sooner than without a plan.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::sequential::{CountTest, null_probability, threshold};
use crate::testing::{Random, assert_close};

fn plan(stages: &[(f64, u64)]) -> Vec<Stage> {
    stages.iter().map(|&(share, events)| Stage { share, events }).collect()
}

fn test(side: Side, margin: f64, stages: &[(f64, u64)]) -> PlannedTest {
    PlannedTest::new(side, margin, &plan(stages), 0.05).unwrap()
}

#[test]
fn the_evidence_is_that_of_the_count_test() {
    let mut random = Random::seeded(5);
    for side in [Side::Harm, Side::Safe] {
        let mut planned = test(side, 0.2, &[(0.1, 50), (0.5, 50)]);
        let mut plain = CountTest::new(side, 0.2).unwrap();
        for event in 0..200 {
            let share = [0.0, 0.1, 0.3, 0.5][event / 50];
            let candidate = random.chance(share);
            planned.observe(candidate, share).unwrap();
            plain.observe(candidate, share).unwrap();
            assert_close(planned.log_e(), plain.log_e(), 1e-9);
        }
        assert_close(planned.peak_log_e(), plain.peak_log_e(), 1e-9);
        assert_eq!(planned.candidate_events(), plain.candidate_events());
        assert_eq!(planned.champion_events(), plain.champion_events());
    }
}

#[test]
fn a_saved_test_goes_on_bit_for_bit() {
    let mut random = Random::seeded(6);
    let mut through = test(Side::Harm, 0.0, &[(0.1, 100), (0.5, 100)]);
    let mut saved = through.clone();
    for event in 0..300 {
        let share = if event < 130 { 0.1 } else { 0.5 };
        let candidate = random.chance(share);
        through.observe(candidate, share).unwrap();
        saved.observe(candidate, share).unwrap();
        if event % 37 == 0 {
            let text = serde_json::to_string(&saved).unwrap();
            assert!(text.len() < 400, "{text}");
            saved = serde_json::from_str(&text).unwrap();
        }
        assert_eq!(saved.log_e().to_bits(), through.log_e().to_bits());
        assert_eq!(saved.threshold().to_bits(), through.threshold().to_bits());
    }
    assert_eq!(saved, through);
}

/// The share of `runs` in which the test rejects along `real` events with this rate ratio.
fn rejections(test: &PlannedTest, real: &[(f64, u64)], ratio: f64, runs: usize) -> f64 {
    let mut random = Random::seeded(1939);
    let rejected = (0..runs)
        .filter(|_| {
            let mut test = test.clone();
            for &(share, events) in real {
                for _ in 0..events {
                    let candidate = random.chance(null_probability(share, ratio - 1.0));
                    test.observe(candidate, share).unwrap();
                }
            }
            test.rejects()
        })
        .count();
    rejected as f64 / runs as f64
}

#[test]
fn alpha_holds_when_the_events_come_otherwise_than_planned() {
    let planned = [(0.05, 40), (0.5, 160)];
    for real in [
        [(0.05, 40), (0.5, 160)],
        [(0.05, 200), (0.5, 0)],
        [(0.5, 160), (0.01, 40)],
        [(0.05, 40), (0.5, 1500)],
    ] {
        for (side, margin) in [(Side::Harm, 0.0), (Side::Safe, 0.3)] {
            let test = test(side, margin, &planned);
            let rate = rejections(&test, &real, 1.0 + margin, 1500);
            // Three standard errors above 0.05.
            assert!(rate <= 0.067, "{side:?} {real:?}: {rate}");
        }
    }
}

#[test]
fn the_told_spending_is_the_real_one() {
    let planned = [(0.1, 200)];
    let mut test = test(Side::Harm, 0.0, &planned);
    let rate = rejections(&test, &planned, 1.0, 4000);
    (0..200).for_each(|event| test.observe(event % 10 == 0, 0.1).unwrap());
    assert!(test.spent() <= 0.0475 * (1.0 + 1e-8) && test.spent() > 0.04, "{}", test.spent());
    assert_close(rate, test.spent(), 0.0105);
    // What is left is worth more than the bound without a plan would be at that alpha.
    assert!(test.threshold() < threshold(0.05 - test.spent(), 1), "{}", test.threshold());
}

#[test]
fn harm_is_found_sooner_than_without_a_plan() {
    let stages = [(0.1, 300)];
    let events_until = |limit: &dyn Fn(&PlannedTest) -> bool| {
        let mut random = Random::seeded(77);
        let mut needed: Vec<u64> = (0..200)
            .map(|_| {
                let mut test = test(Side::Harm, 0.0, &stages);
                (1..=2000)
                    .find(|_| {
                        test.observe(random.chance(null_probability(0.1, 1.0)), 0.1).unwrap();
                        limit(&test)
                    })
                    .unwrap()
            })
            .collect();
        needed.sort_unstable();
        needed[100]
    };
    let planned = events_until(&|test| test.rejects());
    let unplanned = events_until(&|test| test.peak_log_e() >= threshold(0.05, 1));
    assert!(planned < unplanned, "{planned} planned, {unplanned} without a plan");
    // The project's notes: 106 at ln 20, 87 with a boundary for 1,000 events.
    assert!((90..=122).contains(&unplanned), "{unplanned}");
}

#[test]
fn the_foretold_power_is_the_real_one() {
    let stages = [(0.1, 60), (0.5, 60)];
    let test = test(Side::Harm, 0.0, &stages);
    let found = power(&test, &plan(&stages), 1.8).unwrap();
    assert_eq!(found.len(), 120);
    let real = rejections(&test, &stages, 1.8, 3000);
    assert_close(found[119], real, 0.03);
    assert!(found.windows(2).all(|pair| pair[0] <= pair[1] + 1e-15));
}

#[test]
fn refuses_what_makes_no_sense() {
    for (margin, share, alpha) in
        [(-1.0, 0.5, 0.05), (f64::NAN, 0.5, 0.05), (0.0, 1.5, 0.05), (0.0, 0.5, 1.0)]
    {
        assert!(PlannedTest::new(Side::Harm, margin, &plan(&[(share, 9)]), alpha).is_err());
    }
    let mut test = test(Side::Safe, 0.0, &[]);
    let before = test.clone();
    assert_eq!(test.observe(true, 0.0), Err(Error::ImpossibleEvent { model: "candidate" }));
    assert!(test.observe(true, 2.0).is_err());
    assert_eq!(test, before);
    assert_close(test.threshold(), threshold(0.05, 1), 1e-12);
}
