//! The seam between the steps and whatever splits a stream's traffic.
//!
//! A step asks [`of`] for the [`Traffic`] of its stream and never knows how it is moved. Another target (a service mesh,
//! an inference server's own canary) is another implementation of these four traits and one more arm in [`of`].
//! What all of them speak is the [`Route`]: champion, candidate and share, generation, and how keys are split.

use std::sync::Arc;
use std::time::Duration;

use contract::Context;
use contract::stop::Stop;
use kafka::{Kafka, Start};

use crate::change::{Standing, Unreadable};
use crate::{
    Confirmation, Decision, Entry, Follower, Route, Routes, ScorerStatus, Scorers, follow,
};

/// Who answers which share of one stream, who may change it, and who confirms it.
pub trait Traffic: Send + Sync {
    /// What stands now, also where the newest word about it cannot be read. Disturbs nobody.
    ///
    /// # Errors
    /// The target is away.
    fn standing(&self) -> anyhow::Result<Standing>;

    /// Every change that is still known, oldest first.
    ///
    /// # Errors
    /// The target is away.
    fn history(&self) -> anyhow::Result<Vec<Entry>>;

    /// The changes from now on, whoever makes them.
    ///
    /// # Errors
    /// The target is away.
    fn changes(&self) -> anyhow::Result<Box<dyn Changes>>;

    /// Becomes the one writer: every earlier one can change nothing any more.
    ///
    /// # Errors
    /// The target is away, or what stands cannot be read (exit 2).
    fn writer(&self) -> anyhow::Result<Box<dyn RouteWriter>>;

    /// As [`Traffic::writer`], going on from the newest route that can be read: the way back must not be barred.
    ///
    /// # Errors
    /// The target is away, or no route at all can be read though something stands there.
    fn writer_from_last_readable(&self) -> anyhow::Result<Box<dyn RouteWriter>>;

    /// Those who answer and confirm.
    ///
    /// # Errors
    /// The target is away.
    fn confirmations(&self) -> anyhow::Result<Box<dyn Confirmations>>;

    /// The route in force, for whoever rests a verdict on it.
    ///
    /// # Errors
    /// The target is away, or what stands cannot be read (exit 2): that is not "no route".
    fn route(&self) -> anyhow::Result<Option<Route>> {
        self.standing()?.certain()
    }
}

/// The one writer of a stream's route, until someone else becomes it.
pub trait RouteWriter: Send {
    /// The route in force, if the stream has one.
    fn current(&self) -> Option<&Route>;

    /// What stood in the newest place and is no route; nothing once something was written over it.
    fn unreadable(&self) -> Option<&Unreadable>;

    /// Writes `route` as the next generation in the name of `release`, with the decision that led to it, and returns it as
    /// written.
    ///
    /// A champion that is another than before counts as promoted by `release`, and a candidate as tried by it, unless the
    /// route says otherwise.
    ///
    /// # Errors
    /// Someone else became the writer, or the target is away: then nothing was changed, or nobody can know yet.
    fn write(
        &mut self,
        route: Route,
        release: &str,
        reason: &str,
        decision: Option<Decision>,
    ) -> anyhow::Result<Route>;

    /// Takes the stream's route away, in the name of `release`: nobody answers it until it is bootstrapped once more.
    ///
    /// # Errors
    /// As [`RouteWriter::write`].
    fn retire(&mut self, release: &str, reason: &str) -> anyhow::Result<()>;
}

/// Those who answer a stream, and which route each has in force.
pub trait Confirmations: Send {
    /// The last status of every one that is live now.
    ///
    /// # Errors
    /// The target is away.
    fn live(&mut self) -> anyhow::Result<Vec<ScorerStatus>>;

    /// Waits until at least one is known to be live; whether one is.
    ///
    /// # Errors
    /// The stream or the target is away, or the process was asked to end.
    fn await_any(&mut self, limit: Duration, stop: &Stop) -> anyhow::Result<bool>;

    /// Waits until every live one, and at least one, has this very route in force.
    ///
    /// # Errors
    /// The target is away, or the process was asked to end.
    fn confirm(
        &mut self,
        route: &Route,
        limit: Duration,
        stop: &Stop,
    ) -> anyhow::Result<Confirmation>;
}

/// The changes of a stream's route as they come.
pub trait Changes: Send {
    /// The next change; `None` where nothing came for `wait`.
    ///
    /// # Errors
    /// The target is away.
    fn next(&mut self, wait: Duration) -> anyhow::Result<Option<Entry>>;
}

/// The traffic of the stream that `context` is about.
pub fn of(context: &Context) -> Arc<dyn Traffic> {
    Arc::new(RoutesTopic::of(&context.kafka, &context.common.stream))
}

/// Traffic that the stream's own scorers split by the routes topic.
pub struct RoutesTopic {
    kafka: Kafka,
    stream: String,
}

impl RoutesTopic {
    pub fn of(kafka: &Kafka, stream: &str) -> Self {
        Self { kafka: kafka.clone(), stream: stream.to_owned() }
    }
}

impl Traffic for RoutesTopic {
    fn standing(&self) -> anyhow::Result<Standing> {
        follow::standing(&self.kafka, &self.stream)
    }

    fn history(&self) -> anyhow::Result<Vec<Entry>> {
        follow::history(&self.kafka, &self.stream)
    }

    fn changes(&self) -> anyhow::Result<Box<dyn Changes>> {
        Ok(Box::new(Follower::open(&self.kafka, &self.stream, &Start::End)?))
    }

    fn writer(&self) -> anyhow::Result<Box<dyn RouteWriter>> {
        Ok(Box::new(Routes::open(&self.kafka, &self.stream)?))
    }

    fn writer_from_last_readable(&self) -> anyhow::Result<Box<dyn RouteWriter>> {
        Ok(Box::new(Routes::open_last_readable(&self.kafka, &self.stream)?))
    }

    fn confirmations(&self) -> anyhow::Result<Box<dyn Confirmations>> {
        Ok(Box::new(Scorers::open(&self.kafka, &self.stream)?))
    }
}
