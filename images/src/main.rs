//! `make images`: compile, assemble, write, push, and print the sizes.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use clap::Parser as _;
use images::assemble::{Shelf, Surroundings, assemble};
use images::catalogue::{CATALOGUE, Entry};
use images::overlay::{self, Written};
use images::programs::{Profile, compile, program};
use images::table::{over_budget, table};
use registry::{Client, Reference, RegistryArgs, blocking};

/// Makes the container images of the steps and the scorer, without a daemon
#[derive(Debug, clap::Parser)]
#[command(name = "images", version, max_term_width = 100)]
struct Args {
    /// Images to make; all if none is named
    names: Vec<String>,

    /// How the programs are compiled; only release is held to the budget
    #[arg(long, value_enum, default_value = "release")]
    profile: Profile,

    /// With what an encrypted Kafka needs: TLS, and users by SCRAM
    #[arg(long)]
    tls: bool,

    /// Registry to push to, host[:port][/path]; without one the images stay in --out
    #[arg(long, env = "REGISTRY", default_value = "")]
    registry: String,

    /// Tag of the images in the registry
    #[arg(long, default_value = env!("CARGO_PKG_VERSION"))]
    tag: String,

    /// Folder for an OCI layout an image, and for the kustomize component with the digests
    #[arg(long, default_value = "target/images")]
    out: PathBuf,

    /// Folder below overlays/ that takes these images by digest
    #[arg(long, value_name = "NAME")]
    overlay: Option<String>,

    /// File of certificates in PEM form that go into the images
    #[arg(long, value_name = "FILE", default_value = "/etc/ssl/certs/ca-certificates.crt")]
    certificates: PathBuf,

    #[command(flatten)]
    registries: RegistryArgs,
}

#[expect(clippy::print_stderr, reason = "the one place where an error is rendered for people")]
fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the workspace's folder")?;
    let entries = chosen(&args.names)?;
    let overlay = args.overlay.as_ref().map(|name| root.join("overlays").join(name));
    if let Some(folder) = &overlay {
        ensure!(folder.is_dir(), "there is no overlay at {}", folder.display());
    }
    compile(root, args.profile, args.tls, &entries)?;
    let around = Surroundings {
        certificates: args.certificates.clone(),
        engine: root.join("target/onnxruntime"),
        license: root.join("LICENSE"),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let client = args.registries.client();
    let work = tempfile::tempdir().context("a folder for layers on their way")?;
    let shelf = Shelf::new(work.path());
    let (mut made, mut written) = (Vec::new(), Vec::new());
    for entry in entries {
        let programs: Vec<PathBuf> = entry
            .programs
            .iter()
            .map(|(_, name)| program(root, work.path(), args.profile, entry, name))
            .collect::<anyhow::Result<_>>()?;
        let image = assemble(entry, &programs, &around, &shelf)
            .with_context(|| format!("put {} together", entry.name))?;
        written.push(write(args, &client, entry, &image.image)?);
        made.push((entry, image));
    }
    overlay::write(&args.out.join("kustomize"), &written)?;
    let digests = args.out.join("digests.env");
    let lines = overlay::lines(&written);
    fs::write(&digests, &lines).with_context(|| format!("write {}", digests.display()))?;
    if let Some(folder) = overlay {
        overlay::write(&folder.join("images"), &written)?;
    }
    let mut out = std::io::stdout().lock();
    write!(out, "{}\n{lines}", table(&made, args.profile, args.tls))?;
    let over = over_budget(&made, args.tls);
    ensure!(
        args.profile == Profile::Dev || over.is_empty(),
        "over budget: {}; look at what the programs link",
        over.join(", ")
    );
    Ok(())
}

fn chosen(names: &[String]) -> anyhow::Result<Vec<&'static Entry>> {
    if names.is_empty() {
        return Ok(CATALOGUE.iter().collect());
    }
    let find = |name: &String| {
        let known = || CATALOGUE.iter().map(|entry| entry.name).collect::<Vec<_>>().join(", ");
        let found = CATALOGUE.iter().find(|entry| entry.name == name);
        found.with_context(|| format!("no image `{name}`; there are {}", known()))
    };
    names.iter().map(find).collect()
}

/// Writes the image as a layout and, if a registry is named, pushes it.
fn write(
    args: &Args,
    client: &Client,
    entry: &Entry,
    image: &registry::Image,
) -> anyhow::Result<Written> {
    let name = format!("headgate/{}", entry.name);
    let folder = args.out.join(entry.name);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("clear {}", folder.display()))?;
    }
    let layout: Reference = format!("oci:{}:{}", folder.display(), args.tag).parse()?;
    blocking::publish(client, image, &layout, &[])?;
    let mut repository = name.clone();
    if !args.registry.is_empty() {
        repository = format!("{}/{name}", args.registry.trim_end_matches('/'));
        let target: Reference = format!("{repository}:{}", args.tag).parse()?;
        blocking::publish(client, image, &target, &[])
            .with_context(|| format!("push {repository}"))?;
    }
    Ok(Written { name, repository, digest: image.digest().clone() })
}
