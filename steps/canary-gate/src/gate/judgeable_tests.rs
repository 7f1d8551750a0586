//! What cannot be judged only holds back: tables for each kind, and random streams over all metrics.

#![expect(clippy::unwrap_used, reason = "tests")]

use stats::random::Random;

use super::tests::{MS, answer, look, past, plan, route, verdict};
use super::*;
use crate::baseline::Baseline;
use crate::labels::Trouble;
use crate::learnt::Past;
use crate::metrics::held::Heads;
use crate::metrics::spec::{self, Metric, Of, Role};
use crate::sources::loss::Loss;
use crate::{Accept, Advance, Strategy};

const CLASS: Heads = Heads { label: Some(0.0), score: Some(0.2), took_us: Some(100) };
const NUMBER: Heads = Heads { label: None, score: Some(0.5), took_us: Some(100) };

/// One of each kind, by a short name.
fn metric(of: &str) -> Metric {
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

const KINDS: [&str; 10] = [
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
fn begun(plan: Plan) -> Gate {
    let share = plan.shares[0];
    let past: Vec<Past> = (0..2_000).map(|n| self::past(n, n % 4 == 0)).collect();
    let baseline =
        (plan.strategy == Strategy::BlueGreen).then(|| Baseline::new(&past, Duration::ZERO));
    let mut gate = super::tests::gate(plan, baseline);
    gate.raised(route(5, share), MS(0));
    gate.confirmed(vec!["a".into()], BTreeMap::new(), MS(0));
    gate
}

fn one_share(metrics: Vec<Metric>, accept: Accept) -> Plan {
    Plan { metrics, accept, shares: vec![0.5], min_records: 30, ..plan() }
}

/// `count` answers of each model that say this, each with this label, 0 ms to 900 ms.
fn both(gate: &mut Gate, count: u64, champion: Heads, candidate: Heads, label: Option<f64>) {
    for id in 0..count {
        let (drawn, heads) = match id % 2 {
            0 => (Variant::Champion, champion),
            _ => (Variant::Candidate, candidate),
        };
        let now = MS(900 * id / count);
        gate.answered(Answer { heads, ..answer(id, drawn, 5) }, (0, 0), now);
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
                let (drawn, heads) = match candidate {
                    true if hard => (Variant::Candidate, unsure),
                    true => (Variant::Candidate, CLASS),
                    false => (Variant::Champion, CLASS),
                };
                gate.answered(Answer { heads, ..answer(id, drawn, 5) }, (0, 0), now);
                gate.label(id, f64::from(u8::from(hard)), now);
                if let Move::End(ending) = look(&mut gate, now) {
                    assert_ne!(ending.verdict, Verdict::Pass, "{kind} {}", ending.reason);
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
                let (drawn, off) = match id % 2 {
                    0 => (Variant::Champion, 0.1),
                    _ => (Variant::Candidate, error),
                };
                let truth = 100.0 * random.uniform();
                let score = truth + off * (2.0 * random.uniform() - 1.0);
                let heads = Heads { score: Some(score), ..NUMBER };
                gate.answered(Answer { heads, ..answer(id, drawn, 5) }, (0, 0), now);
                gate.label(id, truth, now);
                match look(&mut gate, now) {
                    Move::End(ending) => Some(ending),
                    _ => None,
                }
            });
            let ending = ended.unwrap();
            assert_eq!(ending.verdict, expected, "{kind} {}", ending.reason);
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

/// What a random stream does.
#[derive(Clone, Copy, Debug)]
struct Habits {
    /// What the models' answers lack, and how often.
    champion: (Lack, f64),
    candidate: (Lack, f64),
    labels: Labels,
    candidate_errors: f64,
    fallbacks: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Lack {
    Nothing,
    Label,
    Score,
    Time,
    All,
    Range,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Labels {
    Fit,
    None,
    Unmatched,
    ChampionOnly,
    CandidateOnly,
    Unreadable,
    Fraction,
    Large,
    Few,
}

fn habits(random: &mut Random) -> Habits {
    use Labels::*;
    let pick = |random: &mut Random, n: usize| (random.uniform() * n as f64) as usize % n;
    let lack = |random: &mut Random| {
        let lacks = [Lack::Nothing, Lack::Label, Lack::Score, Lack::Time, Lack::All, Lack::Range];
        (lacks[pick(random, 6)], [1.0, 0.5, 0.05][pick(random, 3)])
    };
    let labels =
        [Fit, Fit, None, Unmatched, ChampionOnly, CandidateOnly, Unreadable, Fraction, Large, Few];
    Habits {
        champion: lack(random),
        candidate: lack(random),
        labels: labels[pick(random, labels.len())],
        candidate_errors: [0.0, 0.02, 0.2][pick(random, 3)],
        fallbacks: [0.0, 0.0, 0.5, 1.0][pick(random, 4)],
    }
}

fn says(random: &mut Random, (lack, often): (Lack, f64), errors: f64) -> Heads {
    let wrong = random.chance(errors);
    let label = f64::from(u8::from(wrong));
    let whole = Heads {
        label: Some(label),
        score: Some(0.1 + 0.8 * label),
        took_us: Some(if wrong { 2_000 } else { 100 }),
    };
    if !random.chance(often) {
        return whole;
    }
    match lack {
        Lack::Nothing => whole,
        Lack::Label => Heads { label: None, ..whole },
        Lack::Score => Heads { score: None, ..whole },
        Lack::Time => Heads { took_us: None, ..whole },
        Lack::All => Heads::default(),
        Lack::Range => Heads { score: Some(7.5), ..whole },
    }
}

/// Whether every critical metric that looks at labels can use this answer: said here again, in other words.
fn is_usable(plan: &Plan, heads: Heads, label: f64) -> bool {
    let is_binary = label == 0.0 || label == 1.0;
    plan.metrics.iter().filter(|metric| metric.role == Role::Critical).all(|metric| {
        match (metric.of, metric.loss) {
            (Of::LabelErrors, _) => heads.label.is_some() && label == label.trunc(),
            (Of::Loss, Some(Loss::Logarithmic | Loss::Brier)) => {
                is_binary && heads.score.is_some_and(|score| (0.0..=1.0).contains(&score))
            }
            (Of::Loss, _) => heads.score.is_some(),
            _ => true,
        }
    })
}

/// A business event of a key, as answers in these streams have them.
fn event(key: u64) -> Record {
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
            let drawn = routes::variant(&newest, &id.to_be_bytes());
            let key = crate::answer::hash(&id.to_be_bytes());
            gate.answered(Answer { key, ..answer(id, drawn, 5) }, (0, 0), now);
            gate.label(id, 0.0, now);
            if random.chance(0.3) {
                let key = if strange { id + 7_000_000 } else { id };
                gate.business(0, &event(key), now);
            }
            match look(&mut gate, now) {
                Move::End(ending) => Some(ending),
                _ => None,
            }
        });
        let ending = ended.unwrap_or_else(|| match look(&mut gate, MS(60_000)) {
            Move::End(ending) => ending,
            other => panic!("{other:?}"),
        });
        assert_eq!(ending.verdict, expected, "{}", ending.reason);
        assert_eq!(
            ending.reason.contains("has a key that was answered"),
            strange,
            "{}",
            ending.reason
        );
    }
}

/// How it ends, and how many answers of each model met a label and could be judged.
fn streamed(plan: Plan, habits: Habits, random: &mut Random) -> (Option<Ending>, [u64; 2]) {
    let mut gate = begun(plan.clone());
    let mut usable = [0, 0];
    let step = &gate.steps[0];
    let share = step.share;
    for id in 0..2_500u64 {
        let now = MS(id * 8);
        let candidate = random.chance(share);
        let drawn = if candidate { Variant::Candidate } else { Variant::Champion };
        let fallback = candidate && random.chance(habits.fallbacks);
        let heads = match candidate && !fallback {
            true => says(random, habits.candidate, habits.candidate_errors),
            false => says(random, habits.champion, 0.1),
        };
        let key = crate::answer::hash(&id.to_be_bytes());
        gate.answered(Answer { key, heads, fallback, ..answer(id, drawn, 5) }, (0, 0), now);
        let label = match habits.labels {
            Labels::Fit => Some((id, 0.0)),
            Labels::None => None,
            Labels::Unmatched => Some((id + 1_000_000, 0.0)),
            Labels::ChampionOnly => (!candidate).then_some((id, 0.0)),
            Labels::CandidateOnly => candidate.then_some((id, 0.0)),
            Labels::Fraction => Some((id, 0.5)),
            Labels::Large => Some((id, f64::MAX)),
            Labels::Few => (id % 100 == 0).then_some((id, 0.0)),
            Labels::Unreadable => {
                let record = Record {
                    partition: 0,
                    offset: 0,
                    timestamp_ms: 0,
                    key: None,
                    value: None,
                    headers: Vec::new(),
                };
                gate.unlabelled(Trouble::Text, &record);
                None
            }
        };
        if let Some((of, label)) = label {
            gate.label(of, label, now);
            usable[usize::from(candidate)] +=
                u64::from(of == id && !fallback && is_usable(&plan, heads, label));
        }
        for (place, metric) in plan.metrics.iter().enumerate() {
            match metric.of {
                Of::Events if random.chance(0.2) => {
                    let key = if habits.labels == Labels::Unmatched { id + 7_000_000 } else { id };
                    gate.business(place, &event(key), now);
                }
                Of::Promql if id % 50 == 0 => gate.sampled(place, Some(1.0)),
                _ => {}
            }
        }
        if id % 5 == 0
            && let Move::End(ending) = look(&mut gate, now)
        {
            return (Some(ending), usable);
        }
    }
    (None, usable)
}

#[test]
fn no_stream_passes_without_judgeable_labelled_answers_of_both_models() {
    let mut random = Random::seeded(20_261_128);
    let (mut passed, mut held_back) = (0, 0);
    for round in 0..900usize {
        let mut kinds = vec![KINDS[round % KINDS.len()]];
        // Every other one beside a second metric.
        if round / KINDS.len() % 2 == 1 {
            kinds.push(KINDS[(round * 7 + 3) % KINDS.len()]);
            kinds.dedup();
        }
        let accept = if random.chance(0.5) { Accept::Evidence } else { Accept::NoHarm };
        let metrics = kinds.iter().map(|kind| metric(kind)).collect();
        let plan = one_share(metrics, accept);
        let plan = match round % 7 {
            5 => Plan { advance: Advance::Adaptive, ..plan },
            6 if kinds == ["label-errors"] || kinds == ["failures"] => {
                Plan { strategy: Strategy::BlueGreen, shares: vec![1.0], ..plan }
            }
            4 => Plan { strategy: Strategy::AA, ..plan },
            _ => plan,
        };
        let habits = habits(&mut random);
        let (ending, mut usable) = streamed(plan.clone(), habits, &mut random);
        if plan.strategy == Strategy::BlueGreen {
            // The champion's side is its past.
            usable[0] = 2_000;
        }
        let least = usable[0].min(usable[1]);
        let passes = ending.as_ref().is_some_and(|ending| ending.verdict == Verdict::Pass);
        passed += u64::from(passes);
        held_back += u64::from(!passes && least < plan.min_records);
        assert!(
            !passes || least >= plan.min_records,
            "{kinds:?} {plan:?} {habits:?} {usable:?} {ending:?}"
        );
    }
    assert!(
        passed > 20 && held_back > 200,
        "{passed} passed, {held_back} held back: it tries both"
    );
}
