//! Reading and changing the route of a stream.

use std::hash::{BuildHasher, Hasher, RandomState};

use anyhow::Context;
use kafka::{FencedWriter, Kafka, Outgoing};

use crate::change::{Standing, Unreadable};
use crate::follow::standing;
use crate::route::{Decision, Stamp};
use crate::{ROUTES_TOPIC, Route, RouteWriter, scorers};

/// The one writer of a stream's route.
///
/// Opening it fences every earlier writer of the same stream, so the route it read stays the newest until it
/// writes itself, or until someone else opens one: then its next write fails and changes nothing.
pub struct Routes {
    writer: FencedWriter,
    stream: String,
    current: Option<Route>,
    unreadable: Option<Unreadable>,
    /// Every generation that is written is above it: what the topic holds or held, and what any scorer says it has seen.
    floor: u64,
    /// The topic has less than scorers have seen, so it is not the one that they followed.
    went_back: bool,
}

impl Routes {
    /// Becomes the writer of `stream`'s route and reads it.
    ///
    /// # Errors
    /// The broker is away, a topic is missing, or the stream's newest record is no route.
    pub fn open(kafka: &Kafka, stream: &str) -> anyhow::Result<Self> {
        let routes = Self::open_last_readable(kafka, stream)?;
        match &routes.unreadable {
            None => Ok(routes),
            Some(unreadable) => Err(unreadable.fault(routes.current())),
        }
    }

    /// As [`Routes::open`], for whoever goes on from the newest route that can be read where the newest record is none:
    /// the way back must not be barred by a record that nobody can read.
    ///
    /// # Errors
    /// The broker is away, a topic is missing, or no route at all can be read though there is a record.
    pub fn open_last_readable(kafka: &Kafka, stream: &str) -> anyhow::Result<Self> {
        let writer = kafka.fenced_writer(&format!("headgate-routes-{stream}"))?;
        // Only after fencing: what is read now cannot be overtaken by an earlier writer.
        let Standing { route: current, unreadable, highest } = standing(kafka, stream)?;
        if let (None, Some(unreadable)) = (&current, &unreadable) {
            return Err(unreadable.fault(None));
        }
        let reported = scorers::highest_seen(kafka, stream)?;
        let went_back = current.as_ref().is_some_and(|route| reported > route.generation);
        if went_back {
            tracing::warn!(
                reported,
                "the scorers have seen later routes than the topic holds: a new epoch begins with the next one"
            );
        }
        let floor = highest.max(reported);
        Ok(Self { writer, stream: stream.to_owned(), current, unreadable, floor, went_back })
    }

    fn send(
        &mut self,
        value: Option<Vec<u8>>,
        headers: Vec<(String, Vec<u8>)>,
    ) -> anyhow::Result<()> {
        let (topic, key) = (ROUTES_TOPIC.to_owned(), Some(self.stream.clone().into_bytes()));
        let record = Outgoing { topic, key, value, headers, ..Outgoing::default() };
        self.writer
            .write(&record)
            .with_context(|| format!("write the route of {}", self.stream))?;
        self.unreadable = None;
        Ok(())
    }
}

impl RouteWriter for Routes {
    fn current(&self) -> Option<&Route> {
        self.current.as_ref()
    }

    fn unreadable(&self) -> Option<&Unreadable> {
        self.unreadable.as_ref()
    }

    fn write(
        &mut self,
        route: Route,
        release: &str,
        reason: &str,
        decision: Option<Decision>,
    ) -> anyhow::Result<Route> {
        let stamp = Stamp {
            id: unique(&self.stream, release),
            generation: self.floor.saturating_add(1),
            begins: self.went_back,
            release,
            reason,
            decision,
        };
        let route = Route { stream: self.stream.clone(), ..route };
        let route = route.stamped(self.current.as_ref(), stamp);
        if let Some(defect) = route.defect() {
            anyhow::bail!(fault::usage(
                format!("the next route of the stream {} would be unusable: {defect}", self.stream),
                "check the model digest and the shares given to this step, and who wrote the route before",
            ));
        }
        self.send(Some(serde_json::to_vec(&route)?), Vec::new())?;
        tracing::info!(
            generation = route.generation,
            share = route.share(),
            reason,
            "route written"
        );
        (self.floor, self.went_back) = (route.generation, false);
        self.current = Some(route.clone());
        Ok(route)
    }

    fn retire(&mut self, release: &str, reason: &str) -> anyhow::Result<()> {
        let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
        self.send(None, vec![header("release", release), header("reason", reason)])?;
        tracing::info!(reason, "route taken away");
        self.current = None;
        Ok(())
    }
}

/// An id that no other route has.
fn unique(stream: &str, release: &str) -> String {
    // Its keys are random; the moment alone would do where clocks never go back.
    let random = RandomState::new().build_hasher().finish().to_string();
    contract::event::id([stream, release, &contract::event::now(), &random])
}
