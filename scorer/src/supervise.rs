//! The scorer as a whole: its threads, and sessions one after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use contract::stop::Stop;
use fault::Fault;
use kafka::Kafka;
use model::Engine;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use stream::StreamSchema;

use crate::Args;
use crate::candidate::child::Limits;
use crate::control::{Control, Event};
use crate::lease::Lease;
use crate::load::{self, Loader};
use crate::metrics::Metrics;
use crate::plan::Slot;
use crate::pulse::{Bounds, Pulse};
use crate::seen::{Reach, Seen};
use crate::session::{self, Ended};
use crate::watch::{self, Stuck, Watch};
use crate::{follow, http};

/// What the threads of a scorer share.
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

pub(crate) struct Topics {
    pub(crate) features: String,
    pub(crate) predictions: String,
    pub(crate) dead_letters: String,
}

/// librdkafka's own default of `message.max.bytes`.
const DEFAULT_LIMIT: usize = 1_000_000;
/// How often a scorer that cannot answer yet looks whether it can now.
const LOOK_UP: Duration = Duration::from_millis(5);
/// The shortest and the longest pause before the next session.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// Answers the stream until `stop` is set.
///
/// # Errors
/// Wrong configuration (exit 2), or the broker is away when the scorer starts (exit 75).
pub fn run(args: &Args, stop: &Stop) -> anyhow::Result<()> {
    let shared = Arc::new(Shared::new(args, stop)?);
    check_topics(&shared)?;
    let http = http::serve(args.http, &shared)?;
    tracing::info!(stream = shared.stream, scorer = shared.scorer, %http, "started");

    let (events, inbox) = mpsc::channel();
    let watch = Watch::default();
    let loader = Loader {
        fetch: load::from_images(args),
        schema: Arc::clone(&shared.schema),
        limits: Limits {
            deadline: args.candidate_deadline,
            memory: args.candidate_memory,
            library: engine()?.library().to_owned(),
        },
        deadline: args.champion_deadline,
        watch: watch.clone(),
    };
    spawn("watch", move || watch_over(&watch))?;
    let control = Control::new(&shared, loader, events.clone());
    let control = spawn("control", move || control.run(&inbox))?;
    let follower = {
        let (shared, events) = (Arc::clone(&shared), events.clone());
        spawn("follow", move || follow::follow(&shared, &events))?
    };
    let result = sessions(&shared, &events);
    // Also when the sessions ended by themselves.
    shared.stop.set();
    let _heard = events.send(Event::End);
    // A thread that panicked has said so on stderr.
    let _ended = (control.join(), follower.join());
    tracing::info!("ended");
    result
}

/// Sessions one after the other, until asked to end.
fn sessions(shared: &Arc<Shared>, events: &Sender<Event>) -> anyhow::Result<()> {
    let mut pause = PAUSE.0;
    // The route that this scorer must have seen before it joins; `None` while unknown.
    let mut least = None;
    while !shared.stop.is_set() {
        if !shared.lease.held() {
            least = None;
            std::thread::sleep(LOOK_UP);
            continue;
        }
        // Only what is read after this scorer was heard cannot be overtaken by a change that did not wait for it.
        let Some(needed) = least.take() else {
            // A newest record that nobody can read stops no stream: what stood before it counts.
            match routes::standing(&shared.kafka, &shared.stream) {
                Ok(standing) => least = Some(standing.route),
                Err(error) => {
                    tracing::warn!(error = format!("{error:#}"), "the routes topic cannot be read");
                    std::thread::sleep(PAUSE.1 / 5);
                }
            }
            continue;
        };
        let version = shared.slot.version();
        let plan = match shared.seen.reaches(needed.as_ref()) {
            Reach::Behind => None,
            Reach::There => shared.slot.get(),
            // The topic was made anew in between; ask what it holds now.
            Reach::Elsewhere => {
                std::thread::sleep(PAUSE.1 / 5);
                continue;
            }
        };
        let Some(plan) = plan else {
            least = Some(needed);
            std::thread::sleep(LOOK_UP);
            continue;
        };
        let started = Instant::now();
        let ended = session::run(shared, plan, version, events);
        shared.joined.store(false, Ordering::Release);
        match ended {
            Ok(Ended::Stopped) => break,
            Ok(Ended::Retired) => {
                let _heard = events.send(Event::Idle);
            }
            Err(error) => {
                if let Some(fault) = wrong_configuration(&error) {
                    return Err(fault);
                }
                if started.elapsed() > PAUSE.1 {
                    pause = PAUSE.0;
                }
                shared.metrics.restarts.inc();
                tracing::warn!(
                    error = format!("{error:#}"),
                    pause_ms = pause.as_millis() as u64,
                    "the session broke; beginning anew"
                );
                std::thread::sleep(pause);
                pause = PAUSE.1.min(pause * 2);
            }
        }
    }
    Ok(())
}

