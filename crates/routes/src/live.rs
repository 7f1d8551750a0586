//! Who of the scorers is live, by their statuses. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka::Record;

use crate::status::{HEARTBEAT, LIVE_FOR};
use crate::{Route, ScorerStatus};

/// The scorers of one stream, each with how long it has been silent.
///
/// Times of records play no part: they are by the clocks of others.
pub(crate) struct Live {
    stream: String,
    scorers: BTreeMap<String, LiveScorer>,
}

struct LiveScorer {
    /// What its status is, or why it cannot be read: then it is there all the same, and has confirmed nothing.
    status: Result<ScorerStatus, String>,
    silent: Duration,
    /// Heard again after its first status, which may be an old one.
    again: bool,
}

impl Live {
    pub(crate) fn of(stream: &str) -> Self {
        Self { stream: stream.to_owned(), scorers: BTreeMap::new() }
    }

    /// Takes a record of the scorers topic.
    pub(crate) fn take(&mut self, record: &Record) {
        let key = String::from_utf8_lossy(record.key.as_deref().unwrap_or_default()).into_owned();
        let Some((stream, name)) = key.rsplit_once('/') else { return };
        if stream != self.stream {
            return;
        }
        let Some(value) = record.value.as_deref() else {
            self.scorers.remove(name);
            return;
        };
        let status = match serde_json::from_slice::<ScorerStatus>(value) {
            Ok(status) if status.key() == key => Ok(status),
            Ok(status) => Err(format!("it names {}", status.key())),
            Err(error) => Err(error.to_string()),
        };
        if let Err(why) = &status {
            tracing::warn!(scorer = name, why, "a scorer's status cannot be read");
        }
        let again = self.scorers.contains_key(name);
        self.scorers.insert(name.to_owned(), LiveScorer { status, silent: Duration::ZERO, again });
    }

    /// Time has passed in which every status would have been heard.
    pub(crate) fn passed(&mut self, gap: Duration) {
        // After a longer gap, in which this process itself may have stood still, its readers have to catch up first.
        let gap = gap.min(HEARTBEAT);
        self.scorers.values_mut().for_each(|scorer| scorer.silent += gap);
        self.scorers.retain(|_, scorer| scorer.silent < LIVE_FOR);
    }

    /// Whether one was heard since the beginning, so that it surely lives.
    pub(crate) fn is_proven(&self) -> bool {
        self.scorers.values().any(|scorer| scorer.again)
    }

    /// The statuses of all that are live and can be read.
    pub(crate) fn statuses(&self) -> Vec<ScorerStatus> {
        self.scorers.values().filter_map(|scorer| scorer.status.as_ref().ok().cloned()).collect()
    }

    /// The live scorers that do not have this very route in force.
    pub(crate) fn without(&self, route: &Route) -> Vec<String> {
        let lacks =
            |scorer: &LiveScorer| scorer.status.as_ref().is_ok_and(|s| !s.has_in_force(route));
        self.scorers
            .iter()
            .filter_map(|(name, scorer)| match &scorer.status {
                Err(_) => Some(format!("{name} (its status cannot be read)")),
                Ok(_) => lacks(scorer).then(|| name.clone()),
            })
            .collect()
    }
}

/// The record of a status, by a clock that is far off.
#[cfg(test)]
pub(crate) fn record_of(status: &ScorerStatus) -> Record {
    Record {
        partition: 0,
        offset: 0,
        timestamp_ms: 0,
        key: Some(status.key().into_bytes()),
        value: serde_json::to_vec(status).ok(),
        headers: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ScorerState;

    fn status(scorer: &str) -> ScorerStatus {
        ScorerStatus {
            stream: "s".into(),
            scorer: scorer.into(),
            route: "x".into(),
            generation: 1,
            state: ScorerState::Ready,
            seen_route: "x".into(),
            seen: 1,
            error: None,
            fallbacks: 0,
        }
    }

    fn names(live: &Live) -> Vec<String> {
        live.statuses().into_iter().map(|status| status.scorer).collect()
    }

    #[test]
    fn whatever_the_clocks_of_others_say_a_scorer_is_live_until_it_was_silent() {
        for timestamp_ms in [0, -1, 1_700_000_000_000, i64::MAX] {
            let mut live = Live::of("s");
            for scorer in ["a", "b", "c"] {
                live.take(&Record { timestamp_ms, ..record_of(&status(scorer)) });
            }
            for _ in 0..49 {
                live.passed(Duration::from_millis(100));
                live.take(&Record { timestamp_ms, ..record_of(&status("a")) });
            }
            assert_eq!(names(&live), ["a", "b", "c"], "{timestamp_ms}");
            live.passed(Duration::from_millis(100));
            assert_eq!(names(&live), ["a"], "{timestamp_ms}");
        }
    }

    #[test]
    fn a_step_that_stood_still_itself_declares_nobody_dead() {
        let mut live = Live::of("s");
        live.take(&record_of(&status("a")));
        live.passed(Duration::from_secs(3600));
        assert_eq!(names(&live), ["a"]);
    }

    #[test]
    fn an_old_status_proves_no_life_and_a_second_one_does() {
        let mut live = Live::of("s");
        live.take(&record_of(&status("a")));
        assert!(!live.is_proven());
        live.take(&record_of(&status("a")));
        assert!(live.is_proven());
    }

    #[test]
    fn who_cannot_be_understood_is_waited_for_and_who_left_is_not() {
        let route = {
            let model = crate::ModelRef { digest: String::new(), image: String::new() };
            Route { id: "x".into(), generation: 1, ..Route::bootstrap("s", model) }
        };
        let mut live = Live::of("s");
        live.take(&record_of(&status("a")));
        assert!(live.without(&route).is_empty());
        for value in [&b"{}"[..], b"", br#"{"generation":1}"#] {
            live.take(&Record { value: Some(value.to_vec()), ..record_of(&status("b")) });
            assert_eq!(live.without(&route), ["b (its status cannot be read)"]);
        }
        // It says that it is another one.
        let value = record_of(&status("c")).value;
        live.take(&Record { value, ..record_of(&status("b")) });
        assert_eq!(live.without(&route), ["b (its status cannot be read)"]);
        live.take(&Record { value: None, ..record_of(&status("b")) });
        assert!(live.without(&route).is_empty());
        let elsewhere = ScorerStatus { stream: "t".into(), ..status("d") };
        live.take(&record_of(&elsewhere));
        assert_eq!(names(&live), ["a"]);
    }
}
