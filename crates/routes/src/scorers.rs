//! Waiting until every live scorer has confirmed a route.

use std::fmt;
use std::time::{Duration, Instant};

use contract::stop::Stop;
use kafka::{Kafka, Reader, Start};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use words::{list, plural};

use crate::live::Live;
use crate::route::MAX_GENERATION;
use crate::{Confirmations, Route, SCORERS_TOPIC, ScorerState, ScorerStatus, span};

/// Follows the scorers of one stream.
pub struct Scorers {
    reader: Reader,
    live: Live,
    looked: Instant,
}

/// How waiting for a route ended; decision records hold it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Confirmation {
    /// Every live scorer has it in force.
    Confirmed {
        scorers: Vec<String>,
        #[serde(rename = "after_seconds", with = "seconds")]
        #[schemars(with = "f64")]
        after: Duration,
    },
    /// A scorer said that it cannot: who, and why.
    Refused { scorer: String, error: String },
    /// Time ran out: who is missing, or nobody is live at all.
    TimedOut { missing: Vec<String> },
}

mod seconds {
    use std::time::Duration;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(it: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(it.as_secs_f64())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(from)?).map_err(D::Error::custom)
    }
}

impl Scorers {
    /// Starts to follow the scorers of `stream`.
    ///
    /// Whoever has a status there counts as live until it was silent for as long as this waits, by this machine's steady
    /// clock: no two clocks are compared. So one that died costs that long, and none that lives is forgotten.
    ///
    /// # Errors
    /// The broker is away, or the scorers topic is missing.
    pub fn open(kafka: &Kafka, stream: &str) -> anyhow::Result<Self> {
        let mut reader = kafka.reader(SCORERS_TOPIC, &Start::Beginning)?;
        let mut live = Live::of(stream);
        reader.read_to_end(|record| live.take(&record))?;
        Ok(Self { reader, live, looked: Instant::now() })
    }

    /// Takes in what arrives, for as long as `wait` where nothing is there.
    fn look(&mut self, mut wait: Duration) -> anyhow::Result<()> {
        while let Some(record) = self.reader.next(wait)? {
            self.live.take(&record);
            wait = Duration::ZERO;
        }
        // While nothing could be heard, nobody's silence means anything.
        let gap = self.looked.elapsed();
        self.looked = Instant::now();
        if !self.reader.is_cut_off() {
            self.live.passed(gap);
        }
        Ok(())
    }
}

impl Confirmations for Scorers {
    fn live(&mut self) -> anyhow::Result<Vec<ScorerStatus>> {
        self.look(Duration::ZERO)?;
        Ok(self.live.statuses())
    }

    fn await_any(&mut self, limit: Duration, stop: &Stop) -> anyhow::Result<bool> {
        let started = Instant::now();
        loop {
            stop.check()?;
            self.look(Duration::from_millis(50))?;
            if self.live.is_proven() {
                return Ok(true);
            }
            if started.elapsed() >= limit {
                return Ok(false);
            }
        }
    }

    fn confirm(
        &mut self,
        route: &Route,
        limit: Duration,
        stop: &Stop,
    ) -> anyhow::Result<Confirmation> {
        let started = Instant::now();
        loop {
            stop.check()?;
            self.look(Duration::ZERO)?;
            if let Some(answer) = judge(&self.live, route, started.elapsed()) {
                return Ok(answer);
            }
            if started.elapsed() >= limit {
                return Ok(Confirmation::TimedOut { missing: self.live.without(route) });
            }
            self.look(Duration::from_millis(50))?;
        }
    }
}

/// The highest generation that a scorer of `stream` says it has seen, live or not.
///
/// # Errors
/// The broker is away, or the scorers topic is missing.
pub(crate) fn highest_seen(kafka: &Kafka, stream: &str) -> anyhow::Result<u64> {
    let mut live = Live::of(stream);
    kafka.reader(SCORERS_TOPIC, &Start::Beginning)?.read_to_end(|record| live.take(&record))?;
    let seen = live.statuses().into_iter().flat_map(|status| [status.generation, status.seen]);
    // What nobody can have written must not bar the way for ever.
    Ok(seen.filter(|generation| *generation < MAX_GENERATION).max().unwrap_or(0))
}

