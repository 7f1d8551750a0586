//! Start time and size of every step's binary, against the same step in Python.
//!
//! A step is started with `--version`, which is all that a container runs before its own work; the peer is a Python that
//! imports what such a step needs (confluent-kafka, and onnxruntime where the engine is needed) and prints a version.
//! Steps without the engine are built static, as their images carry them; the two with the engine load it at run time.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use benches::figure::{Better, Figure, Spread};
use benches::programs::Venv;
use clap::Parser as _;

#[derive(clap::Parser)]
#[command(about = "Start time and size of every step's binary, against the same in Python")]
struct Args {
    /// Starts of each binary, in turns
    #[arg(long, default_value_t = 30)]
    rounds: usize,
}

const STATIC: [&str; 7] = [
    "build-image",
    "canary-gate",
    "promote",
    "rollback",
    "conclude",
    "detect-drift",
    "train-linear",
];
const WITH_ENGINE: [&str; 2] = ["validate-model", "shadow-test"];
/// A start may take this long, in milliseconds.
const START_BUDGET: f64 = 10.0;
/// A static binary may have this many bytes.
const SIZE_BUDGET: u64 = 12_000_000;

struct Binary {
    name: &'static str,
    path: PathBuf,
    is_static: bool,
    starts: Vec<f64>,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    build(&STATIC, true)?;
    build(&WITH_ENGINE, false)?;
    let venv = Venv::ready()?;
    let release = |folder: &str, name: &str| testkit::root().join("target").join(folder).join(name);
    let triple = images::programs::triple();
    let statics =
        STATIC.iter().map(|name| (*name, release(&format!("{triple}/release"), name), true));
    let engines = WITH_ENGINE.iter().map(|name| (*name, release("release", name), false));
    let mut binaries: Vec<Binary> = statics
        .chain(engines)
        .map(|(name, path, is_static)| Binary { name, path, is_static, starts: Vec::new() })
        .collect();

    let import = "import confluent_kafka, onnxruntime; print(confluent_kafka.__version__)";
    let light = "import confluent_kafka; print(confluent_kafka.__version__)";
    let (mut python, mut python_engine) = (Vec::new(), Vec::new());
    for _ in 0..args.rounds {
        for binary in &mut binaries {
            binary.starts.push(start(Command::new(&binary.path).arg("--version"))?);
        }
        python.push(start(venv.python().args(["-c", light]))?);
        python_engine.push(start(venv.python().args(["-c", import]))?);
    }
    table(&binaries)?;
    let all: Vec<f64> = binaries.iter().flat_map(|binary| binary.starts.iter().copied()).collect();
    let peers =
        [("python confluent-kafka", &python[..]), ("python with onnxruntime", &python_engine[..])];
    Figure::new("steps", "ms to --version", Better::Lower, &all, &peers).print()?;
    Ok(())
}

fn build(names: &[&str], is_static: bool) -> anyhow::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(testkit::root()).args(["build", "--quiet", "--release"]);
    if is_static {
        images::programs::statically(&mut command);
    }
    for name in names {
        command.args(["--package", name, "--bin", name]);
    }
    let status = command.status().context("run cargo")?;
    ensure!(status.success(), "the steps do not build");
    Ok(())
}

/// Milliseconds from starting the program until it has ended.
fn start(command: &mut Command) -> anyhow::Result<f64> {
    let clock = Instant::now();
    let status = command.stdout(Stdio::null()).status().with_context(|| format!("{command:?}"))?;
    let milliseconds = clock.elapsed().as_secs_f64() * 1000.0;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(milliseconds)
}

#[expect(clippy::print_stdout, reason = "stdout is where a bench's figures go")]
fn table(binaries: &[Binary]) -> anyhow::Result<()> {
    println!("{:16} {:>8} {:>8} {:>8} {:>10}  linked", "", "min ms", "median", "max", "size");
    for binary in binaries {
        let spread = Spread::of(&binary.starts);
        let bytes = std::fs::metadata(&binary.path)?.len();
        ensure!(
            is_static(&binary.path)? == binary.is_static,
            "{} is not linked as meant",
            binary.name
        );
        let linked = if binary.is_static { "static" } else { "dynamic" };
        let within = spread.median < START_BUDGET && (!binary.is_static || bytes < SIZE_BUDGET);
        let verdict = if within { "" } else { "  OVER BUDGET" };
        println!(
            "{:16} {:8.2} {:8.2} {:8.2} {:>7.1} MB  {linked}{verdict}",
            binary.name,
            spread.min,
            spread.median,
            spread.max,
            bytes as f64 / 1e6
        );
    }
    println!("budgets: {START_BUDGET} ms a start; {:.0} MB where static", SIZE_BUDGET as f64 / 1e6);
    Ok(())
}

/// A program that names no interpreter needs no library of the system.
fn is_static(path: &Path) -> anyhow::Result<bool> {
    let bytes = std::fs::read(path)?;
    let interpreter: &[u8] = b"/lib64/ld-linux-x86-64.so.2\0";
    Ok(!bytes.windows(interpreter.len()).any(|window| window == interpreter))
}
