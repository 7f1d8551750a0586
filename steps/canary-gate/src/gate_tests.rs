//! The gate by tables, and by simulated streams: how often it is wrong, and how soon it sees harm.

use routes::ModelRef;
use stats::sequential::{CountTest, Side, null_probability, threshold};

use super::*;
use crate::Accept;
use crate::baseline::Labelled;

const MS: fn(u64) -> Duration = Duration::from_millis;

fn plan() -> Plan {
    Plan {
        strategy: crate::Strategy::Canary,
        shares: vec![0.1, 0.5],
        baseline_records: 20_000,
        alpha: 0.05,
        margin: 0.25,
        accept: Accept::Evidence,
        min_records: 10,
        min_step_time: MS(1_000),
        deadline: MS(60_000),
        label_wait: MS(10_000),
        confirm_timeout: MS(2_000),
        burst: MS(0),
        max_waiting: 1_000_000,
    }
}

fn route(generation: u64, share: f64) -> Route {
    let model = |n: u8| ModelRef { digest: format!("sha256:{n}"), image: String::new() };
    Route { generation, ..Route::bootstrap("s", model(1)).with_candidate(model(2), share) }
}

/// A gate whose first share is confirmed at 0 ms.
fn confirmed(plan: Plan) -> Gate {
    let mut gate = Gate::new(plan, None);
    assert_eq!(gate.next(MS(0)), Move::Raise(0.1));
    gate.raised(route(5, 0.1), MS(0));
    gate.confirmed(vec!["a".into()], BTreeMap::new(), MS(0));
    gate
}

/// `count` answers of each model under `generation`, of which the first `wrong` of each are wrong.
fn answers(gate: &mut Gate, generation: u64, count: u64, wrong: (u64, u64), now: Duration) {
    for n in 0..count {
        for (drawn, wrong) in [(Variant::Champion, wrong.0), (Variant::Candidate, wrong.1)] {
            let id =
                now.as_millis() as u64 * 1_000_000 + n * 2 + u64::from(drawn == Variant::Candidate);
            let answer = answer(id, drawn, generation);
            gate.answered(answer, (0, 0), now);
            gate.label(id, if n < wrong { 1.0 } else { 0.0 }, now);
        }
    }
}

fn answer(id: u64, drawn: Variant, generation: u64) -> Answer {
    Answer { id, key: id, drawn, fallback: false, generation, label: Some(0.0), at_ms: 0 }
}

