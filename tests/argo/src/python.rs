//! The image of the step in `tests/other-language`: Python and kcat of this machine, as a team's base image would have.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use registry::{Client, LayerBuilder, Platform, Recipe, Reference, blocking};

use crate::cluster::run;

const PYTHON: &str = "/usr/bin/python3";

/// Builds the image and pushes it to `repository`; its name by digest, as the nodes pull it.
///
/// # Errors
/// Python or kcat are missing, or the registry refuses.
pub fn push(repository: &str, client: &Client, work: &Path) -> anyhow::Result<String> {
    std::fs::create_dir_all(work)?;
    let ask = "import sys, sysconfig; print(sysconfig.get_paths()['stdlib'])";
    let library = PathBuf::from(run(Command::new(PYTHON).args(["-I", "-c", ask]), None)?.trim());
    let kcat = PathBuf::from(run(Command::new("which").arg("kcat"), None)?.trim());
    let name = library.file_name().context("Python's library has a name")?;
    let copy = work.join(name);
    if !copy.exists() {
        // Links are followed: an image holds what they point to.
        let script = "cp -rL \"$1\" \"$2\" 2>/dev/null; \
                      rm -rf \"$2\"/{test,idlelib,tkinter,lib2to3,ensurepip,config-*,dist-packages}; \
                      find \"$2\" -name __pycache__ -prune -exec rm -rf {} +";
        run(Command::new("bash").args(["-c", script, "copy"]).arg(&library).arg(&copy), None)?;
    }
    let modules = std::fs::read_dir(copy.join("lib-dynload"))?;
    let mut programs: Vec<PathBuf> =
        modules.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<_>>()?;
    programs.extend([PathBuf::from(PYTHON), kcat.clone()]);
    let mut layer = LayerBuilder::new().shared_folder("/tmp")?;
    for shared in images::libraries::of(&programs)? {
        layer = layer.file(shared.to_str().context("a library's path is not UTF-8")?, &shared)?;
    }
    let library = library.to_str().context("Python's path is not UTF-8")?;
    let layer = layer
        .tree(library, &copy)?
        .file(PYTHON, Path::new(PYTHON))?
        .file("/usr/local/bin/kcat", &kcat)?
        .file(
            "/usr/local/bin/check-traffic",
            &harness::root().join("tests/other-language/step.py"),
        )?
        .build()?;
    let mut recipe = Recipe::new(platform()?);
    recipe.env = [("PATH".to_owned(), "/usr/local/bin:/usr/bin".to_owned())].into();
    recipe.user = Some("65532:65532".to_owned());
    recipe.layers = vec![layer];
    let target: Reference = repository.parse()?;
    let published = blocking::publish(client, &recipe.assemble()?, &target, &[])?;
    let image = published.image.to_string();
    ensure!(image.contains("@sha256:"), "{image} is not by digest");
    Ok(image)
}

/// This machine's platform, which is the cluster's too.
pub(crate) fn platform() -> anyhow::Result<Platform> {
    Ok(match std::env::consts::ARCH {
        "x86_64" => "linux/amd64".parse()?,
        "aarch64" => "linux/arm64".parse()?,
        other => anyhow::bail!("no image for {other}"),
    })
}
