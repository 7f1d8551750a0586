//! What else the binary does: `canary-gate replay`, and asking a gate that is under way to pause, resume or abort.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use contract::Context;
use fault::exit;
use kafka::{Kafka, KafkaArgs};
use routes::Route;
use serde_json::json;

use crate::CanaryGate;
use crate::io::commands::send;
use crate::policy::command::{Action, Command};

mod replay;

/// Shown for `canary-gate replay --help` and its like.
#[derive(clap::Parser)]
#[command(name = "canary-gate", version)]
enum Tool {
    /// Reads the ranges of a decision record again and reaches its verdict anew; exits with 10 where it is another one
    Replay {
        /// The decision record, report.json
        report: PathBuf,
        #[command(flatten)]
        kafka: KafkaArgs,
        /// Log filter
        #[arg(long, env = "HEADGATE_LOG", default_value = "warn", value_name = "FILTER")]
        log: String,
    },
    /// Asks the gate of a release to stay at its share: it neither raises it nor passes, and still ends on harm
    Pause(Request),
    /// Asks it to go on
    Resume(Request),
    /// Asks it to give up: share 0, inconclusive
    Abort(Request),
}

#[derive(clap::Args)]
struct Request {
    /// The release whose gate is asked
    #[arg(long, env = "HEADGATE_RELEASE", value_parser = flags::name)]
    release: String,
    /// Why; it stands in the report
    #[arg(long, default_value = "")]
    reason: String,
    /// Who asks
    #[arg(long, env = "USER", default_value = "")]
    by: String,
    #[command(flatten)]
    kafka: KafkaArgs,
}

/// What the step's own help says of the tools.
pub(crate) const HELP: &str = "\
Beside the step, of which all this is said:
  canary-gate replay REPORT   reads what a decision record rests on and reaches its verdict anew
  canary-gate pause           a gate under way stays at its share; it still ends on harm
  canary-gate resume          it goes on
  canary-gate abort           it gives up: share 0, inconclusive
`canary-gate pause --help` and its like have their flags.";

/// The process: a tool if its first argument names one, else the step.
pub fn main() -> ExitCode {
    let names = ["replay", "pause", "resume", "abort"];
    let first = std::env::args().nth(1).unwrap_or_default();
    if !names.contains(&first.as_str()) {
        return contract::main::<CanaryGate>();
    }
    match <Tool as clap::Parser>::try_parse() {
        Ok(tool) => contract::step::finish(run(tool)),
        Err(error) => {
            let code = if error.use_stderr() { exit::USAGE } else { exit::VERDICT };
            // Nothing can be reported when stdout and stderr are closed.
            let _printed = error.print();
            ExitCode::from(code)
        }
    }
}

fn run(tool: Tool) -> anyhow::Result<u8> {
    match tool {
        Tool::Replay { report, kafka, log } => {
            contract::logging::init(&log)?;
            let started = Instant::now();
            let replayed = replay::replay(&report, kafka)?;
            let seconds = started.elapsed().as_secs_f64();
            let line = json!({
                "replayed": report, "verdict": replayed.verdict, "reason": replayed.reason,
                "same": replayed.difference.is_none(), "difference": replayed.difference,
                "records": replayed.records, "seconds": (seconds * 1000.0).round() / 1000.0,
            });
            writeln!(std::io::stdout(), "{line}")?;
            Ok(if replayed.difference.is_none() { exit::VERDICT } else { exit::VERDICT_AGAINST })
        }
        Tool::Pause(request) => ask(&request, Action::Pause),
        Tool::Resume(request) => ask(&request, Action::Resume),
        Tool::Abort(request) => ask(&request, Action::Abort),
    }
}

fn ask(request: &Request, command: Action) -> anyhow::Result<u8> {
    let kafka = Kafka::new(&request.kafka)?;
    let release = &request.release;
    let under_way = under_way(&kafka)?;
    let Some(route) = under_way.iter().find(|route| route.release == *release) else {
        let others: Vec<String> = under_way
            .iter()
            .map(|route| format!("{} on the stream {}", route.release, route.stream))
            .collect();
        let hint = match others.as_slice() {
            [] => {
                "no release has a candidate on any stream there; look at --brokers, or it is over"
                    .into()
            }
            others => format!("under way are: {}", others.join(", ")),
        };
        return Err(fault::usage(
            format!("no gate of release {release} is under way on {}", request.kafka.brokers),
            hint,
        ));
    };
    let (by, reason) = (request.by.clone(), request.reason.clone());
    let command = Command { command, by, reason, at: contract::event::now() };
    send(&kafka, release, &command)?;
    let line = json!({
        "command": command.command, "release": release, "stream": route.stream,
        "generation": route.generation, "share": route.share(),
    });
    writeln!(std::io::stdout(), "{line}")?;
    Ok(exit::VERDICT)
}

/// The routes with a candidate that a gate gave its share, by stream. A gate has one from its first share to its end.
fn under_way(kafka: &Kafka) -> anyhow::Result<Vec<Route>> {
    let newest = routes::all(kafka)?.into_values().filter_map(|standing| standing.route);
    Ok(newest.filter(|route| route.share() > 0.0).collect())
}

/// A context for a tool, which emits no event.
fn context(release: &str, stream: &str, kafka: KafkaArgs) -> anyhow::Result<Context> {
    Context::new(
        "canary-gate",
        contract::CommonArgs {
            release: release.to_owned(),
            stream: stream.to_owned(),
            environment: "dev".into(),
            cause: String::new(),
            outputs: PathBuf::new(),
            report_address: String::new(),
            log: String::new(),
            fail_on_verdict: false,
            kafka,
        },
    )
}