fn verdict(next: Move) -> (Verdict, String) {
    match next {
        Move::End(ending) => (ending.verdict, ending.reason),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_share_is_raised_when_time_and_records_are_met() {
    let mut gate = confirmed(plan());
    answers(&mut gate, 5, 9, (0, 0), MS(10));
    assert_eq!(gate.next(MS(5_000)), Move::Stay, "9 of 10 records");
    answers(&mut gate, 5, 1, (0, 0), MS(20));
    assert_eq!(gate.next(MS(999)), Move::Stay, "too early");
    assert_eq!(gate.next(MS(1_000)), Move::Raise(0.5));
}

#[test]
fn nothing_counts_before_every_scorer_has_confirmed() {
    let mut gate = Gate::new(plan(), None);
    gate.raised(route(5, 0.1), MS(0));
    answers(&mut gate, 5, 100, (0, 100), MS(10));
    assert_eq!(gate.next(MS(100)), Move::Stay);
    assert_eq!((gate.steps[0].too_early, gate.steps[0].labelled()), (200, 0));
    gate.confirmed(vec!["a".into()], BTreeMap::from([(0, 7)]), MS(200));
    gate.answered(answer(1, Variant::Candidate, 5), (0, 6), MS(300));
    gate.answered(answer(2, Variant::Candidate, 5), (0, 7), MS(300));
    gate.answered(answer(3, Variant::Candidate, 4), (0, 8), MS(300));
    assert_eq!((gate.steps[0].too_early, gate.steps[0].candidate.records), (201, 1));
}

#[test]
fn who_does_not_confirm_makes_it_inconclusive() {
    let mut gate = Gate::new(plan(), None);
    gate.raised(route(5, 0.1), MS(0));
    assert_eq!(gate.next(MS(1_999)), Move::Stay);
    let (nobody, reason) = verdict(gate.next(MS(2_000)));
    assert_eq!(nobody, Verdict::Inconclusive);
    assert!(reason.contains("no scorer of this stream was live"), "{reason}");
    gate.missing = vec!["b".into()];
    assert!(verdict(gate.next(MS(2_000))).1.contains("not confirmed within 2s by b"));
}

#[test]
fn harm_ends_the_canary_in_the_middle_of_a_step() {
    let mut gate = confirmed(plan());
    answers(&mut gate, 5, 8, (0, 8), MS(10));
    let (verdict, reason) = verdict(gate.next(MS(11)));
    assert_eq!(verdict, Verdict::Fail);
    assert!(
        reason.starts_with("harm at a share of 10 %: the candidate answered 8 of 8"),
        "{reason}"
    );
}

#[test]
fn a_candidate_that_does_not_answer_is_harm_without_any_label() {
    let mut gate = confirmed(plan());
    for id in 0..10 {
        let fallback = Answer { fallback: true, ..answer(id, Variant::Candidate, 5) };
        gate.answered(fallback, (0, 0), MS(10));
    }
    let (verdict, reason) = verdict(gate.next(MS(11)));
    assert_eq!(verdict, Verdict::Fail);
    assert!(reason.contains("failed to answer 10 of 10 records"), "{reason}");
}

#[test]
fn a_burst_of_one_key_is_one_failure() {
    let mut gate = confirmed(Plan { burst: MS(1_000), ..plan() });
    for id in 0..100 {
        let one_key = Answer { key: 7, ..answer(id, Variant::Candidate, 5) };
        gate.answered(one_key, (0, 0), MS(10));
        gate.label(id, 1.0, MS(10));
    }
    assert_eq!(gate.next(MS(11)), Move::Stay);
    assert_eq!(gate.evidence.label_harm.candidate_events(), 1);
    assert_eq!((gate.steps[0].candidate.errors, gate.evidence.repeated()), (100, 99));
}

#[test]
fn labels_of_an_earlier_share_count_with_that_share() {
    let mut gate = confirmed(plan());
    let late = answer(1, Variant::Candidate, 5);
    gate.answered(late, (0, 0), MS(10));
    gate.raised(route(6, 0.5), MS(20));
    gate.confirmed(vec!["a".into()], BTreeMap::new(), MS(20));
    gate.label(1, 1.0, MS(30));
    assert_eq!(gate.steps[0].candidate.errors, 1);
    let mut expected = crate::evidence::Evidence::new(&plan());
    expected.label_error(&late, 0.1);
    assert_eq!(gate.evidence.label_harm, expected.label_harm);
}

#[test]
fn the_last_share_passes_on_proof_alone_unless_no_harm_is_enough() {
    for (accept, champion_errors, expected) in [
        (Accept::Evidence, 0, None),
        (Accept::Evidence, 40, Some("not worse than the champion by 25 %")),
        (Accept::NoHarm, 0, Some("no harm seen up to a share of 50 %")),
    ] {
        let mut gate = confirmed(Plan { accept, ..plan() });
        answers(&mut gate, 5, 10, (0, 0), MS(10));
        assert_eq!(gate.next(MS(1_000)), Move::Raise(0.5));
        gate.raised(route(6, 0.5), MS(1_000));
        gate.confirmed(vec!["a".into()], BTreeMap::new(), MS(1_000));
        answers(&mut gate, 6, 100, (champion_errors, 0), MS(1_100));
        assert_eq!(gate.next(MS(1_999)), Move::Stay, "the last share has its least time too");
        match (expected, gate.next(MS(2_000))) {
            (None, next) => assert_eq!(next, Move::Stay),
            (Some(words), next) => {
                let (verdict, reason) = verdict(next);
                assert_eq!(verdict, Verdict::Pass);
                assert!(reason.starts_with(words), "{reason}");
            }
        }
    }
}

#[test]
fn a_deadline_without_evidence_says_what_was_lacking() {
    let lacking = |gate: &mut Gate| {
        let (verdict, reason) = verdict(gate.next(MS(60_000)));
        assert_eq!(verdict, Verdict::Inconclusive);
        reason
    };
    let mut gate = confirmed(plan());
    assert!(lacking(&mut gate).contains("0 of 10 labelled answers"));
    answers(&mut gate, 5, 10, (1, 1), MS(10));
    assert!(lacking(&mut gate).contains("the higher shares were still to come"));
    gate.raised(route(6, 0.5), MS(1_000));
    assert!(lacking(&mut gate).contains("not every scorer had confirmed"));
    gate.confirmed(vec!["a".into()], BTreeMap::new(), MS(1_000));
    answers(&mut gate, 6, 10, (1, 1), MS(1_100));
    assert!(lacking(&mut gate).contains("and 3.00 is needed"));
}

#[test]
fn labels_for_one_model_only_are_no_baseline() {
    let mut gate = confirmed(Plan { accept: Accept::NoHarm, ..plan() });
    for id in 0..100 {
        gate.answered(answer(id, Variant::Candidate, 5), (0, 0), MS(10));
        gate.label(id, 0.0, MS(10));
    }
    assert_eq!(gate.next(MS(5_000)), Move::Stay);
}

#[test]
fn a_spoilt_stream_or_a_refusal_ends_it() {
    let mut gate = confirmed(plan());
    gate.spoilt(Verdict::Inconclusive, "not split".into());
    gate.spoilt(Verdict::Fail, "second".into());
    assert_eq!(verdict(gate.next(MS(10))), (Verdict::Inconclusive, "not split".into()));
}

/// A gate at 100 %, with this past of the champion: `wrong` of `count` answers, evenly spread.
fn switched(plan: Plan, count: u64, wrong: u64) -> Gate {
    let is_wrong = |n: u64| (n + 1) * wrong / count != n * wrong / count;
    let past = (0..count).map(|n| Labelled { key: n, at_ms: n as i64, wrong: is_wrong(n) });
    let baseline = Baseline::new(past.collect(), count as usize, MS(0), Default::default());
    let plan = Plan { strategy: crate::Strategy::BlueGreen, shares: vec![1.0], ..plan };
    let mut gate = Gate::new(plan, Some(baseline));
    assert_eq!(gate.next(MS(0)), Move::Raise(1.0));
    gate.raised(route(5, 1.0), MS(0));
    gate.confirmed(vec!["a".into()], BTreeMap::new(), MS(0));
    gate
}

/// `count` answers of the candidate alone, of which `wrong`, evenly spread, are wrong.
fn candidates(gate: &mut Gate, count: u64, wrong: u64) {
    for id in 0..count {
        gate.answered(answer(id, Variant::Candidate, 5), (0, 0), MS(10));
        let is_wrong = (id + 1) * wrong / count != id * wrong / count;
        gate.label(id, if is_wrong { 1.0 } else { 0.0 }, MS(10));
    }
}

#[test]
fn a_switch_is_judged_by_the_champions_own_past() {
    let (pass, fail, open) = (Some(Verdict::Pass), Some(Verdict::Fail), None);
    for (past_wrong, wrong, accept, expected, words) in [
        (
            200,
            20,
            Accept::Evidence,
            pass,
            "not worse than the champion by 25 % up to a share of 100 %",
        ),
        (20, 200, Accept::Evidence, fail, "the champion before the switch 2"),
        (50, 50, Accept::Evidence, open, ""),
        (50, 50, Accept::NoHarm, pass, "no harm seen up to a share of 100 %"),
        (0, 0, Accept::Evidence, open, ""),
    ] {
        let mut gate = switched(Plan { accept, ..plan() }, 1_000, past_wrong);
        candidates(&mut gate, 1_000, wrong);
        match (gate.next(MS(1_000)), expected) {
            (Move::Stay, None) => {}
            (next, Some(expected)) => {
                let (verdict, reason) = verdict(next);
                assert_eq!(verdict, expected, "{reason}");
                assert!(reason.contains(words), "{reason}");
            }
            (next, None) => panic!("{past_wrong} {wrong}: {next:?}"),
        }
    }
}

#[test]
fn a_switch_has_its_least_time_and_records_too() {
    let mut gate = switched(Plan { accept: Accept::NoHarm, ..plan() }, 1_000, 10);
    candidates(&mut gate, 9, 0);
    assert_eq!(gate.next(MS(5_000)), Move::Stay, "9 of 10 records");
    candidates(&mut gate, 1, 0);
    assert_eq!(gate.next(MS(999)), Move::Stay, "too early");
    assert_eq!(verdict(gate.next(MS(1_000))).0, Verdict::Pass);
}

#[test]
fn evidence_stands_still_when_the_past_is_used_up() {
    let mut gate = switched(plan(), 20, 0);
    candidates(&mut gate, 20, 0);
    assert_eq!(gate.next(MS(11)), Move::Stay);
    for id in 100..200 {
        let fallback = Answer { fallback: true, ..answer(id, Variant::Candidate, 5) };
        gate.answered(fallback, (0, 0), MS(12));
        gate.label(id, 1.0, MS(12));
    }
    assert_eq!(gate.next(MS(13)), Move::Stay, "nothing is left to compare with");
    assert_eq!((gate.steps[0].champion.labelled, gate.steps[0].candidate.errors), (20, 100));
    let (verdict, reason) = verdict(gate.next(MS(60_000)));
    assert_eq!(verdict, Verdict::Inconclusive);
    assert!(reason.contains("all 20 answers that the champion gave before the switch"), "{reason}");
}

#[test]
fn a_switch_to_a_candidate_that_does_not_answer_is_harm() {
    let mut gate = switched(plan(), 1_000, 10);
    for id in 0..40 {
        let fallback = Answer { fallback: true, ..answer(id, Variant::Candidate, 5) };
        gate.answered(fallback, (0, 0), MS(10));
    }
    let (verdict, reason) = verdict(gate.next(MS(11)));
    assert_eq!(verdict, Verdict::Fail);
    assert!(reason.contains("failed to answer 40 of 40 records"), "{reason}");
}

/// How a switch ends over 4,000 records, the champion's past being of the same length and erring on a fifth.
fn simulated_switch(ratio: f64, seed: u64) -> Verdict {
    let mut random = Random(seed);
    let past = (0..4_000).map(|n| Labelled { key: n, at_ms: n as i64, wrong: random.next() < 0.2 });
    let past: Vec<Labelled> = past.collect();
    let baseline = Baseline::new(past, 4_000, MS(0), Default::default());
    let plan = Plan {
        strategy: crate::Strategy::BlueGreen,
        shares: vec![1.0],
        deadline: MS(4_000),
        ..plan()
    };
    let mut gate = Gate::new(plan, Some(baseline));
    gate.raised(route(5, 1.0), MS(0));
    gate.confirmed(vec!["a".into()], BTreeMap::new(), MS(0));
    for n in 0.. {
        if let Move::End(ending) = gate.next(MS(n)) {
            return ending.verdict;
        }
        gate.answered(Answer { key: n, ..answer(n, Variant::Candidate, 5) }, (0, 0), MS(n));
        gate.label(n, if random.next() < 0.2 * ratio { 1.0 } else { 0.0 }, MS(n));
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
    let mut random = Random(seed);
    let mut gate = Gate::new(plan, None);
    let mut newest = route(1, 0.0);
    for n in 0.. {
        let now = MS(n);
        match gate.next(now) {
            Move::End(ending) => return (ending.verdict, n),
            Move::Raise(share) => {
                newest = Route { generation: newest.generation + 1, ..route(1, share) };
                gate.raised(newest.clone(), now);
                gate.confirmed(vec!["a".into()], BTreeMap::new(), now);
            }
            Move::Stay => {}
        }
        let key = (seed << 32 | n).to_be_bytes();
        let drawn = routes::variant(&newest, &key);
        let rate = if drawn == Variant::Candidate { 0.05 * ratio } else { 0.05 };
        gate.answered(Answer { key: n, ..answer(n, drawn, newest.generation) }, (0, 0), now);
        gate.label(n, if random.next() < rate { 1.0 } else { 0.0 }, now);
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
    let mut random = Random(7);
    let mut needed: Vec<usize> = (0..200)
        .map(|_| {
            let mut test = CountTest::new(side, margin).expect("a margin above -1");
            while test.log_e() < limit {
                let candidate = random.next() < null_probability(share, ratio - 1.0);
                test.observe(candidate, share).expect("a share between 0 and 1");
            }
            (test.candidate_events() + test.champion_events()) as usize
        })
        .collect();
    needed.sort_unstable();
    needed[needed.len() / 2]
}

#[test]
fn the_readme_tells_how_many_failures_a_proof_takes() {
    for (side, share, margin, ratio, told) in [
        (Side::Safe, 0.5, 0.25, 1.0, 532),
        (Side::Safe, 0.5, 0.25, 0.5, 30),
        (Side::Safe, 0.5, 0.5, 1.0, 155),
        (Side::Safe, 0.5, 1.0, 0.2, 8),
        (Side::Harm, 0.05, 0.25, 3.0, 94),
        (Side::Harm, 0.5, 0.25, 2.0, 140),
        (Side::Harm, 0.01, 0.25, 5.0, 144),
    ] {
        let needed = failures_needed(side, share, margin, ratio);
        let near = needed.abs_diff(told) * 4 <= told;
        assert!(near, "{side:?} at {share}, margin {margin}, ratio {ratio}: {needed}, not {told}");
    }
}

/// Uniform in [0, 1), seeded (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}
