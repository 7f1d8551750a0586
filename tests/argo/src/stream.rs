//! A live stream of a scenario: its topics, the telemetry on it, its scorer on the cluster, and the audit.

use std::time::Duration;

use anyhow::{Context, ensure};
use kafka::{Kafka, TopicSpec, Window};
use routes::Route;
use testkit::audit::{Audit, Findings};
use testkit::replay::{Pace, Replay};

use crate::cluster::{Cluster, PATIENCE, until};
use crate::world::World;

/// Records a second; a cluster on a laptop answers that beside everything else.
const RATE: u32 = 400;
const PARTITIONS: i32 = 2;

/// A stream that is answered.
pub struct Stream {
    pub name: String,
    pub kafka: Kafka,
    cluster: Cluster,
    replay: Replay,
    audit: Audit,
}

impl Stream {
    /// Makes the topics, starts a scorer on the cluster and lets the telemetry flow.
    ///
    /// # Errors
    /// Kafka or the cluster refuses, or the scorer does not become ready.
    pub fn start(world: &World, name: &str) -> anyhow::Result<Self> {
        let kafka = world.kafka()?;
        kafka.create_topics(&TopicSpec::of_stream(name, PARTITIONS))?;
        world.install_scorer(name)?;
        let audit = Audit::start(&kafka, name)?;
        let pace = Pace {
            stream: name.to_owned(),
            partitions: PARTITIONS,
            rate: RATE,
            label_delay: Duration::from_millis(500),
        };
        let replay = Replay::start(&kafka, pace, world.readings.to_vec())?;
        let cluster = world.cluster.clone();
        until(PATIENCE, &format!("the scorer of {name} ready"), || {
            let set = cluster.get("statefulset", &format!("{name}-scorer"))?;
            Ok(set.filter(|set| set["status"]["readyReplicas"] == 1).map(drop))
        })?;
        Ok(Self { name: name.to_owned(), kafka, cluster, replay, audit })
    }

    /// The route in force.
    ///
    /// # Errors
    /// Kafka is away, or the stream has none.
    pub fn route(&self) -> anyhow::Result<Route> {
        routes::read(&self.kafka, &self.name)?
            .with_context(|| format!("{} has no route", self.name))
    }

    /// Waits until the route is as asked.
    ///
    /// # Errors
    /// It did not become so in time.
    pub fn await_route(
        &self,
        limit: Duration,
        what: &str,
        wanted: impl Fn(&Route) -> bool,
    ) -> anyhow::Result<Route> {
        until(limit, what, || Ok(Some(self.route()?).filter(|route| wanted(route))))
    }

    /// Ends the stream and the scorer; fails unless every record was answered exactly once, by who had a share of it.
    ///
    /// # Errors
    /// That was not so, with the numbers.
    pub fn audit(self) -> anyhow::Result<Findings> {
        self.replay.finish()?;
        let features = self.kafka.extent(&stream::Topics::of(&self.name).features)?;
        let features = Window(features.0.into_iter().map(|(p, (_, end))| (p, (0, end))).collect());
        let written = features.len();
        until(PATIENCE, &format!("answers of {}", self.name), || {
            Ok((self.audit.count() >= written).then_some(()))
        })?;
        let scorer = format!("{}-scorer", self.name);
        self.cluster.kubectl(&["delete", "statefulset", &scorer, "--wait=false"])?;
        let found = self.audit.finish()?;
        let (lost, doubled) = (found.lost(&features), found.duplicated());
        ensure!(
            lost == 0 && doubled == 0 && found.unexplained_count == 0,
            "{}: {written} records, {lost} lost, {doubled} answered twice, {} unexplained: {:?}",
            self.name,
            found.unexplained_count,
            found.unexplained
        );
        Ok(found)
    }
}
