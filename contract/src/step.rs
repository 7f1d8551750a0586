//! A step: what it is, and the `main` that all steps share.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, CommandFactory, FromArgMatches, Parser};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::args::{CommonArgs, PLACES};
use crate::event::{self, EventContext, EventSubject, OutcomeData, OutcomeEvent, ReportPlace};
use crate::outputs::{OutputSpec, Outputs};
use crate::progress::Progress;
use crate::record::DecisionRecord;
use crate::stop::Stop;
use crate::{AnyEventType, CONTRACT_VERSION, Outcome, Verdict, describe, logging, termination};
use fault::exit;
use kafka::{Kafka, Writer};

/// A step of a release.
pub trait Step {
    /// The flags beyond [`CommonArgs`].
    type Args: Args;
    /// Folder, crate, binary, image, WorkflowTemplate and event source bear this name.
    const NAME: &'static str;
    /// One sentence: what the step decides.
    const ABOUT: &'static str;
    /// `env!("CARGO_PKG_VERSION")`.
    const VERSION: &'static str;
    /// What `--help` says after the flags, if there is anything to say.
    const AFTER_HELP: &'static str = "";
    /// The outputs beyond [`crate::outputs::COMMON_OUTPUTS`].
    const OUTPUTS: &'static [OutputSpec];
    /// Every event type the step may emit.
    const EVENTS: &'static [AnyEventType];

    /// Reaches a verdict.
    ///
    /// # Errors
    /// No verdict could be reached: a [`crate::Fault`], or else a bug.
    fn run(args: &Self::Args, context: &Context) -> anyhow::Result<Outcome>;
}

/// What a running step is given beside its own flags.
pub struct Context {
    pub common: CommonArgs,
    pub kafka: Kafka,
    pub stop: Stop,
    pub progress: Progress,
    step: &'static str,
    /// The flags that decide, by name; places and credentials are left out.
    flags: BTreeMap<String, Vec<String>>,
}

#[derive(Parser)]
#[command(max_term_width = 100)]
struct Cli<A: Args> {
    #[command(flatten)]
    common: CommonArgs,

    #[command(flatten)]
    step: A,

    /// Print flags, outputs, events and exit codes as JSON and exit
    #[arg(long)]
    describe: bool,
}

/// Runs step `S` with the process's arguments.
pub fn main<S: Step>() -> ExitCode {
    if std::env::args().skip(1).any(|arg| arg == "--describe") {
        return finish(print(&describe::describe::<S>()).map(|()| exit::VERDICT));
    }
    let command = command::<S>();
    let parsed =
        command.clone().try_get_matches_from(given(std::env::args_os())).and_then(|matches| {
            Ok((Cli::<S::Args>::from_arg_matches(&matches)?, flags(&command, &matches)))
        });
    match parsed {
        Ok((cli, flags)) => finish(run::<S>(cli, flags)),
        // Help and version end here too, with exit code 0.
        Err(error) => {
            let code = if error.use_stderr() { exit::USAGE } else { exit::VERDICT };
            // Nobody is left to read it when stdout and stderr are closed.
            let _printed = error.print();
            ExitCode::from(code)
        }
    }
}

/// The arguments without those of the form `--flag=`: a WorkflowTemplate passes every parameter, and an empty
/// one counts as not given.
pub fn given(args: impl Iterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    let empty = |arg: &OsString| {
        arg.to_str().is_some_and(|arg| {
            arg.starts_with("--")
                && arg.len() > 3
                && arg.ends_with('=')
                && arg.matches('=').count() == 1
        })
    };
    args.filter(move |arg| !empty(arg))
}

/// The clap definition of step `S`.
pub fn command<S: Step>() -> clap::Command {
    let command = Cli::<S::Args>::command().name(S::NAME).about(S::ABOUT).version(S::VERSION);
    if S::AFTER_HELP.is_empty() { command } else { command.after_help(S::AFTER_HELP) }
}

// === impl Context ===

