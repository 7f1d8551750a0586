//! Follows the routes topic: the newest route first, then every change as it comes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use kafka::{Kafka, Record, Start};
use routes::{ROUTES_TOPIC, Standing, Word};

use crate::control::Event;
use crate::supervise::Shared;

/// How often the flag that asks to end is looked at; a route is there at once all the same.
const LOOK_UP: Duration = Duration::from_millis(200);
const BEFORE_NEXT_TRY: Duration = Duration::from_millis(500);
/// How often it is asked whether the topic is still the one that was read.
const STILL_THE_SAME: Duration = Duration::from_secs(5);

/// Runs until the scorer is asked to end.
pub(crate) fn follow(shared: &Arc<Shared>, events: &Sender<Event>) {
    while !shared.stop.is_set() {
        if let Err(error) = read(shared, events) {
            let error = format!("{error:#}");
            tracing::warn!(error, "the routes topic cannot be read; the route in force stays");
            std::thread::sleep(BEFORE_NEXT_TRY);
        }
    }
}

/// Reads from the beginning until asked to end, or until the topic is another one.
fn read(shared: &Arc<Shared>, events: &Sender<Event>) -> anyhow::Result<()> {
    let mut reader = shared.kafka.reader(ROUTES_TOPIC, &Start::Beginning)?;
    let (mut next, mut known) = (BTreeMap::new(), Vec::new());
    reader.read_to_end(|record| {
        next.insert(record.partition, record.offset + 1);
        known.push(record);
    })?;
    // Models of routes that are no longer in force need not be loaded.
    for word in newest(&shared.stream, &known) {
        tell(events, word);
    }
    drop(known);
    let mut asked = Instant::now();
    while !shared.stop.is_set() {
        if let Some(record) = reader.next(LOOK_UP)? {
            next.insert(record.partition, record.offset + 1);
            if let Some(word) = Word::of(&shared.stream, &record) {
                tell(events, word);
            }
        }
        if asked.elapsed() > STILL_THE_SAME {
            if was_made_anew(&shared.kafka, &next)? {
                tracing::warn!("the routes topic was made anew; reading it from its beginning");
                return Ok(());
            }
            asked = Instant::now();
        }
    }
    Ok(())
}

/// Whether the topic ends before what was read of it: it was lost and made anew.
fn was_made_anew(kafka: &Kafka, next: &BTreeMap<i32, i64>) -> anyhow::Result<bool> {
    let extent = kafka.extent(ROUTES_TOPIC)?;
    let end = |partition| extent.0.get(partition).map_or(0, |(_, end)| *end);
    Ok(next.iter().any(|(partition, next)| end(partition) < *next))
}

fn tell(events: &Sender<Event>, word: Word) {
    let event = match word {
        Word::Route(route) => Event::Route(route, Instant::now()),
        Word::Retired => Event::Retired,
        Word::Unreadable(why) => Event::Unreadable(why),
    };
    // Whoever would listen has ended, and so will this thread.
    let _heard = events.send(event);
}

/// What counts of all that the topic holds: the newest route that can be read, or that the stream was retired; and
/// whether the newest record is none that can be read.
///
/// A topic without a word about the stream says nothing, so that the route in force outlives a topic that was lost.
fn newest(stream: &str, records: &[Record]) -> Vec<Word> {
    let (mut standing, mut is_known) = (Standing::default(), false);
    for record in records {
        is_known |= standing.take(stream, record).is_some();
    }
    let unreadable = standing.unreadable.map(|record| Word::Unreadable(record.to_string()));
    let route = match standing.route {
        Some(route) => Some(Word::Route(Box::new(route))),
        None => (is_known && unreadable.is_none()).then_some(Word::Retired),
    };
    route.into_iter().chain(unreadable).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use routes::{ModelRef, Route};

    fn route(generation: u64) -> Route {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let model = ModelRef { digest, image: "oci:images".into() };
        Route { generation, ..Route::bootstrap("s", model) }
    }

    fn record(key: &str, value: Option<Vec<u8>>) -> Record {
        let (key, headers) = (Some(key.as_bytes().to_vec()), Vec::new());
        Record { partition: 0, offset: 0, timestamp_ms: 0, key, value, headers }
    }

    fn good(generation: u64) -> Record {
        record("s", Some(serde_json::to_vec(&route(generation)).unwrap()))
    }

    #[test]
    fn the_highest_usable_generation_counts_and_a_retired_stream_begins_anew() {
        let garbage = || record("s", Some(b"{}".to_vec()));
        let retired = || record("s", None);
        let is = |word: &Word| match word {
            Word::Route(route) => route.generation as i64,
            Word::Retired => 0,
            Word::Unreadable(_) => -1,
        };
        for (records, counts) in [
            (vec![], vec![]),
            (vec![record("t", None)], vec![]),
            (vec![good(1), good(3), good(2)], vec![3]),
            (vec![good(1), garbage()], vec![1, -1]),
            (vec![garbage()], vec![-1]),
            (vec![good(7), retired()], vec![0]),
            (vec![good(7), retired(), good(1)], vec![1]),
        ] {
            let words: Vec<i64> = newest("s", &records).iter().map(is).collect();
            assert_eq!(words, counts, "{records:?}");
        }
    }
}
