//! Verdicts over samples made on purpose: same law, moved laws, where a drift began, and how often a stream
//! that did not drift is blamed.
#![expect(clippy::unwrap_used, reason = "tests")]

use stats::random::Random;
use stream::StreamSchema;

use super::*;

const LIMITS: Limits = Limits { alpha: 0.01, ks_minimum: 0.1, psi_minimum: 0.1, stretch: 200 };

fn schema() -> StreamSchema {
    StreamSchema::parse(
        r#"{"stream":"s","format":"json","fields":[{"name":"real","dtype":"float32"},
            {"name":"small","dtype":"float32"},{"name":"fixed","dtype":"float32"}]}"#,
    )
    .unwrap()
}

/// A bell-shaped real, a small integer that is mostly 0, and a constant.
fn usual(random: &mut Random) -> [f32; 3] {
    let bell: f64 = (0..6).map(|_| random.uniform()).sum();
    let small = if random.uniform() < 0.8 { 0.0 } else { (random.uniform() * 9.0).floor() - 4.0 };
    [bell as f32, small as f32, 4.0]
}

/// `records` on each of `partitions`; `row` gets the place in its partition.
fn sample(
    seed: u64,
    partitions: i32,
    records: i64,
    row: impl Fn(&mut Random, i32, i64) -> [f32; 3],
) -> Sample {
    let (schema, mut random, mut sample) = (schema(), Random::seeded(seed), Sample::default());
    for partition in 0..partitions {
        for offset in 0..records {
            let row = row(&mut random, partition, offset);
            sample.push(&schema, partition, 1000 + offset, |_, rows| {
                rows.extend(row);
                Ok(())
            });
        }
    }
    sample
}

fn baseline() -> Profile {
    let reference = sample(1, 1, 4000, |random, _, _| usual(random));
    Profile::of(&schema(), &reference, None).unwrap()
}

fn moved(window: &Sample) -> Vec<String> {
    let judgement = judge(&baseline(), window, &LIMITS).unwrap();
    judgement.moved().map(|feature| feature.name.clone()).collect()
}

#[test]
fn only_the_feature_that_moved_is_blamed() {
    let none: [&str; 0] = [];
    assert_eq!(moved(&sample(2, 2, 1000, |random, _, _| usual(random))), none);
    type Change = fn(&mut [f32; 3]);
    let cases: [(&str, Change); 4] = [
        ("real", |row| row[0] += 0.5),
        ("real", |row| row[0] = 3.0 + 2.0 * (row[0] - 3.0)),
        ("small", |row| row[1] = if row[1] == 0.0 { 1.0 } else { row[1] }),
        ("fixed", |row| row[2] = 4.5),
    ];
    for (name, change) in cases {
        let window = sample(3, 2, 1000, |random, _, _| {
            let mut row = usual(random);
            change(&mut row);
            row
        });
        assert_eq!(moved(&window), [name]);
    }
}

#[test]
fn a_shift_too_small_to_matter_is_no_drift_however_many_records_show_it() {
    let window = sample(4, 1, 20_000, |random, _, _| {
        let [real, small, fixed] = usual(random);
        [real + 0.05, small, fixed]
    });
    let judgement = judge(&baseline(), &window, &LIMITS).unwrap();
    assert!(judgement.features[0].ks_p < 0.01 && !judgement.features[0].moved);
}

#[test]
fn the_beginning_of_a_drift_is_found_on_its_partition() {
    // Partition 1 drifts from its record 1,500 on, partition 0 never does.
    let window = sample(5, 2, 3000, |random, partition, place| {
        let [real, small, fixed] = usual(random);
        [real + if partition == 1 && place >= 1500 { 1.5 } else { 0.0 }, small, fixed]
    });
    let judgement = judge(&baseline(), &window, &LIMITS).unwrap();
    let found = judgement.since();
    assert_eq!(found.len(), 1, "{found:?}");
    let (partition, offset) = found[0];
    assert_eq!(partition, 1);
    assert!((2300..=2700).contains(&offset), "drift at 2500, found at {offset}");
    assert!(judgement.features[0].since[0].located);
}

#[test]
fn a_drift_that_no_stretch_shows_is_reported_from_the_window_s_beginning() {
    let limits = Limits { ks_minimum: 0.0, psi_minimum: 0.0, ..LIMITS };
    let window = sample(6, 2, 4000, |random, _, _| {
        let [real, small, fixed] = usual(random);
        [real + 0.08, small, fixed]
    });
    let judgement = judge(&baseline(), &window, &limits).unwrap();
    let real = &judgement.features[0];
    assert!(real.moved);
    let whole = |partition| Since { partition, offset: 1000, located: false };
    assert_eq!(real.since, [whole(0), whole(1)]);
}

#[test]
fn a_stream_that_does_not_drift_is_rarely_blamed() {
    let limits = Limits { alpha: 0.05, ks_minimum: 0.0, psi_minimum: 0.0, stretch: 200 };
    let baseline = baseline();
    let runs = 200;
    let blamed = (0..runs)
        .filter(|seed| {
            let window = sample(100 + seed, 1, 500, |random, _, _| usual(random));
            judge(&baseline, &window, &limits).unwrap().moved().next().is_some()
        })
        .count();
    // 0.05 of 200 is 10; 19 is three standard errors above.
    assert!(blamed <= 19, "{blamed} of {runs} runs without drift were blamed");
}
