//! Who answers a record, and what happens to one that a model cannot answer.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Mutex;

use routes::{ModelRef, Route};
use stream::{FeatureRecord, StreamSchema};

use super::*;
use crate::answering::plan::Loaded;
use crate::observe::pulse::Bounds;

fn pulse() -> Pulse {
    let seconds = Duration::from_secs(10);
    Pulse::new(Bounds::new(seconds, seconds, seconds))
}

/// Answers the sum of a row and `add`; cannot answer rows that hold `poison`.
struct Sum {
    add: f32,
    poison: f32,
    asked: usize,
}

impl Answerer for Sum {
    fn answer_into(
        &mut self,
        rows: &[f32],
        n: usize,
        answers: &mut Answers,
        spent: &mut Duration,
    ) -> Result<(), NoAnswer> {
        self.asked += 1;
        *spent += Duration::from_micros(1);
        if let Some(place) = rows.iter().position(|number| *number == self.poison) {
            let row = place / (rows.len() / n);
            return Err(AnswerError::NotFinite { row, value: f32::NAN }.into());
        }
        let sums = rows.chunks(rows.len() / n).map(|row| row.iter().sum::<f32>() + self.add);
        answers.score = sums.collect();
        answers.scores = answers.score.clone();
        (answers.width, answers.labels) = (1, None);
        Ok(())
    }
}

fn sum(add: f32, poison: f32) -> Loaded {
    Arc::new(Mutex::new(Sum { add, poison, asked: 0 }))
}

fn plan(champion: Loaded, candidate: Option<Result<Loaded, String>>, share: f64) -> Arc<Plan> {
    let model = |n: u8| ModelRef { digest: format!("sha256:{n}"), image: String::new() };
    let mut route = Route::bootstrap("s", model(1));
    if candidate.is_some() {
        route = route.with_candidate(model(2), share);
    }
    Arc::new(Plan { route, champion, candidate, fallbacks: Arc::default() })
}

