//! The scorer as a whole: its threads, and sessions one after the other.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Sender};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use contract::stop::Stop;
use fault::Fault;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::Args;
use crate::models::candidate::child::Limits;
use crate::models::load::{self, Loader};
use crate::models::watch::Watch;
use crate::observe::http;
use crate::routing::control::{Control, Event};
use crate::routing::follow;
use crate::routing::seen::Reach;
use crate::session::{self, Ended};
use crate::shared::Shared;

/// How often a scorer that cannot answer yet looks whether it can now.
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// The shortest and the longest pause before the next session.
const RESTART_PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// Answers the stream until `stop` is set.
///
/// # Errors
/// Wrong configuration (exit 2), or the broker is away when the scorer starts (exit 75).
pub fn run(args: &Args, stop: &Stop) -> anyhow::Result<()> {
    let shared = Arc::new(Shared::new(args, stop)?);
    shared.check_topics()?;
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
            library: load::engine()?.library().to_owned(),
        },
        deadline: args.champion_deadline,
        watch: watch.clone(),
    };
    spawn("watch", move || watch.run())?;
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
    let mut pause = RESTART_PAUSE.0;
    // The route that this scorer must have seen before it joins; `None` while unknown.
    let mut least = None;
    while !shared.stop.is_set() {
        if !shared.lease.held() {
            least = None;
            std::thread::sleep(POLL_INTERVAL);
            continue;
        }
        // Only what is read after a status of this scorer arrived cannot be overtaken by a change that did not wait for it.
        let Some(needed) = least.take() else {
            // A newest record that nobody can read stops no stream: what stood before it counts.
            match routes::standing(&shared.kafka, &shared.stream) {
                Ok(standing) => least = Some(standing.route),
                Err(error) => {
                    tracing::warn!(error = format!("{error:#}"), "the routes topic cannot be read");
                    std::thread::sleep(RESTART_PAUSE.1 / 5);
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
                std::thread::sleep(RESTART_PAUSE.1 / 5);
                continue;
            }
        };
        let Some(plan) = plan else {
            least = Some(needed);
            std::thread::sleep(POLL_INTERVAL);
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
                if started.elapsed() > RESTART_PAUSE.1 {
                    pause = RESTART_PAUSE.0;
                }
                shared.metrics.restarts.inc();
                tracing::warn!(
                    error = format!("{error:#}"),
                    pause_ms = pause.as_millis() as u64,
                    "the session broke; beginning anew"
                );
                std::thread::sleep(pause);
                pause = RESTART_PAUSE.1.min(pause * 2);
            }
        }
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
