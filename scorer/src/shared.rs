//! What the threads of a scorer share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use contract::stop::Stop;
use kafka::Kafka;
use stream::{StreamSchema, Topics};

use crate::Args;
use crate::answering::plan::Slot;
use crate::models::load;
use crate::observe::metrics::Metrics;
use crate::observe::pulse::{Bounds, Pulse};
use crate::routing::lease::Lease;
use crate::routing::seen::Seen;

/// Made once, before the first thread.
pub(crate) struct Shared {
    pub(crate) kafka: Kafka,
    pub(crate) schema: Arc<StreamSchema>,
    pub(crate) stream: String,
    pub(crate) scorer: String,
    pub(crate) group: String,
    pub(crate) topics: Topics,
    pub(crate) batch: usize,
    pub(crate) session_timeout: Duration,
    pub(crate) commit_interval: Duration,
    pub(crate) static_membership: bool,
    /// The most bytes that a record may have.
    pub(crate) limit: usize,
    pub(crate) slot: Slot,
    pub(crate) lease: Lease,
    pub(crate) pulse: Pulse,
    pub(crate) metrics: Metrics,
    pub(crate) seen: Seen,
    /// Whether this scorer is in the group.
    pub(crate) joined: AtomicBool,
    pub(crate) stop: Stop,
}

/// librdkafka's own default of `message.max.bytes`.
const DEFAULT_MAX_BYTES: usize = 1_000_000;

impl Shared {
    pub(crate) fn new(args: &Args, stop: &Stop) -> anyhow::Result<Self> {
        let hint = "give --schema the stream's schema file, such as demo/shuttle/schema.json";
        let found = args.schema.fetch(&args.registry.client(), &args.cache).map_err(|error| {
            let hint = error.hint().unwrap_or(hint);
            match error.is_transient() {
                true => fault::transient(error.to_string(), hint),
                false => fault::usage(error.to_string(), hint),
            }
        })?;
        let schema =
            model::load_schema(&found).map_err(|error| fault::usage(format!("{error:#}"), hint))?;
        if schema.stream != args.stream {
            tracing::warn!(schema = schema.stream, "the schema file names another stream");
        }
        // Without the engine nothing can be answered; better to say so at once.
        let engine = load::engine()?;
        let kafka = Kafka::new(&args.kafka)?;
        let limit = kafka.config().get("message.max.bytes").map(str::parse);
        Ok(Self {
            kafka,
            schema: Arc::new(schema),
            stream: args.stream.clone(),
            scorer: args.name(),
            group: args.group(),
            topics: Topics::of(&args.stream),
            batch: args.batch as usize,
            session_timeout: args.session_timeout,
            commit_interval: args.commit_interval,
            static_membership: args.static_membership,
            limit: limit.and_then(Result::ok).unwrap_or(DEFAULT_MAX_BYTES),
            slot: Slot::default(),
            lease: Lease::new(),
            pulse: Pulse::new(Bounds::new(
                args.session_timeout,
                args.champion_deadline,
                args.candidate_deadline,
            )),
            metrics: Metrics::new(&args.stream, engine.version()),
            seen: Seen::default(),
            joined: AtomicBool::new(false),
            stop: stop.clone(),
        })
    }

    /// Whether the thread that polls goes on.
    pub(crate) fn liveness(&self) -> Result<&'static str, String> {
        self.pulse.check().map(|()| "records are polled, or waited for")
    }

    /// Whether all is well, and in words what is.
    pub(crate) fn readiness(&self) -> Result<&'static str, String> {
        self.pulse.check()?;
        if !self.lease.held() {
            return Err("the status has not reached the broker".into());
        }
        match (self.slot.get().is_some(), self.joined.load(Ordering::Acquire)) {
            (true, true) => Ok("a route is in force and the group is joined"),
            (true, false) => Err("the group is not joined yet".into()),
            (false, _) if self.seen.is_empty() => Ok("idle until there is a route"),
            (false, _) => Err("no route could be put in force yet".into()),
        }
    }

    /// Every topic must be there, and an answer must find the partition of its question.
    ///
    /// # Errors
    /// One is missing or has too few partitions (exit 2), or the broker is away.
    pub(crate) fn check_topics(&self) -> anyhow::Result<()> {
        let topics = &self.topics;
        let features = self.kafka.partitions(&topics.features)?.len();
        for topic in [&topics.predictions, &topics.dead_letters] {
            let partitions = self.kafka.partitions(topic)?.len();
            if partitions < features {
                anyhow::bail!(fault::usage(
                    format!(
                        "{topic} has {partitions} partitions, {} has {features}",
                        topics.features
                    ),
                    format!(
                        "give {topic} as many partitions: an answer goes to its question's partition"
                    ),
                ));
            }
        }
        for topic in [routes::ROUTES_TOPIC, routes::SCORERS_TOPIC] {
            self.kafka.partitions(topic)?;
        }
        Ok(())
    }
}
