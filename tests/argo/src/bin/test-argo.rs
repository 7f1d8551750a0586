//! `make test-argo`: runs the scenarios and counts them.

use std::collections::VecDeque;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use clap::Parser as _;
use test_argo::scenarios::{SCENARIOS, Scenario};
use test_argo::settings::Settings;
use test_argo::world::{World, say};

/// Puts releases on a real Argo through their scenarios
#[derive(clap::Parser)]
#[command(name = "test-argo", max_term_width = 100)]
struct Args {
    /// Scenarios to run; all if none is named
    names: Vec<String>,

    /// Scenarios that run at the same time
    #[arg(long, default_value_t = 3)]
    jobs: usize,

    /// Leave the namespaces on the cluster
    #[arg(long)]
    keep: bool,

    /// Folder of the built binaries
    #[arg(long, env = "STEP_BIN_DIR", default_value = "target/debug")]
    binaries: PathBuf,
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    for name in &args.names {
        anyhow::ensure!(
            SCENARIOS.iter().any(|scenario| scenario.name == name),
            "there is no scenario {name}; there are: {}",
            SCENARIOS.iter().map(|scenario| scenario.name).collect::<Vec<_>>().join(", ")
        );
    }
    let chosen: Vec<&Scenario> = SCENARIOS
        .iter()
        .filter(|scenario| args.names.is_empty() || args.names.iter().any(|n| n == scenario.name))
        .collect();
    let binaries = testkit::root().join(&args.binaries);
    let world = World::new(Settings::from_environment(binaries)?)?;
    say(&format!("{} scenarios in namespace {}", chosen.len(), world.cluster.namespace));

    let failed = AtomicUsize::new(0);
    let (last, now): (Vec<&Scenario>, Vec<&Scenario>) =
        chosen.iter().partition(|scenario| scenario.last);
    for round in [now, last] {
        let waiting = Mutex::new(VecDeque::from(round));
        std::thread::scope(|scope| {
            for _ in 0..args.jobs.max(1) {
                scope.spawn(|| {
                    while let Some(scenario) = next(&waiting) {
                        if !passes(scenario, &world) {
                            failed.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
    }
    world.end(args.keep);
    let failed = failed.into_inner();
    writeln!(std::io::stdout(), "{} passed, {failed} failed", chosen.len() - failed)?;
    Ok(ExitCode::from(u8::from(failed > 0)))
}

fn next<'a>(waiting: &Mutex<VecDeque<&'a Scenario>>) -> Option<&'a Scenario> {
    waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop_front()
}

fn passes(scenario: &Scenario, world: &World) -> bool {
    let started = Instant::now();
    let result = (scenario.run)(world);
    let seconds = started.elapsed().as_secs_f64();
    let line = match &result {
        Ok(()) => format!("ok      {:<14} {seconds:6.1} s  {}", scenario.name, scenario.about),
        Err(error) => format!("FAILED  {:<14} {seconds:6.1} s  {error:#}", scenario.name),
    };
    // A closed stdout shall not end the other scenarios.
    let _written = writeln!(std::io::stdout(), "{line}");
    result.is_ok()
}