/// The answer that the live scorers give now; `None` while some are still under way.
fn judge(live: &Live, route: &Route, after: Duration) -> Option<Confirmation> {
    let statuses = live.statuses();
    let failed =
        |status: &&ScorerStatus| status.has_seen(route) && status.state == ScorerState::Failed;
    if let Some(status) = statuses.iter().find(failed) {
        let error = status.error.clone().unwrap_or_else(|| "it did not say why".into());
        return Some(Confirmation::Refused { scorer: status.scorer.clone(), error });
    }
    let all = !statuses.is_empty() && live.without(route).is_empty();
    let scorers = || statuses.iter().map(|status| status.scorer.clone()).collect();
    all.then(|| Confirmation::Confirmed { scorers: scorers(), after })
}

impl fmt::Display for Confirmation {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Confirmed { scorers, after } => {
                write!(
                    to,
                    "{} confirmed in {}",
                    plural(scorers.len() as u64, "scorer"),
                    span(*after)
                )
            }
            Self::Refused { scorer, error } => write!(to, "scorer {scorer} cannot: {error}"),
            Self::TimedOut { missing } if missing.is_empty() => {
                write!(to, "no scorer of this stream is live")
            }
            Self::TimedOut { missing } => write!(to, "not confirmed by {}", list(missing)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ModelRef;
    use crate::live::record_of;

    fn route(id: &str, generation: u64) -> Route {
        let model = ModelRef { digest: String::new(), image: String::new() };
        Route { id: id.into(), generation, ..Route::bootstrap("s", model) }
    }

    fn status(scorer: &str, in_force: &Route, seen: &Route, state: ScorerState) -> ScorerStatus {
        let error = (state == ScorerState::Failed).then(|| "no such image".to_owned());
        ScorerStatus {
            stream: "s".into(),
            scorer: scorer.into(),
            route: in_force.id.clone(),
            generation: in_force.generation,
            state,
            seen_route: seen.id.clone(),
            seen: seen.generation,
            error,
            fallbacks: 0,
        }
    }

    fn judged(statuses: &[ScorerStatus], wanted: &Route) -> Option<Confirmation> {
        let mut live = Live::of("s");
        statuses.iter().for_each(|status| live.take(&record_of(status)));
        judge(&live, wanted, Duration::ZERO)
    }

    #[test]
    fn a_route_counts_only_when_every_live_scorer_has_this_very_one() {
        use ScorerState::{Failed, Loading, Ready};
        let (six, seven) = (route("x", 6), route("y", 7));
        // Of a topic that was lost, or of one that was brought back from a copy.
        let (higher, same) = (route("lost", 9), route("lost", 7));
        let has = |scorer: &str, route: &Route| status(scorer, route, route, Ready);
        for (statuses, confirmed) in [
            (vec![], false),
            (vec![has("a", &seven), status("b", &six, &seven, Loading)], false),
            (vec![has("a", &seven), has("b", &six)], false),
            (vec![has("a", &seven), has("b", &seven)], true),
            (vec![has("a", &higher)], false),
            (vec![has("a", &same)], false),
            (vec![has("a", &seven), has("b", &higher)], false),
        ] {
            let answer = judged(&statuses, &seven);
            assert_eq!(answer.is_some(), confirmed, "{statuses:?}");
            assert!(matches!(answer, None | Some(Confirmation::Confirmed { .. })));
        }
        let refused = judged(&[has("a", &seven), status("b", &six, &seven, Failed)], &seven);
        let (scorer, error) = ("b".into(), "no such image".into());
        assert_eq!(refused, Some(Confirmation::Refused { scorer, error }));
        // It failed on another one.
        assert_eq!(judged(&[status("b", &six, &higher, Failed)], &seven), None);
    }

    #[test]
    fn answers_read_as_people_say_them() {
        let confirmed = |scorers: &[&str]| Confirmation::Confirmed {
            scorers: scorers.iter().map(|name| (*name).to_owned()).collect(),
            after: Duration::from_micros(8),
        };
        for (answer, words) in [
            (confirmed(&["a"]), "1 scorer confirmed in less than 1 ms"),
            (confirmed(&["a", "b"]), "2 scorers confirmed in less than 1 ms"),
            (Confirmation::TimedOut { missing: vec![] }, "no scorer of this stream is live"),
            (
                Confirmation::TimedOut { missing: vec!["a".into(), "b".into()] },
                "not confirmed by a and b",
            ),
        ] {
            assert_eq!(answer.to_string(), words);
        }
    }
}
