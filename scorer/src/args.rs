//! The scorer's flags.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use kafka::KafkaArgs;
use registry::{InputFile, RegistryArgs};

/// Answers a stream exactly once and switches models without a restart.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "scorer", version, max_term_width = 100)]
pub struct Args {
    /// Name of the stream: its topics are <STREAM>.features, .predictions and .dead-letters
    #[arg(long, env = "HEADGATE_STREAM", value_parser = flags::name)]
    pub stream: String,

    /// The stream's schema, the fields of a feature record in the order that the models take: a path or oci://…
    #[arg(long, env = "HEADGATE_SCHEMA", value_name = "FILE")]
    pub schema: InputFile,

    /// Consumer group that shares the stream's partitions [default: headgate-<STREAM>]
    #[arg(long, env = "HEADGATE_GROUP", value_parser = flags::name)]
    pub group: Option<String>,

    /// Name of this instance, unique within the stream; one that stays the same over restarts is back faster after
    /// a crash [default: <host>-<process id>]
    #[arg(long, env = "HEADGATE_NAME", value_parser = flags::name)]
    pub name: Option<String>,

    /// Stay a member of the group over a restart shorter than --session-timeout, under --name
    #[arg(long, env = "HEADGATE_STATIC_MEMBERSHIP")]
    pub static_membership: bool,

    /// How long the group waits for a silent instance before it gives its partitions away
    #[arg(long, env = "HEADGATE_SESSION_TIMEOUT", default_value = "6s", value_parser = session_timeout)]
    pub session_timeout: Duration,

    /// The shortest pause between two commits: a calm stream has its records committed together, not one by one
    #[arg(long, env = "HEADGATE_COMMIT_INTERVAL", default_value = "5ms", value_parser = commit_interval)]
    pub commit_interval: Duration,

    /// Where /metrics, /healthz and /readyz are served; port 0 takes a free one
    #[arg(long, env = "HEADGATE_HTTP", default_value = "0.0.0.0:9090", value_name = "ADDRESS")]
    pub http: SocketAddr,

    /// The most records that a model is asked for at once; it never waits for that many
    #[arg(long, env = "HEADGATE_BATCH", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub batch: u32,

    /// How long a candidate may take for its part of a batch before its process is ended and the champion answers
    #[arg(long, env = "HEADGATE_CANDIDATE_DEADLINE", default_value = "2s", value_parser = model_deadline)]
    pub candidate_deadline: Duration,

    /// The most memory that a candidate's process may take for its model and answers
    #[arg(long, env = "HEADGATE_CANDIDATE_MEMORY", default_value = "512MiB", value_name = "SIZE", value_parser = flags::bytes)]
    pub candidate_memory: u64,

    /// How long the champion may take for a batch; a record that it cannot answer within that goes to the dead letters
    #[arg(long, env = "HEADGATE_CHAMPION_DEADLINE", default_value = "10s", value_parser = model_deadline)]
    pub champion_deadline: Duration,

    /// Folder where models that were fetched are kept for the next start
    #[arg(
        long,
        env = "HEADGATE_CACHE",
        default_value = "/tmp/headgate-models",
        value_name = "DIR"
    )]
    pub cache: PathBuf,

    #[command(flatten)]
    pub registry: RegistryArgs,

    /// Log filter, such as info or scorer=debug
    #[arg(long, env = "HEADGATE_LOG", default_value = "info", value_name = "FILTER")]
    pub log: String,

    #[command(flatten)]
    pub kafka: KafkaArgs,
}

impl Args {
    /// `--group` or its default.
    pub fn group(&self) -> String {
        self.group.clone().unwrap_or_else(|| format!("headgate-{}", self.stream))
    }

    /// `--name` or its default.
    pub fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| {
            let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
            let host = if host.trim().is_empty() { "scorer" } else { host.trim() };
            format!("{host}-{}", std::process::id())
        })
    }
}

/// What is not committed yet nobody sees, and Kafka aborts what stays open for long.
fn commit_interval(text: &str) -> Result<Duration, String> {
    let interval = flags::duration(text)?;
    if interval > Duration::from_secs(1) {
        return Err(format!("`{text}` is too long; answers would wait for it, and 1s is the most"));
    }
    Ok(interval)
}

/// A deadline for answers: the broker gives a scorer's partitions away that does not poll for five minutes.
fn model_deadline(text: &str) -> Result<Duration, String> {
    let deadline = flags::duration(text)?;
    if !(Duration::from_millis(10)..=Duration::from_secs(60)).contains(&deadline) {
        return Err(format!("`{text}` is no deadline for answers; 10ms to 60s are"));
    }
    Ok(deadline)
}

/// Transactions must time out a second before the session does, so less than 3 s leaves no room.
fn session_timeout(text: &str) -> Result<Duration, String> {
    let timeout = flags::duration(text)?;
    if timeout < Duration::from_secs(3) {
        return Err(format!("`{text}` is too short; 3s is the least, and most brokers want 6s"));
    }
    Ok(timeout)
}
