//! From sources to programs: cargo, and for the dev profile `strip`.

use std::ffi::OsString;
use std::fs;
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
        if !engine && !features.is_empty() {
            ensure_locks(root)?;
        }
    }
    Ok(())
}

/// Makes a `cargo build` one of static programs, which lie below `target/<triple>` then.
pub fn statically(command: &mut Command) {
    // With a target of its own the flag does not reach build scripts, which stay as they are.
    command.args(["--target", &triple()]).env("RUSTFLAGS", "-C target-feature=+crt-static");
    // librdkafka's own build puts a file's functions into one piece, so that a linker could leave none of them out.
    // Of cc-rs's flags -static must not be there: OpenSSL then leaves its locks out, and librdkafka's threads break it.
    command.env("CRATE_CC_NO_DEFAULTS", "1");
    command.env("CFLAGS", "-O2 -fPIC -ffunction-sections -fdata-sections");
}

/// Fails where the OpenSSL of the static programs was configured without threads.
///
/// Such a program dies of a double free in one run of two, and never in a test that has one connection.
fn ensure_locks(root: &Path) -> anyhow::Result<()> {
    let build = root.join("target").join(triple()).join("release/build");
    let header = "out/openssl-build/install/include/openssl/configuration.h";
    let built = fs::read_dir(&build).with_context(|| format!("read {}", build.display()))?;
    let newest = built
        .filter_map(|entry| entry.ok().map(|entry| entry.path().join(header)))
        .filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path)))
        .max();
    let (_, path) = newest.with_context(|| format!("no OpenSSL below {}", build.display()))?;
    let text = fs::read_to_string(&path)?;
    ensure!(
        has_locks(&text),
        "{} is an OpenSSL without threads: remove its folder",
        path.display()
    );
    Ok(())
}

fn has_locks(configuration: &str) -> bool {
    configuration.lines().any(|line| line.split_whitespace().eq(["#", "define", "OPENSSL_THREADS"]))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_openssl_without_threads_is_told_by_its_header() {
        assert!(has_locks("# ifndef OPENSSL_THREADS\n#  define OPENSSL_THREADS\n# endif\n"));
        assert!(!has_locks("#  define OPENSSL_NO_THREAD_POOL\n# ifdef OPENSSL_THREADS\n"));
    }
}
