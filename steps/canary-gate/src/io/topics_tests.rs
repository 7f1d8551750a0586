//! What a tick got live is what a replay gets for it, whatever was read beyond it by then.
#![expect(clippy::unwrap_used, reason = "tests")]

use kafka::Outgoing;
use stats::random::Random;
use testkit::Stage;

use super::*;
use crate::policy::metrics::spec;

const METRICS: &str = r#"[{"name": "errors", "of": "label-errors", "slices": [{"header": "tier", "values": ["a"]}]}]"#;

fn write(stage: &Stage, random: &mut Random, records: u64) {
    let mut writer = stage.kafka.writer().unwrap();
    for n in 0..records {
        let topic = ["features", "predictions", "labels"][(random.bits() % 3) as usize];
        let key = Some(format!("{n} {}", random.bits()).into_bytes());
        let (topic, value) = (format!("s.{topic}"), key.clone());
        writer.send(&Outgoing { topic, key, value, ..Outgoing::default() }).unwrap();
    }
    writer.flush().unwrap();
}

fn places(batch: &Batch) -> Vec<(Reads, i32, i64, Option<Vec<u8>>)> {
    batch.iter().map(|(what, it)| (*what, it.partition, it.offset, it.key.clone())).collect()
}

#[test]
fn a_tick_gets_the_same_records_live_and_in_a_replay() {
    let (stage, mut random) = (Stage::empty().unwrap(), Random::seeded(7));
    // Some were there before, and are no part of it.
    write(&stage, &mut random, 50);
    let metrics = spec::parse(METRICS).unwrap();
    let sources = sources(&stage.kafka, "s", &metrics).unwrap();
    let mut live = Topics::new(&stage.kafka, &sources);
    live.follow(Ids::default()).unwrap();
    let (mut ticks, mut seen) = (Vec::new(), 0);
    while seen < 1_000 {
        if ticks.len() < 20 {
            write(&stage, &mut random, 50);
        }
        live.pump(|_| false, Duration::from_millis(50), Duration::ZERO).unwrap();
        let mut moved = live.moved();
        // A tick may leave a part of what was read for the next one.
        if ticks.len() < 20 {
            moved.retain(|_| random.chance(0.7));
        }
        let batch = live.fetch(&moved).unwrap();
        seen += batch.len();
        ticks.push((moved, places(&batch)));
    }
    assert_eq!(seen, 1_000, "each record once");
    let mut replay = Topics::new(&stage.kafka, &sources);
    for (n, (moved, batch)) in ticks.iter().enumerate() {
        assert_eq!(places(&replay.fetch(moved).unwrap()), *batch, "tick {n}");
    }
    let beyond = [(1, 0, i64::from(i32::MAX))];
    let error = replay.fetch(&beyond).unwrap_err();
    assert_eq!(fault::exit_code(&error), fault::exit::TRANSIENT, "{error}");
    assert_eq!(fault::exit_code(&replay.fetch(&[(9, 0, 1)]).unwrap_err()), fault::exit::USAGE);
}