impl Context {
    /// A context for tests that call a step's library.
    pub fn new(step: &'static str, common: CommonArgs) -> anyhow::Result<Self> {
        let kafka = Kafka::new(&common.kafka)?;
        let (stop, progress) = (Stop::default(), Progress::from_environment());
        Ok(Self { common, kafka, stop, progress, step, flags: BTreeMap::new() })
    }

    /// The id of the outcome event of this run, were it to end with these inputs.
    ///
    /// It depends on the step, the release, the flags that decide and the inputs, so a step that was killed and
    /// run again has the same id and can look for what it emitted before.
    pub fn event_id(&self, inputs: &BTreeMap<String, String>) -> String {
        let flags = json!(self.flags).to_string();
        let inputs = json!(inputs).to_string();
        event::id([self.step, &self.common.release, &self.common.stream, &flags, &inputs])
    }
}

fn run<S: Step>(cli: Cli<S::Args>, flags: BTreeMap<String, Vec<String>>) -> anyhow::Result<u8> {
    logging::init(&cli.common.log)?;
    tracing::info!(step = S::NAME, version = S::VERSION, release = cli.common.release, "started");
    let stop = Stop::on_signals()?;
    let outputs = Outputs::open(&cli.common.outputs)?;
    let kafka = Kafka::new(&cli.common.kafka)?;
    let progress = Progress::from_environment();
    let context = Context { common: cli.common, kafka, stop, progress, step: S::NAME, flags };
    let started = event::now();
    // Opened before there is anything to emit: it takes librdkafka half a second to get a producer's id.
    let writer = context.kafka.writer()?;
    // Before hours of work that could not be reported. A topic that is missing stops no rollback from acting.
    if let Some(error) = context.kafka.reach()? {
        tracing::warn!(%error, "the outcome event of this run cannot be emitted as it stands");
    }
    let outcome = S::run(&cli.step, &context)?;
    let outcome = outcome.fit_to_read();
    let against = context.common.fail_on_verdict && outcome.verdict != Verdict::Pass;
    let reason = outcome.reason.clone();
    emit::<S>(outcome, &context, &outputs, writer, started)?;
    if against {
        termination::say(&reason);
        return Ok(exit::VERDICT_AGAINST);
    }
    Ok(exit::VERDICT)
}

