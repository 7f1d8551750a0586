//! Follows the routes topic: the newest route first, then every change as it comes.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use kafka::Start;
use routes::{Change, Changes as _, Entry, Follower, Standing};

use crate::routing::control::Event;
use crate::shared::Shared;

/// How often the flag that asks to end is looked at; a route is there at once all the same.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
const RETRY_PAUSE: Duration = Duration::from_millis(500);
/// How often it is asked whether the topic is still the one that was read.
const IDENTITY_CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// Runs until the scorer is asked to end.
pub(crate) fn follow(shared: &Arc<Shared>, events: &Sender<Event>) {
    while !shared.stop.is_set() {
        if let Err(error) = read(shared, events) {
            let error = format!("{error:#}");
            tracing::warn!(error, "the routes topic cannot be read; the route in force stays");
            std::thread::sleep(RETRY_PAUSE);
        }
    }
}

/// Reads from the beginning until asked to end, or until the topic is another one.
fn read(shared: &Arc<Shared>, events: &Sender<Event>) -> anyhow::Result<()> {
    let (kafka, stream) = (&shared.kafka, &shared.stream);
    let mut follower = Follower::open(kafka, stream, &Start::Beginning)?;
    // Models of routes that are no longer in force need not be loaded.
    for change in newest(stream, &follower.read_to_end()?) {
        send(events, change);
    }
    let mut asked = Instant::now();
    while !shared.stop.is_set() {
        if let Some(entry) = follower.next(POLL_INTERVAL)? {
            send(events, entry.change);
        }
        if asked.elapsed() > IDENTITY_CHECK_INTERVAL {
            if follower.was_made_anew(kafka)? {
                tracing::warn!("the routes topic was made anew; reading it from its beginning");
                return Ok(());
            }
            asked = Instant::now();
        }
    }
    Ok(())
}

fn send(events: &Sender<Event>, change: Change) {
    let event = match change {
        Change::Route(route) => Event::Route(route, Instant::now()),
        Change::Retired => Event::Retired,
        Change::Unreadable(why) => Event::Unreadable(why),
    };
    // Whoever would listen has ended, and so will this thread.
    let _heard = events.send(event);
}

/// What counts of all that the topic holds: the newest route that can be read, or that the stream was retired; and
/// whether the newest record is none that can be read.
///
/// A topic without a record of the stream says nothing, so that the route in force outlives a topic that was lost.
fn newest(stream: &str, entries: &[Entry]) -> Vec<Change> {
    let mut standing = Standing::default();
    for entry in entries {
        standing.apply(stream, entry);
    }
    let unreadable = standing.unreadable.map(|record| Change::Unreadable(record.to_string()));
    let route = match standing.route {
        Some(route) => Some(Change::Route(Box::new(route))),
        None => (!entries.is_empty() && unreadable.is_none()).then_some(Change::Retired),
    };
    route.into_iter().chain(unreadable).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use kafka::Record;
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
        let is = |change: &Change| match change {
            Change::Route(route) => route.generation as i64,
            Change::Retired => 0,
            Change::Unreadable(_) => -1,
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
            let entries: Vec<Entry> = records.iter().filter_map(|it| Entry::of("s", it)).collect();
            let changes: Vec<i64> = newest("s", &entries).iter().map(is).collect();
            assert_eq!(changes, counts, "{records:?}");
        }
    }
}
