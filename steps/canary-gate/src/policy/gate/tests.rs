//! The gate by tables.
#![expect(clippy::unwrap_used, reason = "tests")]

use routes::ModelRef;

use super::*;
use crate::policy::baseline::Baseline;
use crate::policy::metrics::held::Heads;
use crate::policy::stream_profile::LabelledPrediction;
use crate::{Accept, Advance};

pub(super) const MS: fn(u64) -> Duration = Duration::from_millis;

pub(super) fn plan() -> Plan {
    Plan::for_tests()
}

pub(super) fn gate(plan: Plan, baseline: Option<Baseline>) -> Gate {
    let profile = StreamProfile::nothing(&plan);
    Gate::new(plan, &profile, baseline)
}

/// What the gate does once this time has come.
pub(super) fn look(gate: &mut Gate, now: Duration) -> Move {
    gate.tick(now);
    gate.next(now)
}

pub(super) fn route(generation: u64, share: f64) -> Route {
    let model = |n: u8| ModelRef { digest: format!("sha256:{n}"), image: String::new() };
    Route { generation, ..Route::bootstrap("s", model(1)).with_candidate(model(2), share) }
}

/// A gate whose first share is confirmed at 0 ms.
fn confirmed(plan: Plan) -> Gate {
    let mut gate = self::gate(plan, None);
    assert_eq!(look(&mut gate, MS(0)), Move::Raise(0.1));
    gate.raised(route(5, 0.1), MS(0));
    gate.confirmed(vec!["a".into()], BTreeMap::new(), MS(0));
    gate
}

/// `count` answers of each model under `generation`, of which the first `wrong` of each are wrong.
fn answers(gate: &mut Gate, generation: u64, count: u64, wrong: (u64, u64), now: Duration) {
    for n in 0..count {
        for (assigned_variant, wrong) in
            [(Variant::Champion, wrong.0), (Variant::Candidate, wrong.1)]
        {
            let id = now.as_millis() as u64 * 1_000_000
                + n * 2
                + u64::from(assigned_variant == Variant::Candidate);
            let answer = answer(id, assigned_variant, generation);
            gate.answered(answer, (0, 0), now);
            gate.label(id, if n < wrong { 1.0 } else { 0.0 }, now);
        }
    }
}

pub(super) fn answer(id: u64, assigned_variant: Variant, generation: u64) -> Answer {
    Answer {
        id,
        key: id,
        assigned_variant,
        fallback: false,
        generation,
        heads: Heads { label: Some(0.0), ..Heads::default() },
        at_ms: 0,
        source: None,
        slices: crate::records::slices::SliceSet::default(),
    }
}

