//! Follows the routes topic: the newest route first, then every change as it comes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use contract::kafka::{Record, Start};
use routes::{ROUTES_TOPIC, Route};

use crate::control::Event;
use crate::supervise::Shared;

/// How often the flag that asks to end is looked at; a route is there at once all the same.
const LOOK_UP: Duration = Duration::from_millis(200);
const BEFORE_NEXT_TRY: Duration = Duration::from_millis(500);

/// Runs until the scorer is asked to end.
pub(crate) fn follow(shared: &Arc<Shared>, events: &Sender<Event>) {
    let mut next = BTreeMap::new();
    while !shared.stop.is_set() {
        if let Err(error) = read(shared, events, &mut next) {
            tracing::warn!(%error, "the routes topic cannot be read; the route in force stays");
            std::thread::sleep(BEFORE_NEXT_TRY);
        }
    }
}

/// What a record of the routes topic says about one stream.
#[derive(Debug, PartialEq)]
enum Word {
    Route(Box<Route>),
    Retired,
    Unreadable(String),
}

/// Reads until asked to end; `next` is the offset after the last record by partition, over all calls.
fn read(
    shared: &Arc<Shared>,
    events: &Sender<Event>,
    next: &mut BTreeMap<i32, i64>,
) -> anyhow::Result<()> {
    let mut reader = shared.kafka.reader(ROUTES_TOPIC, &Start::Beginning)?;
    let mut known = Vec::new();
    reader.read_to_end(|record| {
        if record.offset >= next.get(&record.partition).copied().unwrap_or(0) {
            next.insert(record.partition, record.offset + 1);
            known.extend(word(&shared.stream, &record));
        }
    })?;
    // Models of routes that are no longer in force need not be loaded.
    if let Some(word) = newest(known) {
        tell(events, word);
    }
    while !shared.stop.is_set() {
        if let Some(record) = reader.next(LOOK_UP)? {
            next.insert(record.partition, record.offset + 1);
            if let Some(word) = word(&shared.stream, &record) {
                tell(events, word);
            }
        }
    }
    Ok(())
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

fn word(stream: &str, record: &Record) -> Option<Word> {
    if record.key.as_deref() != Some(stream.as_bytes()) {
        return None;
    }
    Some(match record.value.as_deref().map(serde_json::from_slice) {
        None => Word::Retired,
        Some(Ok(route)) => Word::Route(route),
        Some(Err(error)) => Word::Unreadable(error.to_string()),
    })
}

/// What counts of all that the topic holds: the usable route of the highest generation since the stream began.
fn newest(words: Vec<Word>) -> Option<Word> {
    let mut last: Option<Word> = None;
    for word in words {
        match (&word, &last) {
            (Word::Retired, _) => last = Some(word),
            (Word::Route(route), Some(Word::Route(before)))
                if route.generation <= before.generation => {}
            (Word::Route(route), _) if route.defect().is_none() => last = Some(word),
            _ => {}
        }
    }
    last
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use routes::ModelRef;

    fn route(generation: u64) -> Word {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let model = ModelRef { digest, image: "oci:images".into() };
        Word::Route(Box::new(Route { generation, ..Route::bootstrap("s", model) }))
    }

    fn record(key: &str, value: Option<&str>) -> Record {
        Record {
            partition: 0,
            offset: 0,
            timestamp_ms: 0,
            key: Some(key.as_bytes().to_vec()),
            value: value.map(|value| value.as_bytes().to_vec()),
            headers: Vec::new(),
        }
    }

    #[test]
    fn only_the_words_about_the_stream_count() {
        let Word::Route(sent) = route(3) else { panic!() };
        let json = serde_json::to_string(&sent).unwrap();
        assert_eq!(word("s", &record("s", Some(&json))), Some(route(3)));
        assert_eq!(word("t", &record("s", Some(&json))), None);
        assert_eq!(word("s", &record("s", None)), Some(Word::Retired));
        for (value, said) in [
            ("{}", "missing field `stream`"),
            ("7", "expected a route"),
            (r#"{"stream":"s","generation":1,"champion":7}"#, "a model with `digest` and `image`"),
        ] {
            let Some(Word::Unreadable(why)) = word("s", &record("s", Some(value))) else {
                panic!()
            };
            assert!(why.contains(said) && !why.contains("struct"), "{why}");
        }
    }

    #[test]
    fn the_highest_usable_generation_counts_and_a_retired_stream_begins_anew() {
        let defective = || {
            let Word::Route(mut route) = route(9) else { panic!() };
            route.champion.digest.clear();
            Word::Route(route)
        };
        let unreadable = || Word::Unreadable(String::new());
        for (words, counts) in [
            (vec![], None),
            (vec![route(1), route(3), route(2)], Some(route(3))),
            (vec![route(1), defective(), unreadable()], Some(route(1))),
            (vec![route(7), Word::Retired], Some(Word::Retired)),
            (vec![route(7), Word::Retired, route(1)], Some(route(1))),
        ] {
            assert_eq!(newest(words), counts);
        }
    }
}
