//! What a running scorer writes: answers, dead letters, and nothing twice.

use std::time::{Duration, Instant};

use crate::support::{
    LIMIT, Running, World, exactly_once, fails, get, number, score, with_address,
};
use ::routes::{Confirmations as _, Route, Scorers};
use kafka::{Outgoing, Start};

#[test]
fn every_record_is_answered_once_or_goes_to_the_dead_letters() {
    let mut world = World::new();
    let _scorer = world.scorer("a");
    let champion = world.image("Identity");
    let route = world.in_force(Route::bootstrap("s", champion.clone()));
    let bad = [
        "not json",
        "[1]",
        "{}",
        r#"{"x":NaN}"#,
        r#"{"x":"1"}"#,
        r#"{"x":1e99}"#,
        r#"{"x":1,"x":2}"#,
    ];
    for (n, value) in bad.iter().enumerate() {
        world.numbers(n as i64 * 10..n as i64 * 10 + 9);
        world.feature(n as i64 * 10 + 9, value);
    }
    let topic = || "s.features".to_owned();
    // Without value, and without key and id.
    let nothing = Outgoing { topic: topic(), partition: Some(0), ..Outgoing::default() };
    world.writer.send(&nothing).unwrap();
    let nameless = Some(br#"{"x":0.5}"#.to_vec());
    world.writer.send(&Outgoing { topic: topic(), value: nameless, ..nothing }).unwrap();
    world.writer.flush().unwrap();

    let predictions = world.read("s.predictions", 9 * bad.len() + 1);
    let (named, nameless): (Vec<_>, Vec<_>) = predictions.iter().partition(|p| p.key.is_some());
    let good = (0..10 * bad.len() as i64).filter(|n| n % 10 != 9);
    let answered: Vec<_> = named.iter().copied().cloned().collect();
    exactly_once(&answered, good);
    for record in named {
        let n = number(record);
        assert_eq!(score(record), n as f64);
        assert_eq!(i64::from(record.partition), n % 2);
        assert_eq!(record.header("id"), Some(&*format!("r{n}")));
        assert_eq!(record.header("model"), Some(&*champion.digest));
        assert_eq!(record.header("variant"), Some("champion"));
        assert_eq!(record.header("generation"), Some(&*route.generation.to_string()));
        let took: u32 = record.header("took").unwrap().parse().unwrap();
        assert!((1..10_000_000).contains(&took), "{took} µs");
        let source = record.header("source").unwrap();
        assert!(source.starts_with(&format!("s.features/{}/", n % 2)), "{source}");
    }
    let (source, id) = (nameless[0].header("source").unwrap(), nameless[0].header("id").unwrap());
    assert_eq!(source, format!("s.features/0/{}", id.strip_prefix("0-").unwrap()));
    assert_eq!(score(nameless[0]), 0.5);

    let dead = world.read("s.dead-letters", bad.len() + 1);
    for (n, value) in bad.iter().enumerate() {
        let id = format!("r{}", n * 10 + 9);
        let letter = dead.iter().find(|letter| letter.header("id") == Some(&*id)).unwrap();
        assert_eq!(letter.value.as_deref(), Some(value.as_bytes()));
        assert!(!letter.header("reason").unwrap().is_empty());
        assert!(letter.header("source").unwrap().starts_with("s.features/1/"));
    }
    assert!(dead.iter().any(|letter| letter.header("reason") == Some("the record has no value")));
}

#[test]
fn a_record_that_is_too_large_does_not_hold_up_the_stream() {
    let mut world = World::new();
    let champion = world.image("Identity");
    world.route(Route::bootstrap("s", champion));
    // As large as a record may be; with headers an answer with this key cannot be.
    let config = world.folder.path().join("kafka.properties");
    std::fs::write(&config, "message.max.bytes=20000\n").unwrap();
    let mut command = world.command("a");
    let _scorer =
        Running(command.arg(format!("--kafka-config={}", config.display())).spawn().unwrap());
    let send = |world: &mut World, key: usize, value: &str| {
        let (key, value) = (Some(vec![b'k'; key]), Some(value.as_bytes().to_vec()));
        let topic = "s.features".into();
        world.writer.send(&Outgoing { topic, key, value, ..Outgoing::default() }).unwrap();
    };
    send(&mut world, 25_000, r#"{"x":1}"#);
    send(&mut world, 1, &format!(r#"{{"y":"{}"}}"#, "y".repeat(30_000)));
    world.numbers(0..10);
    assert_eq!(world.read("s.predictions", 10).len(), 10);
    let dead = world.read("s.dead-letters", 2);
    let large = |letter: &&kafka::Record| letter.header("truncated") == Some("true");
    assert_eq!(dead.iter().filter(large).count(), 2);
    assert!(dead.iter().any(|letter| letter.header("reason").unwrap().contains("too large")));
    assert!(dead.iter().any(|letter| letter.header("reason").unwrap().contains("`x` is missing")));
}

#[test]
fn a_scorer_that_is_asked_to_end_leaves_in_order() {
    // That the next one goes on where it stopped needs a real Kafka: the memory broker keeps no offsets of
    // transactions. The pipeline tests have it.
    let mut world = World::new();
    let scorer = world.scorer("a");
    let champion = world.image("Identity");
    world.in_force(Route::bootstrap("s", champion));
    world.numbers(0..5_000);
    world.read("s.predictions", 1);
    assert_eq!(scorer.end(), Some(0));
    let mut scorers = Scorers::open(&world.kafka, "s").unwrap();
    assert!(scorers.live().unwrap().is_empty(), "it has left");
    let answered = world.kafka.extent("s.predictions").unwrap().len();
    let predictions = world.read("s.predictions", answered as usize);
    let highest = |odd: i64| predictions.iter().map(number).filter(|n| n % 2 == odd).max();
    let (even, odd) = (highest(0).unwrap_or(-2), highest(1).unwrap_or(-1));
    exactly_once(&predictions, (0..=even).step_by(2).chain((1..=odd).step_by(2)));
}

#[test]
fn wrong_configuration_and_an_absent_broker_have_their_exit_codes() {
    let world = World::new();
    let mut command = world.command("a");
    command.arg("--stream=t");
    let (code, text) = fails(command);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("topic t.features does not exist"), "{text}");

    let mut command = world.command("a");
    command.arg("--schema=/no/such.json");
    let (code, text) = fails(command);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("hint: "), "{text}");

    let mut command = world.command("a");
    command.args(["--brokers=127.0.0.1:1", "--kafka-timeout=1s"]);
    let (code, text) = fails(command);
    assert_eq!(code, Some(75), "{text}");
}

#[test]
fn metrics_and_probes_tell_how_it_stands() {
    let mut world = World::new();
    let (_scorer, address) = with_address(&mut world.command("a"));
    let champion = world.image("Identity");
    world.in_force(Route::bootstrap("s", champion.clone()));
    world.numbers(0..40);
    world.read("s.predictions", 40);
    assert!(get(&address, "/healthz", "").starts_with("HTTP/1.1 200"));
    assert!(get(&address, "/readyz", "").starts_with("HTTP/1.1 200"));
    let started = Instant::now();
    // The count follows the commit, which readers may see first.
    loop {
        let text = get(&address, "/metrics", "");
        let digest = &champion.digest;
        let line = format!(
            r#"headgate_scorer_records_total{{stream="s",variant="champion",model="{digest}"}} 40"#
        );
        if text.contains(&line) && text.contains(r#"headgate_scorer_generation{stream="s"} 1"#) {
            break;
        }
        assert!(started.elapsed() < LIMIT, "{text}");
    }
}

#[test]
fn records_at_a_trickle_share_a_transaction() {
    let mut world = World::new();
    let mut command = world.command("a");
    let (_scorer, address) = with_address(command.arg("--commit-interval=1s"));
    world.in_force(Route::bootstrap("s", world.image("Identity")));
    let started = Instant::now();
    let mut read = world.kafka.reader("s.predictions", &Start::Beginning).unwrap();
    let mut answered = 0;
    for n in 0..20 {
        world.numbers(n..n + 1);
        // Some time for it to be answered; how much does not matter.
        answered += usize::from(read.next(Duration::from_millis(10)).unwrap().is_some());
    }
    while answered < 20 {
        answered += usize::from(read.next(Duration::from_millis(100)).unwrap().is_some());
        assert!(started.elapsed() < LIMIT, "{answered} of 20");
    }
    let most = 2 + started.elapsed().as_secs();
    let text = get(&address, "/metrics", "");
    let transactions = text
        .lines()
        .find_map(|line| line.strip_prefix("headgate_scorer_transaction_seconds_count"))
        .and_then(|line| line.split_whitespace().last()?.parse::<u64>().ok())
        .unwrap_or_else(|| panic!("{text}"));
    assert!((1..=most).contains(&transactions), "{transactions} transactions, at most {most}");
}