pub(super) fn verdict(next: Move) -> (Verdict, String) {
    match next {
        Move::End(outcome) => (outcome.verdict, outcome.reason),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_share_is_raised_when_time_and_records_are_met() {
    let mut gate = confirmed(plan());
    answers(&mut gate, 5, 9, (0, 0), MS(10));
    assert_eq!(look(&mut gate, MS(5_000)), Move::Stay, "9 of 10 records");
    answers(&mut gate, 5, 1, (0, 0), MS(20));
    assert_eq!(look(&mut gate, MS(999)), Move::Stay, "too early");
    assert_eq!(look(&mut gate, MS(1_000)), Move::Raise(0.5));
}

#[test]
fn nothing_counts_before_every_scorer_has_confirmed() {
    let mut gate = self::gate(plan(), None);
    gate.raised(route(5, 0.1), MS(0));
    answers(&mut gate, 5, 100, (0, 100), MS(10));
    assert_eq!(look(&mut gate, MS(100)), Move::Stay);
    assert_eq!((gate.steps[0].too_early, gate.steps[0].labelled()), (200, 0));
    gate.confirmed(vec!["a".into()], BTreeMap::from([(0, 7)]), MS(200));
    gate.answered(answer(1, Variant::Candidate, 5), (0, 6), MS(300));
    gate.answered(answer(2, Variant::Candidate, 5), (0, 7), MS(300));
    gate.answered(answer(3, Variant::Candidate, 4), (0, 8), MS(300));
    assert_eq!((gate.steps[0].too_early, gate.steps[0].candidate.records), (201, 1));
}

#[test]
fn who_does_not_confirm_makes_it_inconclusive() {
    let mut gate = self::gate(plan(), None);
    gate.raised(route(5, 0.1), MS(0));
    assert_eq!(look(&mut gate, MS(1_999)), Move::Stay);
    let (nobody, reason) = verdict(look(&mut gate, MS(2_000)));
    assert_eq!(nobody, Verdict::Inconclusive);
    assert!(reason.contains("no scorer of this stream was live"), "{reason}");
    gate.missing = vec!["b".into()];
    assert!(verdict(look(&mut gate, MS(2_000))).1.contains("not confirmed within 2 s by b"));
}

#[test]
fn harm_ends_the_canary_in_the_middle_of_a_step() {
    let mut gate = confirmed(plan());
    answers(&mut gate, 5, 8, (0, 8), MS(10));
    let (verdict, reason) = verdict(look(&mut gate, MS(11)));
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
    let (verdict, reason) = verdict(look(&mut gate, MS(11)));
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
    assert_eq!(look(&mut gate, MS(11)), Move::Stay);
    assert_eq!(view(&gate, 0).candidate, 1.0);
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
    // At the new share the same failure would speak less.
    let mut expected = self::gate(plan(), None).evidence;
    expected.labelled(&late, 1.0, 0.1);
    let log_e = |evidence: &Evidence| evidence.tracks[0].whole.view(0.5).harm.log_e;
    assert_eq!(log_e(&gate.evidence), log_e(&expected));
}

#[test]
fn the_last_share_passes_on_proof_alone_unless_no_harm_is_enough() {
    for (accept, champion_errors, expected) in [
        (Accept::Evidence, 0, None),
        (
            Accept::Evidence,
            40,
            Some(
                "not worse than the champion up to a share of 50 %, proven: label errors at less than 1.25 times the champion's rate",
            ),
        ),
        (Accept::NoHarm, 0, Some("no harm seen up to a share of 50 %")),
    ] {
        let mut gate = confirmed(Plan { accept, ..plan() });
        answers(&mut gate, 5, 10, (0, 0), MS(10));
        assert_eq!(look(&mut gate, MS(1_000)), Move::Raise(0.5));
        gate.raised(route(6, 0.5), MS(1_000));
        gate.confirmed(vec!["a".into()], BTreeMap::new(), MS(1_000));
        answers(&mut gate, 6, 100, (champion_errors, 0), MS(1_100));
        assert_eq!(look(&mut gate, MS(1_999)), Move::Stay, "the last share has its least time too");
        match (expected, look(&mut gate, MS(2_000))) {
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
        let (verdict, reason) = verdict(look(gate, MS(60_000)));
        assert_eq!(verdict, Verdict::Inconclusive);
        reason
    };
    let mut gate = confirmed(plan());
    assert!(lacking(&mut gate).contains("0 of 10 labelled answers of the champion"));
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
    assert_eq!(look(&mut gate, MS(5_000)), Move::Stay);
}

#[test]
fn labels_of_answers_that_do_not_count_are_no_strangers() {
    let waiting = |strange: bool| {
        let mut gate = confirmed(plan());
        for id in 0..200 {
            gate.foreign(Some(id));
            gate.answered(answer(1_000 + id, Variant::Champion, 5), (0, 0), MS(10));
            gate.label(if strange { 9_000 + id } else { id }, 0.0, MS(10));
        }
        look(&mut gate, MS(5_010))
    };
    assert_eq!(waiting(false), Move::Stay, "they met what was answered before");
    assert!(verdict(waiting(true)).1.contains("200 labels came for 200 answers, and none met"));
}

#[test]
fn an_invalidated_stream_or_a_refusal_ends_it() {
    let mut gate = confirmed(plan());
    gate.invalidate(Verdict::Inconclusive, "not split".into());
    gate.invalidate(Verdict::Fail, "second".into());
    assert_eq!(verdict(look(&mut gate, MS(10))), (Verdict::Inconclusive, "not split".into()));
}

pub(super) fn past(n: u64, wrong: bool) -> LabelledPrediction {
    LabelledPrediction {
        id: n,
        key: n,
        at_ms: n as i64,
        wrong: Some(wrong),
        heads: Heads::default(),
    }
}

/// The evidence on a metric.
fn view(gate: &Gate, metric: usize) -> crate::policy::metrics::judge::View {
    gate.evidence.tracks[metric].whole.view(0.1)
}

fn command(command: Action) -> Command {
    let text = |text: &str| text.to_owned();
    Command { command, by: text("ann"), reason: text("lunch"), at: String::new() }
}

#[test]
fn a_paused_gate_stays_and_its_deadline_waits_but_harm_ends_it() {
    let mut gate = confirmed(plan());
    answers(&mut gate, 5, 10, (0, 0), MS(10));
    gate.asked(command(Action::Pause), MS(500));
    assert_eq!(look(&mut gate, MS(59_000)), Move::Stay, "neither raised");
    assert_eq!(look(&mut gate, MS(70_000)), Move::Stay, "nor over");
    let mut harmed = confirmed(plan());
    harmed.asked(command(Action::Pause), MS(500));
    answers(&mut harmed, 5, 8, (0, 8), MS(600));
    assert_eq!(verdict(look(&mut harmed, MS(700))).0, Verdict::Fail);
    gate.asked(command(Action::Resume), MS(70_000));
    assert_eq!(look(&mut gate, MS(70_001)), Move::Raise(0.5));
    assert_eq!(gate.commands.len(), 2);
}

#[test]
fn a_person_may_give_up() {
    let mut gate = confirmed(plan());
    gate.asked(command(Action::Abort), MS(500));
    let ended = verdict(look(&mut gate, MS(501)));
    assert_eq!(ended, (Verdict::Inconclusive, "aborted by ann: lunch".into()));
}

#[test]
fn what_is_answered_in_the_warm_up_does_not_count() {
    let mut gate = confirmed(Plan { warm_up: MS(1_000), ..plan() });
    answers(&mut gate, 5, 20, (0, 20), MS(999));
    assert_eq!((gate.steps[0].too_early, gate.steps[0].labelled()), (40, 0));
    answers(&mut gate, 5, 10, (0, 0), MS(1_000));
    assert_eq!(look(&mut gate, MS(1_999)), Move::Stay, "the least time begins after it");
    assert_eq!(look(&mut gate, MS(2_000)), Move::Raise(0.5));
}

#[test]
fn after_the_proof_the_gate_bakes_and_harm_still_ends_it() {
    let proven = || {
        let plan = Plan { shares: vec![0.5], bake: MS(5_000), ..plan() };
        let mut gate = self::gate(plan, None);
        gate.raised(route(5, 0.5), MS(0));
        gate.confirmed(vec!["a".into()], BTreeMap::new(), MS(0));
        answers(&mut gate, 5, 100, (40, 0), MS(10));
        assert_eq!(look(&mut gate, MS(1_000)), Move::Stay);
        gate
    };
    let mut gate = proven();
    assert_eq!(look(&mut gate, MS(5_999)), Move::Stay);
    assert_eq!(verdict(look(&mut gate, MS(6_000))).0, Verdict::Pass);
    let mut gate = proven();
    answers(&mut gate, 5, 400, (0, 400), MS(2_000));
    let (verdict, reason) = verdict(look(&mut gate, MS(2_001)));
    assert_eq!(verdict, Verdict::Fail, "{reason}");
}

#[test]
fn a_gate_that_lost_its_share_takes_it_again_and_keeps_its_evidence() {
    let mut gate = confirmed(plan());
    answers(&mut gate, 5, 9, (3, 1), MS(10));
    gate.resumed(false);
    assert_eq!(look(&mut gate, MS(20)), Move::Stay);
    gate.resumed(true);
    assert_eq!(look(&mut gate, MS(30)), Move::Raise(0.1));
    gate.raised(route(7, 0.1), MS(30));
    gate.confirmed(vec!["a".into()], BTreeMap::new(), MS(40));
    assert_eq!((view(&gate, 0).candidate, view(&gate, 0).champion), (1.0, 3.0));
    answers(&mut gate, 7, 10, (0, 0), MS(50));
    assert_eq!(look(&mut gate, MS(1_040)), Move::Raise(0.5));
}

#[test]
fn an_adaptive_share_follows_what_the_evidence_allows() {
    let plan = Plan { advance: Advance::Adaptive, shares: vec![0.01, 0.1, 0.5], ..plan() };
    let mut gate = self::gate(plan, None);
    assert_eq!(look(&mut gate, MS(0)), Move::Raise(0.01));
    gate.raised(route(5, 0.01), MS(0));
    gate.confirmed(vec!["a".into()], BTreeMap::new(), MS(0));
    answers(&mut gate, 5, 9, (0, 0), MS(10));
    assert_eq!(look(&mut gate, MS(11)), Move::Stay, "9 of 10 records");
    // The champion errs, the candidate does not: how bad can it be?
    answers(&mut gate, 5, 600, (600, 0), MS(20));
    let Move::Raise(share) = look(&mut gate, MS(21)) else { panic!("it may have more") };
    assert!(share > 0.01);
    gate.raised(route(6, share), MS(30));
    gate.confirmed(vec!["a".into()], BTreeMap::new(), MS(30));
    // Now it errs, not yet beyond what is proven harm.
    answers(&mut gate, 6, 40, (1, 12), MS(40));
    let next = look(&mut gate, MS(41));
    let backs = matches!(next, Move::Raise(back) if back < share);
    assert!(backs || matches!(next, Move::End(_) | Move::Stay), "{next:?}");
}

#[test]
fn a_slice_that_is_worse_fails_a_release_that_is_well_as_a_whole() {
    let metrics = r#"[{"name": "errors", "of": "label-errors", "slices": [{"header": "tier", "values": ["gold"]}]}]"#;
    let metrics = crate::policy::metrics::spec::parse(metrics).unwrap();
    let plan = Plan { metrics, ..plan() };
    let mut profile = StreamProfile::nothing(&plan);
    profile.features_from = Some(BTreeMap::from([(0, 0)]));
    let mut gate = Gate::new(plan, &profile, None);
    gate.raised(route(5, 0.5), MS(0));
    gate.confirmed(vec!["a".into()], BTreeMap::new(), MS(0));
    for n in 0..400u64 {
        let gold = n % 4 == 0;
        gate.feature(&Record {
            partition: 0,
            offset: n as i64,
            timestamp_ms: 0,
            key: None,
            value: None,
            headers: gold.then(|| ("tier".into(), b"gold".to_vec())).into_iter().collect(),
        });
        let assigned_variant = if n % 8 < 4 { Variant::Candidate } else { Variant::Champion };
        let source = Some((0, n as i64));
        gate.answered(Answer { source, ..answer(n, assigned_variant, 5) }, (0, n as i64), MS(10));
        // The candidate errs on gold, the champion on all else.
        let wrong = gold == (assigned_variant == Variant::Candidate);
        gate.label(n, if wrong { 1.0 } else { 0.0 }, MS(10));
    }
    let (verdict, reason) = verdict(look(&mut gate, MS(11)));
    assert_eq!(verdict, Verdict::Fail, "{reason}");
    assert!(reason.starts_with("harm at a share of 50 % where tier = gold: errors: 5"), "{reason}");
}

#[test]
fn without_an_answer_of_prometheus_there_is_no_pass() {
    let metrics = r#"[
        {"name": "errors", "of": "label-errors"},
        {"name": "memory", "of": "promql", "query": {"server": "http://p:1", "promql": "up", "limit": 5}}
    ]"#;
    let metrics = crate::policy::metrics::spec::parse(metrics).unwrap();
    for (answered, expected) in [(None, false), (Some(1.0), true)] {
        let plan = Plan { metrics: metrics.clone(), shares: vec![0.5], ..plan() };
        let mut gate = self::gate(plan, None);
        gate.raised(route(5, 0.5), MS(0));
        gate.confirmed(vec!["a".into()], BTreeMap::new(), MS(0));
        answers(&mut gate, 5, 100, (40, 0), MS(10));
        (0..5).for_each(|_| gate.sampled(1, answered));
        let passes =
            matches!(look(&mut gate, MS(1_000)), Move::End(end) if end.verdict == Verdict::Pass);
        assert_eq!(passes, expected, "{answered:?}");
        let (_, reason) = verdict(look(&mut gate, MS(60_000)));
        assert_eq!(reason.contains("there is no data of memory"), !expected, "{reason}");
    }
}

#[test]
fn an_a_a_run_counts_the_false_alarms_of_its_stream() {
    let plan = Plan { strategy: crate::Strategy::AA, shares: vec![0.5], ..plan() };
    let mut gate = self::gate(plan, None);
    gate.raised(route(5, 0.5), MS(0));
    gate.confirmed(vec!["a".into()], BTreeMap::new(), MS(0));
    answers(&mut gate, 5, 500, (50, 50), MS(10));
    let (verdict, reason) = verdict(look(&mut gate, MS(1_000)));
    assert_eq!(verdict, Verdict::Pass, "{reason}");
    assert!(reason.contains("of 100 splits of the champion's own 100 errors alarmed"), "{reason}");
}
