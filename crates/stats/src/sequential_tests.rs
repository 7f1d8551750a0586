//! Oracles of the project's notes (worked out there with an independent script) and the false-alarm
//! rate under peeking, simulated.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::testing::{Random, assert_close};

const EVENTS: [u8; 12] = [1, 0, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1];

fn path(side: Side, margin: f64, share: f64) -> Vec<f64> {
    let mut test = CountTest::new(side, margin).unwrap();
    EVENTS
        .iter()
        .map(|&event| {
            test.observe(event == 1, share).unwrap();
            test.log_e()
        })
        .collect()
}

#[test]
fn half_the_stream_matches_the_oracle() {
    let log_e = path(Side::Harm, 0.0, 0.5);
    assert_close(log_e[0], 0.2938102714, 1e-9);
    assert_close(log_e[1], -0.1885024133, 1e-9);
    assert_close(log_e[11], 1.0910174169, 1e-9);
}

#[test]
fn a_tenth_of_the_stream_matches_the_oracle() {
    let log_e = path(Side::Harm, 0.0, 0.1);
    assert_close(log_e[0], 0.7515165705, 1e-9);
    assert_close(log_e[1], 0.5439502901, 1e-9);
    assert_close(log_e[11], 10.0668060831, 1e-9);
}

#[test]
fn a_margin_moves_the_null_and_matches_the_oracle() {
    assert_close(null_probability(0.1, 0.1), 0.1089108911, 1e-10);
    assert_close(path(Side::Harm, 0.1, 0.1)[11], 9.6705681202, 1e-9);
}

#[test]
fn safe_is_harm_seen_from_the_champion() {
    // At half the stream and no margin the two models are interchangeable.
    let mut safe = CountTest::new(Side::Safe, 0.0).unwrap();
    for event in EVENTS {
        safe.observe(event == 0, 0.5).unwrap();
    }
    assert_close(safe.log_e(), path(Side::Harm, 0.0, 0.5)[11], 1e-12);
}

#[test]
fn thresholds_share_alpha_over_the_metrics() {
    assert_close(threshold(0.05, 1), 20f64.ln(), 1e-12);
    assert_close(threshold(0.05, 4), 80f64.ln(), 1e-12);
    for nothing_can_be_proven in [threshold(0.0, 1), threshold(0.05, 0), threshold(f64::NAN, 1)] {
        assert_eq!(nothing_can_be_proven, f64::INFINITY);
    }
}

#[test]
fn events_without_evidence_and_events_that_cannot_be() {
    let mut test = CountTest::new(Side::Harm, 0.0).unwrap();
    test.observe(false, 0.0).unwrap();
    test.observe(true, 1.0).unwrap();
    assert_close(test.log_e(), 0.0, 1e-12);
    let before = test.clone();
    assert_eq!(test.observe(true, 0.0), Err(Error::ImpossibleEvent { model: "candidate" }));
    assert_eq!(test.observe(false, 1.0), Err(Error::ImpossibleEvent { model: "champion" }));
    for share in [-0.1, 1.1, f64::NAN] {
        assert!(matches!(test.observe(true, share), Err(Error::OutOfRange { what: "share", .. })));
    }
    assert_eq!(test, before);
    for margin in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(CountTest::new(Side::Safe, margin).is_err());
    }
}

#[test]
fn a_rejection_stands_when_the_evidence_falls_again() {
    let mut test = CountTest::new(Side::Harm, 0.0).unwrap();
    (0..30).for_each(|_| test.observe(true, 0.5).unwrap());
    assert!(test.rejects(0.05, 1));
    (0..60).for_each(|_| test.observe(false, 0.5).unwrap());
    assert!(test.log_e() < 0.0);
    assert!(test.rejects(0.05, 1));
    assert_eq!((test.candidate_events(), test.champion_events()), (30, 60));
}

/// How many of `runs` tests reject within `events` events, looked at after each one. The share is
/// raised on the way, as a canary does; the true rate ratio is `ratio`.
fn rejections(side: Side, margin: f64, ratio: f64, runs: usize, events: usize) -> usize {
    let mut random = Random::seeded(20_221_105);
    (0..runs)
        .filter(|_| {
            let mut test = CountTest::new(side, margin).unwrap();
            (0..events).any(|event| {
                let share = [0.01, 0.05, 0.25, 0.5][event * 4 / events];
                let candidate = random.chance(null_probability(share, ratio - 1.0));
                test.observe(candidate, share).unwrap();
                test.rejects(0.05, 1)
            })
        })
        .count()
}

#[test]
fn false_alarms_stay_below_alpha_with_a_look_after_every_event() {
    let runs = 1000;
    for (side, margin, ratio) in [
        (Side::Harm, 0.0, 1.0),
        (Side::Harm, 0.25, 1.25),
        (Side::Harm, 0.25, 1.0),
        (Side::Safe, 0.25, 1.25),
        (Side::Safe, 0.25, 1.5),
    ] {
        let rate = rejections(side, margin, ratio, runs, 400) as f64 / runs as f64;
        assert!(rate <= 0.05, "{side:?} margin {margin} ratio {ratio}: {rate}");
    }
}

#[test]
fn a_difference_is_found() {
    let found = rejections(Side::Harm, 0.1, 3.0, 100, 400);
    assert!(found >= 95, "harm found in {found} of 100 runs");
    let found = rejections(Side::Safe, 0.5, 0.5, 100, 400);
    assert!(found >= 95, "safety found in {found} of 100 runs");
}
