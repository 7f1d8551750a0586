//! Random streams over all metrics: none passes without judgeable, labelled answers of both models.

use stats::random::Random;

use super::judgeable_tests::{KINDS, begun, event, metric, one_share};
use super::tests::{MS, answer, look};
use super::*;
use crate::policy::metrics::held::Heads;
use crate::policy::metrics::loss::Loss;
use crate::policy::metrics::spec::{Of, Role};
use crate::{Accept, Advance, Strategy};
use stream::LabelDefect;

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

/// How it ends, and how many answers of each model met a label and could be judged.
fn streamed(plan: Plan, habits: Habits, random: &mut Random) -> (Option<Outcome>, [u64; 2]) {
    let mut gate = begun(plan.clone());
    let mut usable = [0, 0];
    let step = &gate.steps[0];
    let share = step.share;
    for id in 0..2_500u64 {
        let now = MS(id * 8);
        let candidate = random.chance(share);
        let assigned_variant = if candidate { Variant::Candidate } else { Variant::Champion };
        let fallback = candidate && random.chance(habits.fallbacks);
        let heads = match candidate && !fallback {
            true => says(random, habits.candidate, habits.candidate_errors),
            false => says(random, habits.champion, 0.1),
        };
        let key = crate::records::hash(&id.to_be_bytes());
        gate.answered(
            Answer { key, heads, fallback, ..answer(id, assigned_variant, 5) },
            (0, 0),
            now,
        );
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
                gate.unlabelled(LabelDefect::Text, &record);
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
            && let Move::End(outcome) = look(&mut gate, now)
        {
            return (Some(outcome), usable);
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
        let (outcome, mut usable) = streamed(plan.clone(), habits, &mut random);
        if plan.strategy == Strategy::BlueGreen {
            // The champion's side is its past.
            usable[0] = 2_000;
        }
        let least = usable[0].min(usable[1]);
        let passes = outcome.as_ref().is_some_and(|outcome| outcome.verdict == Verdict::Pass);
        passed += u64::from(passes);
        held_back += u64::from(!passes && least < plan.min_records);
        assert!(
            !passes || least >= plan.min_records,
            "{kinds:?} {plan:?} {habits:?} {usable:?} {outcome:?}"
        );
    }
    assert!(
        passed > 20 && held_back > 200,
        "{passed} passed, {held_back} held back: it tries both"
    );
}
