//! What cannot be judged only holds back: tables for each kind, and random streams over all metrics.

#![expect(clippy::unwrap_used, reason = "tests")]

use stats::random::Random;

use super::tests::{MS, answer, look, past, plan, route, verdict};
use super::*;
use crate::policy::baseline::Baseline;
use crate::policy::metrics::held::Heads;
use crate::policy::metrics::spec::{self, Metric};
use crate::policy::stream_profile::LabelledPrediction;
use crate::{Accept, Strategy};

const CLASS: Heads = Heads { label: Some(0.0), score: Some(0.2), took_us: Some(100) };
const NUMBER: Heads = Heads { label: None, score: Some(0.5), took_us: Some(100) };

/// One of each kind, by a short name.
pub(super) fn metric(of: &str) -> Metric {
    let text = match of {
        "label-errors" | "failures" => {
            format!(r#"[{{"name": "{of}", "of": "{of}", "proof": true}}]"#)
        }
        "latency" => {
            r#"[{"name": "latency", "of": "latency", "slo": "1ms", "proof": true}]"#.into()
        }
        "score" => r#"[{"name": "score", "of": "score", "margin": 0.5, "proof": true}]"#.into(),
        "events" => r#"[{"name": "events", "of": "events", "topic": "t", "proof": true}]"#.into(),
        "promql" => r#"[{"name": "promql", "of": "promql", "proof": true,
            "query": {"server": "http://p:1", "promql": "up", "limit": 5}}]"#
            .into(),
        loss => format!(
            r#"[{{"name": "{loss}", "of": "loss", "loss": "{loss}", "margin": 0.5, "proof": true}}]"#
        ),
    };
    spec::parse(&text).unwrap().remove(0)
}

pub(super) const KINDS: [&str; 10] = [
    "label-errors",
    "failures",
    "latency",
    "log-loss",
    "brier",
    "absolute-error",
    "squared-error",
    "score",
    "events",
    "promql",
];

/// A gate at its only share, confirmed.
pub(super) fn begun(plan: Plan) -> Gate {
    let share = plan.shares[0];
    let past: Vec<LabelledPrediction> = (0..2_000).map(|n| self::past(n, n % 4 == 0)).collect();
    let baseline =
        (plan.strategy == Strategy::BlueGreen).then(|| Baseline::new(&past, Duration::ZERO));
    let mut gate = super::tests::gate(plan, baseline);
    gate.raised(route(5, share), MS(0));
    gate.confirmed(vec!["a".into()], BTreeMap::new(), MS(0));
    gate
}

pub(super) fn one_share(metrics: Vec<Metric>, accept: Accept) -> Plan {
    Plan { metrics, accept, shares: vec![0.5], min_records: 30, ..plan() }
}

/// `count` answers of each model that say this, each with this label, 0 ms to 900 ms.
fn both(gate: &mut Gate, count: u64, champion: Heads, candidate: Heads, label: Option<f64>) {
    for id in 0..count {
        let (assigned_variant, heads) = match id % 2 {
            0 => (Variant::Champion, champion),
            _ => (Variant::Candidate, candidate),
        };
        let now = MS(900 * id / count);
        gate.answered(Answer { heads, ..answer(id, assigned_variant, 5) }, (0, 0), now);
        if let Some(label) = label {
            gate.label(id, label, now);
        }
    }
}

#[test]
fn a_candidate_that_gives_no_label_fails_where_the_champion_gives_one() {
    for accept in [Accept::Evidence, Accept::NoHarm] {
        for label in [Some(0.0), Some(1.0), None] {
            let mut gate = begun(one_share(vec![metric("label-errors")], accept));
            both(&mut gate, 400, CLASS, NUMBER, label);
            let (verdict, reason) = verdict(look(&mut gate, MS(1_000)));
            assert_eq!(verdict, Verdict::Fail, "{label:?} {reason}");
            assert!(reason.contains("200 of its 200 answers have no label"), "{reason}");
            let labelled = gate.totals().1.labelled;
            assert_eq!(labelled, 0, "what cannot be judged is no labelled answer");
        }
    }
}

#[test]
fn neither_model_judgeable_is_inconclusive_at_once() {
    for (kind, champion, candidate, words) in [
        ("label-errors", NUMBER, NUMBER, "label-errors can judge neither model"),
        ("label-errors", NUMBER, CLASS, "label-errors cannot judge the champion"),
        ("brier", Heads { score: Some(3.5), ..CLASS }, CLASS, "a score that is no probability"),
        ("squared-error", Heads::default(), Heads::default(), "have no score"),
        ("latency", Heads { took_us: None, ..CLASS }, CLASS, "do not say how long they took"),
        ("score", Heads::default(), CLASS, "score cannot judge the champion"),
    ] {
        for accept in [Accept::Evidence, Accept::NoHarm] {
            let mut gate = begun(one_share(vec![metric(kind)], accept));
            both(&mut gate, 400, champion, candidate, Some(1.0));
            let (verdict, reason) = verdict(look(&mut gate, MS(950)));
            assert_eq!(verdict, Verdict::Inconclusive, "{kind} {reason}");
            assert!(reason.contains(words), "{reason}");
        }
    }
}

