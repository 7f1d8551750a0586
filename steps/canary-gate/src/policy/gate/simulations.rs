//! The gate on simulated streams: how often it is wrong, and how soon it sees harm.

use stats::random::Random;
use stats::sequential::{CountTest, Side, null_probability, threshold};

use super::tests::{MS, answer, look, past, plan, route};
use super::*;
use crate::policy::stream_profile::LabelledPrediction;

/// How a switch ends over 4,000 records, the champion's past being of the same length and erring on a fifth.
fn simulated_switch(ratio: f64, seed: u64) -> Verdict {
    let mut random = Random::seeded(seed);
    let past = (0..4_000).map(|n| past(n, random.uniform() < 0.2));
    let past: Vec<LabelledPrediction> = past.collect();
    let baseline = Baseline::new(&past, MS(0));
    let plan = Plan {
        strategy: crate::Strategy::BlueGreen,
        shares: vec![1.0],
        deadline: MS(4_000),
        ..plan()
    };
    let mut gate = super::tests::gate(plan, Some(baseline));
    gate.raised(route(5, 1.0), MS(0));
    gate.confirmed(vec!["a".into()], BTreeMap::new(), MS(0));
    for n in 0.. {
        if let Move::End(outcome) = look(&mut gate, MS(n)) {
            return outcome.verdict;
        }
        gate.answered(Answer { key: n, ..answer(n, Variant::Candidate, 5) }, (0, 0), MS(n));
        gate.label(n, if random.uniform() < 0.2 * ratio { 1.0 } else { 0.0 }, MS(n));
    }
    unreachable!("the plan has a deadline")
}

#[test]
fn a_switch_at_the_margin_is_seldom_failed_and_seldom_passed() {
    let runs = 300;
    let ended: Vec<Verdict> = (0..runs).map(|seed| simulated_switch(1.25, seed)).collect();
    let count = |verdict| ended.iter().filter(|ended| **ended == verdict).count();
    // At the margin both null hypotheses hold; alpha is 0.05. Errors are frequent, so pairs with two are too.
    assert!(count(Verdict::Fail) <= 15, "{} failed", count(Verdict::Fail));
    assert!(count(Verdict::Pass) <= 15, "{} passed", count(Verdict::Pass));
    let harmful = (0..30).filter(|seed| simulated_switch(2.0, *seed) == Verdict::Fail).count();
    assert!(harmful >= 29, "{harmful} of 30");
}

/// How a canary of 8,000 records, one a millisecond and every one of a key of its own, ends: the verdict, and after
/// how many records. The champion errs on a twentieth, the candidate `ratio` times as often.
fn simulated(ratio: f64, plan: Plan, seed: u64) -> (Verdict, u64) {
    let mut random = Random::seeded(seed);
    let mut gate = super::tests::gate(plan, None);
    let mut newest = route(1, 0.0);
    for n in 0.. {
        let now = MS(n);
        match look(&mut gate, now) {
            Move::End(outcome) => return (outcome.verdict, n),
            Move::Raise(share) => {
                newest = Route { generation: newest.generation + 1, ..route(1, share) };
                gate.raised(newest.clone(), now);
                gate.confirmed(vec!["a".into()], BTreeMap::new(), now);
            }
            Move::Stay => {}
        }
        let key = (seed << 32 | n).to_be_bytes();
        let assigned_variant = routes::variant(&newest, &key);
        let rate = if assigned_variant == Variant::Candidate { 0.05 * ratio } else { 0.05 };
        gate.answered(
            Answer { key: n, ..answer(n, assigned_variant, newest.generation) },
            (0, 0),
            now,
        );
        gate.label(n, if random.uniform() < rate { 1.0 } else { 0.0 }, now);
    }
    unreachable!("the plan has a deadline")
}

fn long_plan() -> Plan {
    Plan { shares: vec![0.05, 0.25, 0.5], deadline: MS(8_000), ..plan() }
}

#[test]
fn a_candidate_at_the_margin_is_seldom_failed_and_seldom_passed() {
    let runs = 300;
    let (mut failed, mut passed) = (0, 0);
    for seed in 0..runs {
        match simulated(1.25, long_plan(), seed).0 {
            Verdict::Fail => failed += 1,
            Verdict::Pass => passed += 1,
            Verdict::Inconclusive => {}
        }
    }
    // At the margin both null hypotheses hold; alpha is 0.05.
    assert!(failed <= runs / 20, "{failed} of {runs} failed");
    assert!(passed <= runs / 20, "{passed} of {runs} passed");
}

#[test]
fn harm_is_seen_long_before_the_stream_is_used_up() {
    let mut records: Vec<u64> = (0..60)
        .map(|seed| {
            let (verdict, records) = simulated(3.0, long_plan(), seed);
            assert_eq!(verdict, Verdict::Fail, "seed {seed}");
            records
        })
        .collect();
    records.sort_unstable();
    // Three times as many errors of 5 %, the first 1,000 records at a share of 5 %.
    assert!(records[30] < 2_500, "median {}", records[30]);
}

#[test]
fn a_better_candidate_passes() {
    let passed =
        (0..60).filter(|seed| simulated(0.2, long_plan(), *seed).0 == Verdict::Pass).count();
    assert!(passed >= 57, "{passed} of 60");
}

/// Failures that a proof takes at `share`, the median of 200 runs, when the candidate fails `ratio` times as often.
fn failures_needed(side: Side, share: f64, margin: f64, ratio: f64) -> usize {
    let limit = threshold(0.05, if side == Side::Harm { 2 } else { 1 });
    let mut random = Random::seeded(7);
    let mut needed: Vec<usize> = (0..200)
        .map(|_| {
            let mut test = CountTest::new(side, margin).expect("a margin above -1");
            while test.log_e() < limit {
                let candidate = random.uniform() < null_probability(share, ratio - 1.0);
                test.observe(candidate, share).expect("a share between 0 and 1");
            }
            (test.candidate_events() + test.champion_events()) as usize
        })
        .collect();
    needed.sort_unstable();
    needed[needed.len() / 2]
}

#[test]
fn the_readme_says_how_many_failures_a_proof_takes() {
    for (side, share, margin, ratio, documented) in [
        (Side::Safe, 0.5, 0.25, 1.0, 532),
        (Side::Safe, 0.5, 0.25, 0.5, 30),
        (Side::Safe, 0.5, 0.5, 1.0, 155),
        (Side::Safe, 0.5, 1.0, 0.2, 8),
        (Side::Harm, 0.05, 0.25, 3.0, 94),
        (Side::Harm, 0.5, 0.25, 2.0, 140),
        (Side::Harm, 0.01, 0.25, 5.0, 144),
    ] {
        let needed = failures_needed(side, share, margin, ratio);
        let near = needed.abs_diff(documented) * 4 <= documented;
        assert!(
            near,
            "{side:?} at {share}, margin {margin}, ratio {ratio}: {needed}, not {documented}"
        );
    }
}