impl Shared {
    fn new(args: &Args, stop: &Stop) -> anyhow::Result<Self> {
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
        let engine = engine()?;
        let kafka = Kafka::new(&args.kafka)?;
        let limit = kafka.config().get("message.max.bytes").map(str::parse);
        let topic = |suffix: &str| format!("{}.{suffix}", args.stream);
        Ok(Self {
            kafka,
            schema: Arc::new(schema),
            stream: args.stream.clone(),
            scorer: args.name(),
            group: args.group(),
            topics: Topics {
                features: topic("features"),
                predictions: topic("predictions"),
                dead_letters: topic("dead-letters"),
            },
            batch: args.batch as usize,
            session_timeout: args.session_timeout,
            commit_interval: args.commit_interval,
            static_membership: args.static_membership,
            limit: limit.and_then(Result::ok).unwrap_or(DEFAULT_LIMIT),
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
}

fn engine() -> anyhow::Result<&'static Engine> {
    Engine::get().map_err(|error| {
        let hint = "run scripts/fetch-onnxruntime, or set ORT_DYLIB_PATH";
        fault::usage(error.to_string(), hint)
    })
}

/// Ends calls of models of this process that take too long, and the process where that does not help: an orchestrator
/// starts it again, and says why it had ended.
#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "the polling thread is in a call that does not return, so nothing can be ended in order"
)]
fn watch_over(watch: &Watch) {
    let mut last = Instant::now();
    loop {
        std::thread::sleep(watch::LOOK);
        let now = Instant::now();
        let since = now - std::mem::replace(&mut last, now);
        if let Some(Stuck { digest, since }) = watch.look(now, since) {
            let error = fault::transient(
                format!(
                    "the champion {digest} has been answering one batch for {} s and cannot be interrupted",
                    since.as_secs()
                ),
                "roll back to another model; the scorer goes on with the same records when it starts again",
            );
            eprintln!("{}", fault::render(&error));
            std::process::exit(i32::from(fault::exit_code(&error)));
        }
    }
}

/// Every topic must be there, and an answer must find the partition of its question.
fn check_topics(shared: &Shared) -> anyhow::Result<()> {
    let topics = &shared.topics;
    let features = shared.kafka.partitions(&topics.features)?.len();
    for topic in [&topics.predictions, &topics.dead_letters] {
        let partitions = shared.kafka.partitions(topic)?.len();
        if partitions < features {
            anyhow::bail!(fault::usage(
                format!("{topic} has {partitions} partitions, {} has {features}", topics.features),
                format!(
                    "give {topic} as many partitions: an answer goes to its question's partition"
                ),
            ));
        }
    }
    for topic in [routes::ROUTES_TOPIC, routes::SCORERS_TOPIC] {
        shared.kafka.partitions(topic)?;
    }
    Ok(())
}

/// The error as a fault of configuration, where trying again cannot help.
fn wrong_configuration(error: &anyhow::Error) -> Option<anyhow::Error> {
    if error.chain().any(|cause| matches!(cause.downcast_ref(), Some(Fault::Usage { .. }))) {
        return Some(anyhow::anyhow!("{error:#}"));
    }
    let kafka = error.chain().find_map(|cause| cause.downcast_ref::<KafkaError>())?;
    let refused =
        matches!(
            kafka.rdkafka_error_code(),
            Some(
                Code::TopicAuthorizationFailed
                    | Code::GroupAuthorizationFailed
                    | Code::TransactionalIdAuthorizationFailed
                    | Code::ClusterAuthorizationFailed
                    | Code::SaslAuthenticationFailed
            )
        ) || matches!(kafka, KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_));
    refused.then(|| {
        fault::usage(
            format!("{error:#}"),
            "check --kafka-config and the ACLs of this scorer (README.md lists what it needs)",
        )
    })
}

fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> anyhow::Result<std::thread::JoinHandle<T>> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .with_context(|| format!("start the thread {name}"))
}
