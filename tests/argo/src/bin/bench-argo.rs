//! `make bench-argo`: how long a release takes from `argo submit` to its verdict, against the same workflow with
//! steps that do nothing.
//!
//! The canary is one share held for no time, so what is left is pods, and what the steps do in them. A third figure
//! is the steps' own clock: from the start of each to its verdict, as its decision record says it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::ensure;
use benches::figure::{Better, Figure, Spread};
use clap::Parser as _;
use serde_json::Value;
use test_argo::scenarios::{release_as, with_champion};
use test_argo::settings::Settings;
use test_argo::world::{World, say};

#[derive(clap::Parser)]
#[command(about = "A release on Argo, against the same workflow with steps that do nothing")]
struct Args {
    /// Releases of either kind, in turns
    #[arg(long, default_value_t = 3)]
    rounds: usize,

    /// Folder of the built binaries
    #[arg(long, default_value = "target/debug")]
    binaries: std::path::PathBuf,
}

const LIMIT: Duration = Duration::from_secs(600);
/// The steps' own part of the whole may be this much.
const BUDGET: f64 = 0.10;

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let settings = Settings::from_environment(testkit::root().join(&args.binaries))?;
    let world = World::new(settings)?;
    let empty = world.with_empty_steps()?;
    let stream = with_champion(&world, "bench", "linear")?;
    let more = [
        ("records", "3000"),
        ("shares", "50%"),
        ("min-step-time", "0s"),
        ("min-records", "1"),
        ("accept", "no-harm"),
        ("undecidable", "go"),
        ("bake", "1s"),
    ];
    let (mut ours, mut theirs, mut inside) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..args.rounds {
        for (world, times) in [(&empty, &mut theirs), (&world, &mut ours)] {
            // In turns, so that it is never the champion; each is good enough to pass.
            let model = ["boosting", "blind-spot"][round % 2];
            let started = Instant::now();
            let name = format!("bench-{round}");
            let workflow = release_as(world, &stream, model, &name, &more)?;
            let ended = workflow.end(LIMIT)?;
            ensure!(ended.phase == "Succeeded", "{name} was not promoted: {ended}");
            let seconds = started.elapsed().as_secs_f64();
            say(&format!("{} {name}: {} in {seconds:.1} s", world.cluster.namespace, ended.phase));
            times.push(seconds);
        }
        inside.push(own_seconds(&world, &format!("bench-{round}"))?);
    }
    stream.audit()?;
    empty.remove_namespace();
    world.end(false);

    let figure = Figure::new("argo", "s", Better::Lower, &ours, &[("no-op steps", &theirs)]);
    let sums: Vec<f64> = inside.iter().map(|steps| steps.values().sum()).collect();
    let own = Spread::of(&sums).median;
    let share = own / figure.ours.median;
    let word = if share < BUDGET { "met" } else { "missed" };
    say(&format!(
        "the steps' own clocks: {own:.2} s of {:.1} s, {:.1} % (budget {:.0} %: {word})",
        figure.ours.median,
        share * 100.0,
        BUDGET * 100.0
    ));
    for step in inside[0].keys() {
        let seconds: Vec<f64> =
            inside.iter().filter_map(|steps| steps.get(step).copied()).collect();
        say(&format!("  {step}: {:.2} s", Spread::of(&seconds).median));
    }
    Ok(figure.print()?)
}

/// The seconds between start and verdict of every step of a release, from the decision records that Argo kept.
fn own_seconds(world: &World, release: &str) -> anyhow::Result<BTreeMap<String, f64>> {
    let mut steps: BTreeMap<String, f64> = BTreeMap::new();
    for path in world.reports()? {
        let Ok(record) = serde_json::from_slice::<Value>(&std::fs::read(&path)?) else { continue };
        if record["release"] != release {
            continue;
        }
        let at = |name: &str| {
            record[name].as_str().and_then(contract::event::unix_ms).map(|ms| ms as f64 / 1_000.0)
        };
        if let (Some(step), Some(started), Some(finished)) =
            (record["step"].as_str(), at("started"), at("finished"))
        {
            *steps.entry(step.to_owned()).or_default() += finished - started;
        }
    }
    ensure!(steps.len() >= 4, "{release} left decision records of {} steps only", steps.len());
    Ok(steps)
}
