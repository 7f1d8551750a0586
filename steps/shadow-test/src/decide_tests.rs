//! The table of verdicts.

use super::*;
use crate::live::ModelOutput;
use crate::tally::Source;
use crate::watch::Watch as Watching;

pub(crate) fn limits() -> Limits {
    Limits {
        min_records: 1_000,
        disagreement: 0.05,
        score_shift: 0.1,
        error_rate: 0.005,
        p99: 0.005,
        latency_ratio: None,
        champion_mismatch: Some(0.01),
        score_tolerance: 1e-4,
        confidence: 0.95,
    }
}

/// What a tally of `n` records holds, spread evenly: so many of each kind.
#[derive(Clone, Copy, Default)]
struct Kinds {
    different: u64,
    mismatches: u64,
    failures: u64,
    slow: u64,
    slower: u64,
    shift: f64,
}

fn tally(n: u64, kinds: Kinds) -> Tally {
    let mut tally = Tally::new(16);
    let among = |record: u64, events: u64| (record + 1) * events / n > record * events / n;
    for record in 0..n {
        tally.records += 1;
        let key = Some(record);
        let label = Some(i64::from(among(record, kinds.different)));
        let source = Source { partition: 0, offset: record as i64 };
        let champion = ModelOutput { label: Some(0), score: 0.2 };
        let score = 0.21 + kinds.shift + (record % 7) as f64 / 1e3;
        tally.pair(source, key, &[], [champion, ModelOutput { label, score }], 0.1);
        tally.mismatches.observe(among(record, kinds.mismatches), key);
        tally.failures.observe(among(record, kinds.failures), key);
        tally.latency.over_limit.observe(among(record, kinds.slow), None);
        tally.latency.over_ratio.observe(among(record, kinds.slower), None);
    }
    tally
}

fn judged(tally: &Tally, limits: &Limits) -> (Verdict, String) {
    let checks = Watching::new(limits).finish(tally);
    verdict(tally, tally.records, limits, &checks)
}

#[test]
fn a_candidate_that_keeps_every_limit_passes() {
    let tally = tally(5_000, Kinds { different: 100, ..Kinds::default() });
    let (found, reason) = judged(&tally, &limits());
    assert_eq!(found, Verdict::Pass, "{reason}");
    assert!(reason.contains("all 5 checks hold over 5,000 records; 2 %"), "{reason}");
    let checks = Watching::new(&limits()).finish(&tally);
    let (_, stopped) = verdict(&tally, 20_000, &limits(), &checks);
    assert!(stopped.contains("all 5 checks hold after 5,000 of 20,000 records"), "{stopped}");
}

#[test]
fn disagreement_is_judged_by_its_evidence() {
    for (different, expected) in [
        (170, Verdict::Pass),         // 3.4 %
        (250, Verdict::Inconclusive), // 5 %: as likely above as below
        (345, Verdict::Fail),         // 6.9 %
    ] {
        let kinds = Kinds { different, ..Kinds::default() };
        let (found, reason) = judged(&tally(5_000, kinds), &limits());
        assert_eq!(found, expected, "{different}: {reason}");
    }
}

#[test]
fn too_few_records_are_never_a_pass_or_a_fail() {
    for (records, different) in [(999, 0), (999, 999)] {
        let few = tally(records, Kinds { different, ..Kinds::default() });
        assert_eq!(judged(&few, &limits()).0, Verdict::Inconclusive);
    }
    assert_eq!(judged(&Tally::new(1), &limits()).0, Verdict::Inconclusive);
    let mut unreadable = tally(1_500, Kinds::default());
    unreadable.undecodable = 600;
    let (found, reason) = judged(&unreadable, &limits());
    assert_eq!(found, Verdict::Inconclusive);
    assert!(reason.contains("900 of the window's 1500"), "{reason}");
}

#[test]
fn a_shadow_that_does_not_see_the_live_stream_says_so_whatever_else_it_found() {
    let kinds = Kinds { different: 5_000, mismatches: 400, ..Kinds::default() };
    let mut blind = tally(5_000, kinds);
    blind.live.first_mismatch = Some("0/7: label 1 here".into());
    let (found, reason) = judged(&blind, &limits());
    assert_eq!(found, Verdict::Inconclusive);
    assert!(
        reason.starts_with("the shadow does not see what the live stream sees: 8 %"),
        "{reason}"
    );
    assert!(reason.contains("0/7"), "{reason}");
}

#[test]
fn without_live_answers_to_compare_nothing_passes_but_harm_still_fails() {
    let without = |different| {
        let mut alone = tally(5_000, Kinds { different, ..Kinds::default() });
        alone.mismatches = crate::tally::Rate::default();
        alone
    };
    let (found, reason) = judged(&without(0), &limits());
    assert_eq!(found, Verdict::Inconclusive);
    assert!(reason.contains("champion as on the stream: nothing to judge from"), "{reason}");
    assert_eq!(judged(&without(1_000), &limits()).0, Verdict::Fail);
    // What answered the stream itself needs no comparison with it.
    let recorded = Limits { champion_mismatch: None, ..limits() };
    let (found, reason) = judged(&without(0), &recorded);
    assert_eq!(found, Verdict::Pass, "{reason}");
    assert!(reason.contains("all 4 checks hold"), "{reason}");
}

#[test]
fn failures_slowness_and_shift_fail_with_their_own_reason() {
    let ratio = Limits { latency_ratio: Some(2.0), ..limits() };
    let none = Kinds::default();
    for (kinds, limits, reason) in [
        (Kinds { failures: 80, ..none }, limits(), "get no answer from the candidate"),
        (Kinds { slow: 120, ..none }, limits(), "take more than 5 ms a record"),
        (Kinds { shift: 0.2, ..none }, limits(), "is the mean shift of the score"),
        (Kinds { shift: -0.2, ..none }, limits(), "is the mean shift of the score"),
        (Kinds { slower: 3_000, ..none }, ratio, "over 2 times as long"),
    ] {
        let (found, why) = judged(&tally(5_000, kinds), &limits);
        assert_eq!(found, Verdict::Fail, "{why}");
        assert!(why.contains(reason), "{why}");
    }
}

#[test]
fn few_batches_cannot_bound_a_p99() {
    let mut few = tally(5_000, Kinds::default());
    few.latency.over_limit = crate::tally::Rate::default();
    (0..100).for_each(|_| few.latency.over_limit.observe(false, None));
    assert_eq!(judged(&few, &limits()).0, Verdict::Inconclusive);
}

#[test]
fn one_false_alarm_rate_is_shared_by_all_checks() {
    for (ratio, number) in [(None, 5.0), (Some(2.0), 6.0)] {
        let (tally, limits) = (Tally::new(1), Limits { latency_ratio: ratio, ..limits() });
        let alphas = questions(&tally, &limits).into_iter().map(|question| question.watch.alpha);
        let alphas: Vec<f64> = alphas.collect();
        assert_eq!(alphas.len() as f64, number);
        assert!(alphas.iter().all(|alpha| (alpha - 0.05 / number).abs() < 1e-12), "{alphas:?}");
    }
}
