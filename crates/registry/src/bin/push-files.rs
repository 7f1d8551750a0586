//! Pushes files as an artifact that the flags of steps can name.
//!
//! `push-files <reference> <file>...` prints the artifact by digest, `oci://<registry>/<repository>@sha256:<hex>`;
//! with `#<name>` after it, it is the value of a flag such as `--schema`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use registry::{Error, Image, Reference, RegistryArgs, blocking};

/// Push files as an artifact and print its reference by digest
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Cli {
    /// Where the artifact goes: [oci://]host[:port]/repository[:tag], or oci:<folder>[:<tag>]
    reference: Reference,

    /// The files; each is found again by the last part of its path
    #[arg(required = true)]
    files: Vec<PathBuf>,

    #[command(flatten)]
    registry: RegistryArgs,
}

#[expect(clippy::print_stderr, reason = "where the error is rendered for people")]
fn main() -> ExitCode {
    let cli = Cli::parse();
    let error = match push(&cli) {
        Ok(pushed) => {
            let found = writeln!(std::io::stdout(), "{pushed}");
            return ExitCode::from(u8::from(found.is_err()));
        }
        Err(error) => error,
    };
    eprintln!("error: {error}");
    if let Some(hint) = error.hint() {
        eprintln!("hint: {hint}");
    }
    // The exit codes of the step contract: a transient failure, and wrong usage.
    ExitCode::from(if error.is_transient() { 75 } else { 2 })
}

fn push(cli: &Cli) -> Result<String, Error> {
    let image = Image::of_files(&cli.files)?;
    let published = blocking::publish(&cli.registry.client(), &image, &cli.reference, &[])?;
    Ok(match cli.reference {
        Reference::Registry { .. } => format!("oci://{}", published.image),
        Reference::Layout { .. } => published.image,
    })
}
