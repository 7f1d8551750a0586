//! The flags that every step has.

use std::path::PathBuf;

use flags::name;
use kafka::KafkaArgs;

/// What every step is given, whatever it decides.
#[derive(Clone, Debug, clap::Args)]
pub struct CommonArgs {
    /// Name of the release this run belongs to; the key of all its events
    #[arg(long, env = "HEADGATE_RELEASE", value_parser = name)]
    pub release: String,

    /// Name of the stream: its topics are <STREAM>.features, .predictions, .labels and .dead-letters
    #[arg(long, env = "HEADGATE_STREAM", value_parser = name)]
    pub stream: String,

    /// Environment that the events name, such as dev or prod
    #[arg(long, env = "HEADGATE_ENVIRONMENT", default_value = "dev", value_parser = name)]
    pub environment: String,

    /// Id of the event that led to this run; the outcome event links to it
    #[arg(long, env = "HEADGATE_CAUSE", default_value = "")]
    pub cause: String,

    /// Folder that receives the outputs, report.json and report.html
    #[arg(long, env = "HEADGATE_OUTPUTS", default_value = "/tmp/outputs", value_name = "DIR")]
    pub outputs: PathBuf,

    /// Address of report.html for the events, such as its key in an artifact repository; without it the path of the file
    #[arg(long, env = "HEADGATE_REPORT_ADDRESS", default_value = "", value_name = "ADDRESS")]
    pub report_address: String,

    /// Log filter, such as info or canary_gate=debug
    #[arg(long, env = "HEADGATE_LOG", default_value = "info", value_name = "FILTER")]
    pub log: String,

    /// Exit with 10 where the verdict is not pass, for callers that look at nothing but exit codes
    #[arg(long, env = "HEADGATE_FAIL_ON_VERDICT")]
    pub fail_on_verdict: bool,

    #[command(flatten)]
    pub kafka: KafkaArgs,
}

/// The flags that say where to work, not what to decide; they do not change an event's id.
pub(crate) const PLACES: [&str; 10] = [
    "outputs",
    "report_address",
    "log",
    "fail_on_verdict",
    "brokers",
    "kafka_config",
    "kafka_timeout",
    "events_topic",
    "cause",
    "help",
];
