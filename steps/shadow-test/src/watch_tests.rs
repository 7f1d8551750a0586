//! When reading stops, what stands, and how often a claim of the whole decision is wrong.

use super::*;
use crate::decide::tests::limits;
use crate::decide::verdict;
use crate::live::ModelOutput;
use crate::tally::Source;
use contract::Verdict;
use stats::random::Random;

/// One record as the comparison counts it.
#[derive(Clone, Copy, Default)]
struct Seen {
    key: u64,
    different: bool,
    mismatch: bool,
    failed: bool,
    slow: bool,
    shift: f64,
}

fn take(tally: &mut Tally, seen: Seen) {
    let key = Some(seen.key);
    let source = Source { partition: 0, offset: tally.records as i64 };
    let champion = ModelOutput { label: Some(0), score: 0.0 };
    let candidate = ModelOutput { label: Some(i64::from(seen.different)), score: seen.shift };
    tally.records += 1;
    tally.pair(source, key, &[], [champion, candidate], 0.1);
    tally.mismatches.observe(seen.mismatch, key);
    tally.failures.observe(seen.failed, key);
    tally.latency.over_limit.observe(seen.slow, None);
}

const RUNS: usize = 200;
const MAX_RECORDS: u64 = 4_000;

/// Runs one shadow test over up to 4,000 records, with a look after every batch of 8.
fn run(limits: &Limits, mut next: impl FnMut() -> Seen) -> (Verdict, u64) {
    let (mut tally, mut watch) = (Tally::new(8), Watch::new(limits));
    while tally.records < MAX_RECORDS {
        (0..8).for_each(|_| take(&mut tally, next()));
        watch.look(&tally);
        if watch.is_over() {
            break;
        }
    }
    let checks = watch.finish(&tally);
    (verdict(&tally, MAX_RECORDS, limits, &checks).0, tally.records)
}

#[test]
fn a_clear_case_is_decided_at_the_first_look_and_an_open_one_reads_on() {
    let mut random = Random::seeded(71);
    let (verdict, records) = run(&limits(), || Seen { key: random.bits(), ..Seen::default() });
    // The failure rate of 0.5 % needs some 1,500 records without a failure.
    assert_eq!(verdict, Verdict::Pass);
    assert!((1_000..=2_500).contains(&records), "{records}");

    let (verdict, records) = run(&limits(), || Seen {
        key: random.bits(),
        different: random.chance(0.2),
        ..Seen::default()
    });
    assert_eq!(verdict, Verdict::Fail);
    // Harm is clear at once, but the ground is known to be solid only when the mismatches are.
    assert!((1_000..=1_600).contains(&records), "{records}");

    let (verdict, records) = run(&limits(), || Seen {
        key: random.bits(),
        different: random.chance(0.05),
        ..Seen::default()
    });
    assert_eq!((verdict, records), (Verdict::Inconclusive, MAX_RECORDS));
}

#[test]
fn a_claim_stands_and_only_harm_overrides_it() {
    let limits = limits();
    let (mut tally, mut watch) = (Tally::new(8), Watch::new(&limits));
    let mut record = 0;
    let mut until = |tally: &mut Tally, watch: &mut Watch<'_>, n: u64, every: u64| {
        for _ in 0..n {
            record += 1;
            let different = record % every == 0;
            take(tally, Seen { key: record, different, ..Seen::default() });
            if record % 8 == 0 {
                watch.look(tally);
            }
        }
    };
    let made = |watch: &Watch<'_>| watch.claims[1].map(|(verdict, _)| verdict);
    until(&mut tally, &mut watch, 3_000, 1_000);
    assert_eq!(made(&watch), Some(Verdict::Pass));
    let at = watch.claims[1];
    // Back to where it could be either: the claim and its moment stand.
    until(&mut tally, &mut watch, 1_200, 8);
    assert_eq!(watch.claims[1], at);
    until(&mut tally, &mut watch, 6_000, 2);
    assert_eq!(made(&watch), Some(Verdict::Fail));
}

#[test]
fn intervals_are_kept_from_the_first_records_to_the_last() {
    let limits = limits();
    let (mut tally, mut watch) = (Tally::new(8), Watch::new(&limits));
    for key in 0..4_000 {
        take(&mut tally, Seen { key, different: key % 30 == 0, ..Seen::default() });
        watch.look(&tally);
    }
    let checks = watch.finish(&tally);
    let track = &checks[1].track;
    assert_eq!((track[0].records, track[track.len() - 1].records), (FIRST, 4_000));
    let width = |moment: &Moment| moment.upper - moment.lower;
    assert!(width(&track[0]) > 4.0 * width(&track[track.len() - 1]));
    assert!((25..=40).contains(&track.len()), "{}", track.len());
    assert_eq!(checks[1].interval.map(|it| it.upper), Some(track[track.len() - 1].upper));
}

/// Of so many runs at their limits, how many claimed anything wrong: `Fail` where nothing is beyond its limit.
fn false_alarms(limits: &Limits, seed: u64, mut next: impl FnMut(&mut Random) -> Seen) -> usize {
    let mut random = Random::seeded(seed);
    (0..RUNS).filter(|_| run(limits, || next(&mut random)).0 == Verdict::Fail).count()
}

/// Every rate at its limit, each on its own.
fn at_the_limits(random: &mut Random, shift: f64) -> Seen {
    Seen {
        key: random.bits(),
        different: random.chance(0.05),
        mismatch: false,
        failed: random.chance(0.005),
        slow: random.chance(0.01),
        shift,
    }
}

#[test]
fn the_whole_decision_keeps_its_false_alarm_rate_when_looked_at_after_every_batch() {
    let alarms = false_alarms(&limits(), 72, |random| {
        let shift = 0.1 + random.normal();
        at_the_limits(random, shift)
    });
    assert!(alarms <= RUNS / 20, "{alarms} of {RUNS}");
}

#[test]
fn it_keeps_it_where_neighbours_go_together() {
    let mut state = 0.0;
    let alarms = false_alarms(&limits(), 73, |random| {
        state = 0.6 * state + 0.8 * random.normal();
        // One time in twenty above the limit, and the shift moves along.
        let different = state > 1.644_854;
        Seen { different, ..at_the_limits(random, 0.1 + state) }
    });
    assert!(alarms <= RUNS / 20, "{alarms} of {RUNS}");
}

#[test]
fn it_keeps_it_where_the_answers_of_a_key_go_together() {
    // In each run keys of their own, one in ten of which is answered differently half of the time.
    let mut run = 0;
    let mut random = Random::seeded(74);
    let alarms = (0..RUNS)
        .filter(|_| {
            run += 1;
            let bad = |key: u64| Random::seeded(key * 1_000 + run).chance(0.1);
            let (verdict, _) = super::tests::run(&limits(), || {
                let key = random.bits() % 300;
                let different = bad(key) && random.chance(0.5);
                Seen { key, different, ..Seen::default() }
            });
            verdict == Verdict::Fail
        })
        .count();
    assert!(alarms <= RUNS / 20, "{alarms} of {RUNS}");
}

#[test]
fn a_candidate_at_a_limit_is_seldom_passed() {
    // Just beyond the limit on one check, well within on all others.
    let mut random = Random::seeded(75);
    let passed = (0..RUNS)
        .filter(|_| {
            let (verdict, _) = run(&limits(), || Seen {
                key: random.bits(),
                different: random.chance(0.0505),
                ..Seen::default()
            });
            verdict == Verdict::Pass
        })
        .count();
    assert!(passed <= RUNS / 20, "{passed} of {RUNS}");
}
