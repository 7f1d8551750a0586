//! Holds a step against the step contract and reports rule by rule.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
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
    #[arg(long, default_value = "60s", value_parser = contract::args::duration)]
    limit: Duration,
}

#[expect(clippy::print_stdout, reason = "the report is this program's data")]
fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    anyhow::ensure!(
        !args.step.is_empty() || !args.command.is_empty(),
        "no step is named: give --step <NAME> or --command '<any command>'"
    );
    let command = match args.command.as_str() {
        "" => beside(&args.step)?,
        command => from_here(command)?,
    };
    let case = match (&args.case, args.step.as_str()) {
        (Some(path), _) => Case::load(path)?,
        (None, "") => {
            anyhow::bail!("no case is named: give --case <FILE> with the settings of a run")
        }
        (None, step) => Case::load(Path::new(&format!("steps/{step}/samples/conformance.env")))?,
    };
    let findings = check(&command, &case, args.limit)?;
    for finding in &findings {
        println!("{finding}");
    }
    let broken = findings.iter().filter(|finding| !finding.holds).count();
    println!("{}", summary(&findings, broken));
    Ok(if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
    let built = binary.canonicalize();
    let built =
        built.with_context(|| format!("{step} is not built: run `cargo build -p {step}` first"))?;
    Ok(format!("'{}'", built.display()))
}