/// Records whose one number is their place; `bad` ones are no JSON.
fn batch(count: usize, bad: &[usize]) -> Answered {
    let schema = r#"{"stream":"s","format":"json","fields":[{"name":"a","dtype":"float32"}]}"#;
    let schema = StreamSchema::parse(schema).unwrap();
    let mut answered = Answered::default();
    for n in 0..count {
        let value = if bad.contains(&n) { "x".to_owned() } else { format!(r#"{{"a":{n}}}"#) };
        let (key, value) = (n.to_string(), Some(value.as_bytes()));
        let feature = FeatureRecord {
            offset: n as i64,
            key: Some(key.as_bytes()),
            value,
            ..FeatureRecord::default()
        };
        answered.batch.push(&schema, &feature);
    }
    answered
}

fn scored(answered: &Answered, index: usize) -> (f32, Variant, Option<String>) {
    let answer = answered.answers[index].clone().unwrap().unwrap();
    (answer.score, answer.variant, answer.fallback.map(|why| why.to_string()))
}

#[test]
fn every_good_record_is_answered_by_the_variant_of_its_key() {
    let plan = plan(sum(0.0, -1.0), Some(Ok(sum(1000.0, -1.0))), 0.4);
    let mut answered = batch(100, &[3, 50]);
    answer(&plan, "s.features", &mut answered, &mut Scratch::default(), &pulse());
    let mut candidates = 0;
    for n in 0..100 {
        if [3, 50].contains(&n) {
            assert_eq!(answered.answers[n], None);
            continue;
        }
        let chosen = variant(&plan.route, n.to_string().as_bytes());
        let add = if chosen == Variant::Candidate { 1000.0 } else { 0.0 };
        assert_eq!(scored(&answered, n), (n as f32 + add, chosen, None));
        candidates += usize::from(chosen == Variant::Candidate);
    }
    assert!((20..60).contains(&candidates), "{candidates}");
}

#[test]
fn a_record_that_the_champion_cannot_answer_costs_only_itself() {
    let plan = plan(sum(0.0, 7.0), None, 0.0);
    let mut answered = batch(20, &[0]);
    answer(&plan, "s.features", &mut answered, &mut Scratch::default(), &pulse());
    let reject = answered.answers[7].clone().unwrap().unwrap_err();
    assert_eq!(reject.class, "not-answered");
    assert!(reject.reason.starts_with("the champion cannot answer"), "{}", reject.reason);
    assert!((1..20).filter(|n| *n != 7).all(|n| scored(&answered, n).0 == n as f32));
}

#[test]
fn what_the_candidate_cannot_answer_the_champion_does() {
    let plan = plan(sum(0.0, -1.0), Some(Ok(sum(1000.0, 7.0))), 1.0);
    let mut answered = batch(20, &[]);
    answer(&plan, "s.features", &mut answered, &mut Scratch::default(), &pulse());
    let (score, chosen, why) = scored(&answered, 7);
    assert_eq!((score, chosen), (7.0, Variant::Champion));
    assert!(why.unwrap().starts_with("the candidate cannot answer"));
    assert_eq!(scored(&answered, 8), (1008.0, Variant::Candidate, None));
}

#[test]
fn every_answer_has_the_time_that_its_model_took() {
    /// Needs `least`; cannot answer rows that hold `poison`.
    struct Slow {
        least: Duration,
        poison: f32,
    }
    impl Answerer for Slow {
        fn answer_into(
            &mut self,
            rows: &[f32],
            n: usize,
            answers: &mut Answers,
            spent: &mut Duration,
        ) -> Result<(), NoAnswer> {
            std::thread::sleep(self.least);
            *spent += self.least;
            Sum { add: 0.0, poison: self.poison, asked: 0 }.answer_into(rows, n, answers, spent)
        }
    }
    let slow = |millis, poison| -> Loaded {
        Arc::new(Mutex::new(Slow { least: Duration::from_millis(millis), poison }))
    };
    let (mut answered, mut scratch) = (batch(40, &[]), Scratch::default());
    let of = |n: usize, plan: &Plan| variant(&plan.route, n.to_string().as_bytes());
    let halved = plan(slow(0, -1.0), Some(Ok(slow(60, -1.0))), 0.5);
    let bad = (0..40).find(|n| of(*n, &halved) == Variant::Candidate).unwrap();
    let plan = plan(slow(0, -1.0), Some(Ok(slow(60, bad as f32))), 0.5);
    for (plan, fails) in [(halved, None), (plan, Some(bad))] {
        answer(&plan, "s.features", &mut answered, &mut scratch, &pulse());
        for n in 0..40 {
            let answer = answered.answers[n].clone().unwrap().unwrap();
            let least = match of(n, &plan) {
                Variant::Champion => 0,
                Variant::Candidate if fails.is_some() => 120_000,
                Variant::Candidate => 60_000,
            };
            assert!(answer.took >= least, "{n}: {answer:?}");
            assert_eq!(answer.fallback.is_some(), fails == Some(n));
        }
        let champions = (0..40).filter(|n| of(*n, &plan) == Variant::Champion);
        let took = |n: usize| answered.answers[n].as_ref().unwrap().as_ref().unwrap().took;
        assert!(champions.map(took).max().unwrap() < 60_000, "the candidate's time is its own");
    }
}

#[test]
fn a_candidate_that_is_not_there_falls_back_with_the_reason() {
    let plan = plan(sum(0.0, -1.0), Some(Err("no such image".into())), 1.0);
    let mut answered = batch(3, &[]);
    answer(&plan, "s.features", &mut answered, &mut Scratch::default(), &pulse());
    let why = "the candidate is not loaded: no such image".to_owned();
    assert_eq!(scored(&answered, 2), (2.0, Variant::Champion, Some(why)));
}

#[test]
fn a_candidate_that_answers_nothing_is_not_asked_without_end() {
    struct Broken(usize);
    impl Answerer for Broken {
        fn answer_into(
            &mut self,
            _: &[f32],
            _: usize,
            _: &mut Answers,
            _: &mut Duration,
        ) -> Result<(), NoAnswer> {
            self.0 += 1;
            Err(AnswerError::Engine(model::Excerpt::message("out of memory")).into())
        }
    }
    let broken = Arc::new(Mutex::new(Broken(0)));
    let plan = plan(sum(0.0, -1.0), Some(Ok(Arc::clone(&broken) as Loaded)), 1.0);
    let mut answered = batch(2000, &[]);
    answer(&plan, "s.features", &mut answered, &mut Scratch::default(), &pulse());
    assert!((0..2000).all(|n| scored(&answered, n).1 == Variant::Champion));
    let asked = broken.lock().unwrap().0;
    assert!(asked <= 2 * CANDIDATE_PATIENCE as usize + 1, "{asked}");
}

#[test]
fn records_without_a_key_are_split_by_their_source() {
    let plan = plan(sum(0.0, -1.0), Some(Ok(sum(1000.0, -1.0))), 0.5);
    let schema = r#"{"stream":"s","format":"json","fields":[{"name":"a","dtype":"float32"}]}"#;
    let schema = StreamSchema::parse(schema).unwrap();
    let mut answered = Answered::default();
    for offset in 0..50 {
        let value = Some(&br#"{"a":1}"#[..]);
        answered.batch.push(
            &schema,
            &FeatureRecord { partition: 2, offset, value, ..FeatureRecord::default() },
        );
    }
    answer(&plan, "s.features", &mut answered, &mut Scratch::default(), &pulse());
    for n in 0..50 {
        let key = format!("s.features/2/{n}");
        assert_eq!(scored(&answered, n).1, variant(&plan.route, key.as_bytes()));
    }
}
