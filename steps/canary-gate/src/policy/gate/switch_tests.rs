//! The gate after a switch of the whole stream, judged by the champion's own past.

use super::tests::{MS, answer, gate, look, past, plan, route, verdict};
use super::*;
use crate::Accept;
use crate::policy::baseline::Baseline;
use crate::policy::stream_profile::LabelledPrediction;

/// A gate at 100 %, with this past of the champion: `wrong` of `count` answers, evenly spread.
fn switched(plan: Plan, count: u64, wrong: u64) -> Gate {
    let is_wrong = |n: u64| (n + 1) * wrong / count != n * wrong / count;
    let past: Vec<LabelledPrediction> = (0..count).map(|n| past(n, is_wrong(n))).collect();
    let baseline = Baseline::new(&past, MS(0));
    let plan = Plan { strategy: crate::Strategy::BlueGreen, shares: vec![1.0], ..plan };
    let mut gate = self::gate(plan, Some(baseline));
    assert_eq!(look(&mut gate, MS(0)), Move::Raise(1.0));
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
            "not worse than the champion up to a share of 100 %, proven: label errors at less than 1.25",
        ),
        (20, 200, Accept::Evidence, fail, "the champion before the switch 2"),
        (50, 50, Accept::Evidence, open, ""),
        (50, 50, Accept::NoHarm, pass, "no harm seen up to a share of 100 %"),
        (0, 0, Accept::Evidence, open, ""),
    ] {
        let mut gate = switched(Plan { accept, ..plan() }, 1_000, past_wrong);
        candidates(&mut gate, 1_000, wrong);
        match (look(&mut gate, MS(1_000)), expected) {
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
    assert_eq!(look(&mut gate, MS(5_000)), Move::Stay, "9 of 10 records");
    candidates(&mut gate, 1, 0);
    assert_eq!(look(&mut gate, MS(999)), Move::Stay, "too early");
    assert_eq!(verdict(look(&mut gate, MS(1_000))).0, Verdict::Pass);
}

#[test]
fn evidence_stands_still_when_the_past_is_used_up() {
    let mut gate = switched(plan(), 20, 0);
    candidates(&mut gate, 20, 0);
    assert_eq!(look(&mut gate, MS(11)), Move::Stay);
    for id in 100..200 {
        let fallback = Answer { fallback: true, ..answer(id, Variant::Candidate, 5) };
        gate.answered(fallback, (0, 0), MS(12));
        gate.label(id, 1.0, MS(12));
    }
    assert_eq!(look(&mut gate, MS(13)), Move::Stay, "nothing is left to compare with");
    assert_eq!((gate.steps[0].champion.labelled, gate.steps[0].candidate.errors), (20, 100));
    let (verdict, reason) = verdict(look(&mut gate, MS(60_000)));
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
    let (verdict, reason) = verdict(look(&mut gate, MS(11)));
    assert_eq!(verdict, Verdict::Fail);
    assert!(reason.contains("failed to answer 40 of 40 records"), "{reason}");
}
