//! Lines of log that repeat: the engine writes some of its warnings at every call, which is every batch.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a place in the engine's code stays silent after a line.
const SILENCE: Duration = Duration::from_secs(600);
/// The most places that are remembered; the engine has some hundred that warn.
const PLACES: usize = 1000;

/// Lets through one line of a place now and then, and counts the rest.
#[derive(Debug, Default)]
pub(crate) struct Quiet(Mutex<HashMap<String, Place>>);

#[derive(Debug)]
struct Place {
    said: Instant,
    since: u64,
}

impl Quiet {
    /// How many lines of this place were kept back since the last one, if one may be written at `now`.
    pub(crate) fn may_say(&self, place: &str, now: Instant) -> Option<u64> {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = places.get_mut(place) {
            if now.saturating_duration_since(known.said) < SILENCE {
                known.since += 1;
                return None;
            }
            known.said = now;
            return Some(std::mem::take(&mut known.since));
        }
        if places.len() >= PLACES {
            return None;
        }
        places.insert(place.to_owned(), Place { said: now, since: 0 });
        Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_repeats_is_written_now_and_then_with_its_count() {
        let (quiet, start) = (Quiet::default(), Instant::now());
        let says = |place, seconds| quiet.may_say(place, start + Duration::from_secs(seconds));
        assert_eq!(says("a.cc:1", 0), Some(0));
        assert_eq!(says("b.cc:2", 0), Some(0), "another place");
        for second in 1..=500 {
            assert_eq!(says("a.cc:1", second), None);
        }
        assert_eq!(says("a.cc:1", 601), Some(500));
        assert_eq!(says("a.cc:1", 602), None);
    }

    #[test]
    fn it_remembers_only_so_many_places() {
        let (quiet, now) = (Quiet::default(), Instant::now());
        let said = (0..3 * PLACES).filter(|n| quiet.may_say(&n.to_string(), now).is_some()).count();
        assert_eq!(said, PLACES);
    }
}