#[test]
fn labels_that_a_metric_cannot_use_end_it_too() {
    for (kind, label) in [("label-errors", 154.2), ("brier", 2.0), ("log-loss", 0.5)] {
        let mut gate = begun(one_share(vec![metric(kind)], Accept::NoHarm));
        both(&mut gate, 400, CLASS, CLASS, Some(label));
        let (verdict, reason) = verdict(look(&mut gate, MS(950)));
        assert_eq!(verdict, Verdict::Inconclusive, "{kind} {reason}");
        assert!(reason.contains("cannot use the labels that come"), "{reason}");
    }
}

#[test]
fn a_candidate_that_leaves_out_what_it_would_get_wrong_does_not_pass() {
    for (kind, unsure) in [
        ("label-errors", Heads { label: None, ..CLASS }),
        ("log-loss", Heads { score: Some(1.7), ..CLASS }),
        ("brier", Heads { score: None, ..CLASS }),
        ("absolute-error", Heads { score: None, ..CLASS }),
        ("squared-error", Heads { score: None, ..CLASS }),
        ("latency", Heads { took_us: None, ..CLASS }),
        ("score", Heads { score: None, ..CLASS }),
    ] {
        for accept in [Accept::Evidence, Accept::NoHarm] {
            let mut gate = begun(one_share(vec![metric(kind)], accept));
            let mut random = Random::seeded(11);
            for id in 0..8_000u64 {
                let now = MS(id * 2);
                let candidate = id % 2 == 1;
                let hard = random.chance(0.2);
                let (assigned_variant, heads) = match candidate {
                    true if hard => (Variant::Candidate, unsure),
                    true => (Variant::Candidate, CLASS),
                    false => (Variant::Champion, CLASS),
                };
                gate.answered(Answer { heads, ..answer(id, assigned_variant, 5) }, (0, 0), now);
                gate.label(id, f64::from(u8::from(hard)), now);
                if let Move::End(outcome) = look(&mut gate, now) {
                    assert_ne!(outcome.verdict, Verdict::Pass, "{kind} {}", outcome.reason);
                    break;
                }
            }
        }
    }
}

#[test]
fn two_regressions_are_judged_by_a_loss() {
    for kind in ["absolute-error", "squared-error"] {
        for (error, expected) in [(0.1, Verdict::Pass), (1.5, Verdict::Fail)] {
            let mut gate = begun(one_share(vec![metric(kind)], Accept::Evidence));
            let mut random = Random::seeded(3);
            let ended = (0..20_000u64).find_map(|id| {
                let now = MS(id * 3);
                let (assigned_variant, off) = match id % 2 {
                    0 => (Variant::Champion, 0.1),
                    _ => (Variant::Candidate, error),
                };
                let truth = 100.0 * random.uniform();
                let score = truth + off * (2.0 * random.uniform() - 1.0);
                let heads = Heads { score: Some(score), ..NUMBER };
                gate.answered(Answer { heads, ..answer(id, assigned_variant, 5) }, (0, 0), now);
                gate.label(id, truth, now);
                match look(&mut gate, now) {
                    Move::End(outcome) => Some(outcome),
                    _ => None,
                }
            });
            let outcome = ended.unwrap();
            assert_eq!(outcome.verdict, expected, "{kind} {}", outcome.reason);
        }
    }
}

#[test]
fn a_switch_to_a_model_without_labels_fails() {
    for accept in [Accept::Evidence, Accept::NoHarm] {
        let plan = Plan { strategy: Strategy::BlueGreen, shares: vec![1.0], accept, ..plan() };
        let mut gate = begun(plan);
        for id in 0..600 {
            gate.answered(
                Answer { heads: NUMBER, ..answer(id, Variant::Candidate, 5) },
                (0, 0),
                MS(10),
            );
            gate.label(id, 0.0, MS(10));
        }
        let (verdict, reason) = verdict(look(&mut gate, MS(1_000)));
        assert_eq!(verdict, Verdict::Fail, "{reason}");
        assert!(reason.contains("and those of the champion before the switch can"), "{reason}");
    }
}

/// A business event of a key, as answers in these streams have them.
pub(super) fn event(key: u64) -> Record {
    Record {
        partition: 0,
        offset: 0,
        timestamp_ms: 0,
        key: Some(key.to_be_bytes().to_vec()),
        value: None,
        headers: Vec::new(),
    }
}

#[test]
fn business_events_of_keys_that_nobody_answered_prove_nothing() {
    for (strange, expected) in [(false, Verdict::Pass), (true, Verdict::Inconclusive)] {
        let mut gate = begun(one_share(vec![metric("events")], Accept::Evidence));
        let mut random = Random::seeded(5);
        let newest = route(5, 0.5);
        let ended = (0..30_000u64).find_map(|id| {
            let now = MS(id * 2);
            let assigned_variant = routes::variant(&newest, &id.to_be_bytes());
            let key = crate::records::hash(&id.to_be_bytes());
            gate.answered(Answer { key, ..answer(id, assigned_variant, 5) }, (0, 0), now);
            gate.label(id, 0.0, now);
            if random.chance(0.3) {
                let key = if strange { id + 7_000_000 } else { id };
                gate.business(0, &event(key), now);
            }
            match look(&mut gate, now) {
                Move::End(outcome) => Some(outcome),
                _ => None,
            }
        });
        let outcome = ended.unwrap_or_else(|| match look(&mut gate, MS(60_000)) {
            Move::End(outcome) => outcome,
            other => panic!("{other:?}"),
        });
        assert_eq!(outcome.verdict, expected, "{}", outcome.reason);
        assert_eq!(
            outcome.reason.contains("has a key that was answered"),
            strange,
            "{}",
            outcome.reason
        );
    }
}
