//! Reading and changing the route of a stream.

use anyhow::Context;
use contract::kafka::{FencedWriter, Kafka, Outgoing, Start};

use crate::{ROUTES_TOPIC, Route};

/// The one writer of a stream's route.
///
/// Opening it fences every earlier writer of the same stream, so the route it read stays the newest until it
/// writes itself, or until someone else opens one: then its next write fails and changes nothing.
pub struct Routes {
    writer: FencedWriter,
    stream: String,
    current: Option<Route>,
}

/// The route of `stream`, without becoming its writer.
///
/// # Errors
/// The broker is away, or the routes topic is missing.
pub fn read(kafka: &Kafka, stream: &str) -> anyhow::Result<Option<Route>> {
    let mut newest: Option<Route> = None;
    let mut unread = None;
    kafka.reader(ROUTES_TOPIC, &Start::Beginning)?.read_to_end(|record| {
        if record.key.as_deref() != Some(stream.as_bytes()) {
            return;
        }
        match record.value.as_deref().map(serde_json::from_slice::<Route>) {
            // The stream was retired.
            None => newest = None,
            Some(Ok(route))
                if newest.as_ref().is_none_or(|last| last.generation < route.generation) =>
            {
                newest = Some(route);
            }
            Some(Ok(stale)) => {
                tracing::warn!(generation = stale.generation, "passed over a stale route")
            }
            Some(Err(error)) => unread = Some((record.offset, error)),
        }
    })?;
    if let Some((offset, error)) = unread {
        tracing::warn!(offset, %error, "passed over a record that is no route");
    }
    Ok(newest)
}

impl Routes {
    /// Becomes the writer of `stream`'s route and reads it.
    ///
    /// # Errors
    /// The broker is away, or the routes topic is missing.
    pub fn open(kafka: &Kafka, stream: &str) -> anyhow::Result<Self> {
        let writer = kafka.fenced_writer(&format!("headgate-routes-{stream}"))?;
        // Only after fencing: what is read now cannot be overtaken by an earlier writer.
        let current = read(kafka, stream)?;
        Ok(Self { writer, stream: stream.to_owned(), current })
    }

    /// The route in force, if the stream has one.
    pub fn current(&self) -> Option<&Route> {
        self.current.as_ref()
    }

    /// Writes `route` as the next generation, in the name of `release`, and returns it as written.
    ///
    /// # Errors
    /// Someone else became the writer, or the broker is away: then nothing was changed, or nobody can know yet.
    pub fn write(&mut self, route: Route, release: &str, reason: &str) -> anyhow::Result<Route> {
        let route = Route {
            generation: self.current.as_ref().map_or(0, |last| last.generation) + 1,
            release: release.to_owned(),
            reason: reason.to_owned(),
            at: contract::event::now(),
            ..route
        };
        if let Some(defect) = route.defect() {
            anyhow::bail!(contract::usage(
                format!("the route of {} would be unusable: {defect}", self.stream),
                "check the model digest and the shares given to this step",
            ));
        }
        let record = Outgoing {
            topic: ROUTES_TOPIC.into(),
            key: Some(self.stream.clone().into_bytes()),
            value: Some(serde_json::to_vec(&route)?),
            ..Outgoing::default()
        };
        self.writer
            .write(&record)
            .with_context(|| format!("write the route of {}", self.stream))?;
        tracing::info!(
            generation = route.generation,
            share = route.share(),
            reason,
            "route written"
        );
        self.current = Some(route.clone());
        Ok(route)
    }
}