/// Writes the outputs, the report and the event, in this order: whoever sees the event can read the rest. Where one of
/// them cannot be written, none is left: nobody takes them for a verdict.
fn emit<S: Step>(
    outcome: Outcome,
    context: &Context,
    outputs: &Outputs,
    mut writer: Writer,
    started: String,
) -> anyhow::Result<()> {
    let kind = outcome.event.event;
    anyhow::ensure!(
        S::EVENTS.contains(&kind),
        "the step was to emit {}, which --describe does not list",
        kind.name
    );
    // Consumers filter by type and do not look into the body.
    anyhow::ensure!(
        kind.verdict == outcome.verdict,
        "{} belongs to the verdict {}, and the step reached {}",
        kind.name,
        kind.verdict,
        outcome.verdict
    );
    let common = &context.common;
    let id = context.event_id(&outcome.inputs);
    let record = serde_json::to_value(DecisionRecord {
        contract: CONTRACT_VERSION.into(),
        step: S::NAME.into(),
        version: S::VERSION.into(),
        release: common.release.clone(),
        stream: common.stream.clone(),
        environment: common.environment.clone(),
        verdict: outcome.verdict,
        reason: outcome.reason.clone(),
        event: id.clone(),
        flags: context.flags.clone(),
        inputs: outcome.inputs.clone(),
        details: outcome.details,
        started,
        finished: event::now(),
    })?;
    let report = serde_json::to_string_pretty(&record)?;

    // The event first, in memory: one that cannot be made leaves no output behind.
    let data = OutcomeData {
        contract: CONTRACT_VERSION.into(),
        step: S::NAME.into(),
        step_version: S::VERSION.into(),
        release: common.release.clone(),
        stream: common.stream.clone(),
        environment: common.environment.clone(),
        verdict: outcome.verdict,
        reason: outcome.reason.clone(),
        inputs: outcome.inputs,
        outputs: outcome
            .outputs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect(),
        result: outcome.event.result,
        report: ReportPlace {
            digest: format!("sha256:{}", hex::encode(Sha256::digest(report.as_bytes()))),
            address: report_address(common),
        },
    };
    let mut content = outcome.event.content;
    // The result does not know it, and CDEvents asks for it.
    if let Some(id) = content.pointer_mut("/environment/id") {
        *id = common.environment.clone().into();
    }
    let event = OutcomeEvent {
        context: EventContext {
            specversion: event::CDEVENTS_VERSION.into(),
            id,
            source: format!("/headgate/{}/{}", common.environment, S::NAME),
            event_type: outcome.event.event.name.into(),
            timestamp: event::now(),
            links: event::links(&common.cause),
        },
        subject: EventSubject { id: outcome.event.id, content },
        custom_data: data,
        custom_data_content_type: "application/json".into(),
    };
    let emitted = event.to_record(context.kafka.events_topic())?;

    let mut files = vec![
        ("report.json", report),
        ("report.html", (outcome.page)(&record)),
        ("reason", outcome.reason.clone()),
        ("event-id", event.context.id.clone()),
    ];
    for spec in S::OUTPUTS {
        let value = outcome.outputs.get(spec.name).map_or(spec.default, String::as_str);
        files.push((spec.name, value.to_owned()));
    }
    files.push(("verdict", outcome.verdict.as_str().to_owned()));
    let written = files
        .iter()
        .try_for_each(|(name, content)| outputs.write(name, content))
        .and_then(|()| writer.send(&emitted))
        .and_then(|()| writer.flush().context("emit the outcome event"));
    if written.is_err() {
        outputs.take_back(files.iter().map(|(name, _)| *name));
    }
    written?;
    tracing::info!(verdict = %outcome.verdict, reason = outcome.reason, event = event.context.id, "emitted");
    print(&event.custom_data)
}

/// Where the page of this run lies, as far as the step can know.
fn report_address(common: &CommonArgs) -> String {
    match common.report_address.as_str() {
        "" => common.outputs.join("report.html").display().to_string(),
        given => given.to_owned(),
    }
}

/// One line of JSON on stdout. A reader that has gone away, such as `head`, is no fault.
fn print(value: &impl serde::Serialize) -> anyhow::Result<()> {
    let line = serde_json::to_string(value)?;
    match writeln!(std::io::stdout(), "{line}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// The exit code of a process that ended so; an error is rendered for people.
#[expect(clippy::print_stderr, reason = "the one place where an error is rendered for people")]
pub fn finish(result: anyhow::Result<u8>) -> ExitCode {
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            tracing::debug!(?error, "ended without a verdict");
            let text = fault::render(&error);
            termination::say(&text);
            eprintln!("{text}");
            ExitCode::from(fault::exit_code(&error))
        }
    }
}

/// The values of the flags that decide, as given or by default.
///
/// Only the flags themselves: clap's groups also have ids, and hold what came by flag but not by environment.
fn flags(command: &clap::Command, matches: &clap::ArgMatches) -> BTreeMap<String, Vec<String>> {
    let decides =
        |id: &&str| !PLACES.contains(id) && !["describe", "release", "stream"].contains(id);
    command
        .get_arguments()
        .map(|argument| argument.get_id().as_str())
        .filter(decides)
        .filter_map(|id| {
            let raw = matches.try_get_raw(id).ok()??;
            Some((
                id.replace('_', "-"),
                raw.map(|value| value.to_string_lossy().into_owned()).collect(),
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_flag_counts_as_not_given() {
        let args = ["step", "--champion=", "--stream=s", "--label=a=", "--"].map(OsString::from);
        let left: Vec<OsString> = given(args.into_iter()).collect();
        assert_eq!(left, ["step", "--stream=s", "--label=a=", "--"]);
    }
}
