//! The table of verdicts.

use super::*;
use crate::live::Answer;
use crate::tally::Source;

fn limits() -> Limits {
    Limits {
        min_records: 1_000,
        disagreement: 0.05,
        score_shift: 0.1,
        error_rate: 0.005,
        p99: 0.005,
        latency_ratio: None,
        champion_mismatch: 0.01,
        score_tolerance: 1e-4,
        confidence: 0.95,
    }
}

/// `n` records on which all is well, `different` of them answered differently.
fn tally(n: u64, different: u64) -> Tally {
    let mut tally = Tally::new(16);
    tally.records = n;
    for offset in 0..n {
        let label = Some(i64::from(offset < different));
        let source = Source { partition: 0, offset: offset as i64 };
        let champion = Answer { label: Some(0), score: 0.2 };
        let candidate = Answer { label, score: 0.21 + (offset % 7) as f64 / 1e3 };
        tally.pair(source, champion, candidate, 0.1);
    }
    tally.live.compared = n;
    tally.latency.timed = 1_000;
    tally
}

fn judged(tally: &Tally, limits: &Limits) -> (Verdict, String) {
    verdict(tally, limits, &checks(tally, limits))
}

#[test]
fn a_candidate_that_keeps_every_limit_passes() {
    let (verdict, reason) = judged(&tally(5_000, 100), &limits());
    assert_eq!(verdict, Verdict::Pass, "{reason}");
    assert!(reason.contains("all 5 checks hold over 5000 records; 2 %"), "{reason}");
}

#[test]
fn disagreement_is_judged_by_its_bounds() {
    for (different, expected) in [
        (200, Verdict::Pass),         // 4 %
        (250, Verdict::Inconclusive), // 5 %: as likely above as below
        (320, Verdict::Fail),         // 6.4 %
    ] {
        let (verdict, reason) = judged(&tally(5_000, different), &limits());
        assert_eq!(verdict, expected, "{different}: {reason}");
    }
}

#[test]
fn too_few_records_are_never_a_pass_or_a_fail() {
    assert_eq!(judged(&tally(999, 0), &limits()).0, Verdict::Inconclusive);
    assert_eq!(judged(&tally(999, 999), &limits()).0, Verdict::Inconclusive);
    assert_eq!(judged(&tally(0, 0), &limits()).0, Verdict::Inconclusive);
    let mut unreadable = tally(1_500, 0);
    unreadable.undecodable = 600;
    let (verdict, reason) = judged(&unreadable, &limits());
    assert_eq!(verdict, Verdict::Inconclusive);
    assert!(reason.contains("900 of the window's 1500"), "{reason}");
}

#[test]
fn a_shadow_that_does_not_see_the_live_stream_says_so_whatever_else_it_found() {
    let mut blind = tally(5_000, 5_000);
    blind.live.mismatches = 400;
    blind.live.first_mismatch = Some("0/7: label 1 here".into());
    let (verdict, reason) = judged(&blind, &limits());
    assert_eq!(verdict, Verdict::Inconclusive);
    assert!(
        reason.starts_with("the shadow does not see what the live stream sees: 8 %"),
        "{reason}"
    );
    assert!(reason.contains("0/7"), "{reason}");
}

#[test]
fn without_live_answers_to_compare_nothing_passes_but_harm_still_fails() {
    let mut alone = tally(5_000, 0);
    alone.live.compared = 0;
    let (verdict, reason) = judged(&alone, &limits());
    assert_eq!(verdict, Verdict::Inconclusive);
    assert!(reason.contains("champion as on the stream: nothing to judge from"), "{reason}");

    let mut harmful = tally(5_000, 1_000);
    harmful.live.compared = 10;
    assert_eq!(judged(&harmful, &limits()).0, Verdict::Fail);
}

#[test]
fn failures_slowness_and_shift_fail_with_their_own_reason() {
    let mut failing = tally(5_000, 0);
    failing.candidate_failures.count = 60;
    let mut slow = tally(5_000, 0);
    slow.latency.over_limit = 30;
    let mut shifted = tally(2_000, 0);
    for offset in 0..3_000 {
        let source = Source { partition: 1, offset };
        let answer = |score| Answer { label: Some(0), score };
        shifted.pair(source, answer(0.1), answer(0.4), 0.1);
    }
    let mut twice = tally(5_000, 0);
    twice.latency.over_ratio = 600;
    let ratio = Limits { latency_ratio: Some(2.0), ..limits() };
    for (tally, limits, reason) in [
        (failing, limits(), "get no answer from the candidate"),
        (slow, limits(), "take more than 5 ms a record"),
        (shifted, limits(), "is the mean shift of the score"),
        (twice, ratio, "over 2 times as long"),
    ] {
        let (verdict, told) = judged(&tally, &limits);
        assert_eq!(verdict, Verdict::Fail, "{told}");
        assert!(told.contains(reason), "{told}");
    }
}

#[test]
fn few_batches_cannot_bound_a_p99() {
    let mut few = tally(5_000, 0);
    few.latency.timed = 100;
    assert_eq!(judged(&few, &limits()).0, Verdict::Inconclusive);
}
