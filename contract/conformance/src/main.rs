//! Holds a step against the step contract and reports rule by rule.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use conformance::{Case, Finding, check};

/// Runs a step as a black box on an in-memory broker and holds it against contract/README.md, rule by rule
#[derive(Parser)]
struct Args {
    /// One of our steps: its binary beside this program, its case in steps/<STEP>/samples/conformance.env
    #[arg(long, env = "STEP", default_value = "")]
    step: String,

    /// Any command that is a step, as a shell takes it; files named in it may be relative; with --step, that step's case
    #[arg(long, env = "STEP_CMD", default_value = "")]
    command: String,

    /// Settings (HEADGATE_<FLAG>=value lines) with which the step reaches a verdict
    #[arg(long, env = "CASE")]
    case: Option<PathBuf>,

    /// How long one run may take
    #[arg(long, default_value = "60s", value_parser = flags::duration)]
    limit: Duration,
}

fn main() -> ExitCode {
    contract::step::finish(run(&Args::parse()))
}

#[expect(clippy::print_stdout, reason = "the report is this program's data")]
fn run(args: &Args) -> anyhow::Result<u8> {
    if args.step.is_empty() && args.command.is_empty() {
        return Err(fault::usage(
            "no step is named",
            format!(
                "make conformance STEP=<name>, with one of {}; or STEP_CMD='<any command>' CASE=<file of its settings>",
                steps().join(", ")
            ),
        ));
    }
    let command = match args.command.as_str() {
        "" => beside(&args.step)?,
        command => from_here(command)?,
    };
    let case = match (&args.case, args.step.as_str()) {
        (Some(path), _) => path.clone(),
        (None, "") => {
            return Err(fault::usage(
                "no case is named",
                "give CASE=<file> (--case) with the settings with which the step reaches a verdict",
            ));
        }
        (None, step) => PathBuf::from(format!("steps/{step}/samples/conformance.env")),
    };
    let case = Case::load(&case).map_err(|error| {
        fault::usage(format!("{error:#}"), "a case has HEADGATE_<FLAG>=value lines, one a setting")
    })?;
    let findings = check(&command, &case, args.limit)?;
    for finding in &findings {
        println!("{finding}");
    }
    let broken = findings.iter().filter(|finding| !finding.holds).count();
    println!("{}", summary(&findings, broken));
    Ok(if broken == 0 { fault::exit::VERDICT } else { BROKEN })
}

/// A rule is broken.
const BROKEN: u8 = 1;

/// The steps that have a case here.
fn steps() -> Vec<String> {
    let folders = std::fs::read_dir("steps").into_iter().flatten().flatten();
    let has_case =
        |folder: &std::fs::DirEntry| folder.path().join("samples/conformance.env").exists();
    let mut names: Vec<String> = folders
        .filter(has_case)
        .map(|folder| folder.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    if names.is_empty() { vec!["the folders of steps/".into()] } else { names }
}

fn summary(findings: &[Finding], broken: usize) -> String {
    let (all, version) = (findings.len(), contract::CONTRACT_VERSION);
    match broken {
        0 => format!("all {all} rules of the step contract {version} hold"),
        _ => format!(
            "{broken} of {all} rules of the step contract {version} are broken; contract/README.md has them"
        ),
    }
}

/// The command with paths that exist made absolute: a step runs in a folder of its own.
fn from_here(command: &str) -> anyhow::Result<String> {
    let mut words = Vec::new();
    for word in command.split(' ') {
        let path = Path::new(word);
        let here = path.is_relative() && path.components().count() > 0 && path.is_file();
        words.push(if here { path.canonicalize()?.display().to_string() } else { word.to_owned() });
    }
    Ok(words.join(" "))
}

fn beside(step: &str) -> anyhow::Result<String> {
    let program = std::env::current_exe()?;
    let binary = program.with_file_name(step);
    let built = binary.canonicalize().map_err(|_| {
        fault::usage(
            format!("there is no step {step} beside this program"),
            format!("build it (cargo build -p {step}), or name one of {}", steps().join(", ")),
        )
    })?;
    Ok(format!("'{}'", built.display()))
}
