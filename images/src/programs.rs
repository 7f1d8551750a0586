//! From sources to programs: cargo, and for the dev profile `strip`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::catalogue::{CATALOGUE, Entry};

/// How programs are compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Profile {
    /// Optimised; static where ONNX Runtime is not needed.
    Release,
    /// The programs of `make test`, linked to glibc, without debug information: minutes faster, for trying things.
    Dev,
}

/// The feature of an encrypted Kafka.
const TLS: [&str; 2] = ["--features", "contract/tls"];

/// Compiles what `entries` need; with `tls`, so that it can speak to an encrypted Kafka.
///
/// # Errors
/// It does not compile.
pub fn compile(root: &Path, profile: Profile, tls: bool, entries: &[&Entry]) -> anyhow::Result<()> {
    let features: &[&str] = if tls { &TLS } else { &[] };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    if profile == Profile::Dev {
        // The whole workspace, as `make test` compiles it: a part of it would be another choice of features, and so
        // another compilation.
        let mut command = Command::new(cargo);
        command
            .current_dir(root)
            .args(["build", "--quiet", "--workspace", "--bins"])
            .args(features);
        let status = command.status().context("run cargo")?;
        ensure!(status.success(), "the programs do not compile");
        return Ok(());
    }
    for engine in [false, true] {
        if !entries.iter().any(|entry| entry.engine == engine) {
            continue;
        }
        // All of them, whichever are wanted: cargo chooses features for what it compiles together, and an image must
        // not depend on which others were made with it.
        let mut packages: Vec<_> = CATALOGUE
            .iter()
            .filter(|entry| entry.engine == engine)
            .flat_map(|entry| entry.programs.iter().map(|(package, _)| *package))
            .collect();
        packages.dedup();
        let mut command = Command::new(&cargo);
        command.current_dir(root).args(["build", "--quiet", "--bins", "--release"]).args(features);
        for package in packages {
            command.args(["--package", package]);
        }
        if !engine {
            statically(&mut command);
        }
        let status = command.status().context("run cargo")?;
        ensure!(status.success(), "the programs do not compile");
    }
    Ok(())
}

/// Makes a `cargo build` one of static programs, which lie below `target/<triple>` then.
pub fn statically(command: &mut Command) {
    // With a target of its own the flag does not reach build scripts, which stay as they are.
    command.args(["--target", &triple()]).env("RUSTFLAGS", "-C target-feature=+crt-static");
    // librdkafka's own build puts a file's functions into one piece, so that a linker could leave none of them out.
    command.env("CFLAGS", "-ffunction-sections -fdata-sections");
}

/// Where the compiled program lies, without symbols.
///
/// # Errors
/// It is not there, or `strip` (binutils) does not run.
pub fn program(
    root: &Path,
    work: &Path,
    profile: Profile,
    entry: &Entry,
    name: &str,
) -> anyhow::Result<PathBuf> {
    let target = root.join("target");
    let compiled = match (profile, entry.engine) {
        (Profile::Dev, _) => target.join("debug").join(name),
        (Profile::Release, true) => target.join("release").join(name),
        (Profile::Release, false) => target.join(triple()).join("release").join(name),
    };
    ensure!(compiled.is_file(), "{} is missing: compile it first", compiled.display());
    if profile == Profile::Release {
        return Ok(compiled);
    }
    let stripped = work.join(name);
    let mut output = OsString::from("--output-file=");
    output.push(&stripped);
    let status = Command::new("strip").arg(output).arg(&compiled).status();
    let status = status.context("run strip, of the package binutils")?;
    ensure!(status.success(), "strip cannot read {}", compiled.display());
    Ok(stripped)
}

/// The name of this machine's target.
pub fn triple() -> String {
    format!("{}-unknown-linux-gnu", std::env::consts::ARCH)
}
