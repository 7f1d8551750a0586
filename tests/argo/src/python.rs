//! The image of the step in `tests/other-language`: Python and kcat of this machine, as a team's base image would have.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use images::libraries;
use registry::{Client, Image, LayerBuilder, Platform, Recipe, Reference, blocking};

use crate::cluster::run;

const PYTHON: &str = "/usr/bin/python3";

/// Builds the image and pushes it to `repository`; its name by digest, as the nodes pull it.
///
/// # Errors
/// Python or kcat are missing, or the registry refuses.
pub fn push(repository: &str, client: &Client, work: &Path) -> anyhow::Result<String> {
    let target: Reference = repository.parse()?;
    let published = blocking::publish(client, &build(work)?, &target, &[])?;
    let image = published.image.to_string();
    ensure!(image.contains("@sha256:"), "{image} is not by digest");
    Ok(image)
}

/// The image, of files below `work` and of this machine, which have to stay until it is written.
///
/// # Errors
/// Python or kcat are missing, or are no programs that run by themselves.
pub fn build(work: &Path) -> anyhow::Result<Image> {
    std::fs::create_dir_all(work)?;
    let ask = "import sys, sysconfig; print(sysconfig.get_paths()['stdlib'])";
    let library = PathBuf::from(run(Command::new(PYTHON).args(["-I", "-c", ask]), None)?.trim());
    let kcat = run(Command::new("which").arg("kcat"), None).context("apt-get install kcat")?;
    let kcat = std::fs::canonicalize(kcat.trim())?;
    // A script would need a shell, which the image has not.
    let head = std::fs::read(&kcat)?;
    ensure!(head.starts_with(b"\x7fELF"), "{} is no program but a script", kcat.display());
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
    let needed = libraries::of(&programs)?;
    for shared in &needed {
        layer = layer.file(shared.to_str().context("a library's path is not UTF-8")?, shared)?;
    }
    let library = library.to_str().context("Python's path is not UTF-8")?;
    let layer = layer
        .tree(library, &copy)?
        .file(PYTHON, Path::new(PYTHON))?
        .file("/usr/local/bin/kcat", &kcat)?
        .file(
            "/usr/local/bin/check-traffic",
            &testkit::root().join("tests/other-language/step.py"),
        )?
        .build()?;
    let mut recipe = Recipe::new(platform()?);
    recipe.env = BTreeMap::from([("PATH".to_owned(), "/usr/local/bin:/usr/bin".to_owned())]);
    let searched = libraries::search_path(&needed);
    recipe.env.extend(searched.map(|path| (libraries::SEARCHED.to_owned(), path)));
    recipe.user = Some("65532:65532".to_owned());
    recipe.layers = vec![layer];
    Ok(recipe.assemble()?)
}

/// This machine's platform, which is the cluster's too.
pub(crate) fn platform() -> anyhow::Result<Platform> {
    Ok(match std::env::consts::ARCH {
        "x86_64" => "linux/amd64".parse()?,
        "aarch64" => "linux/arm64".parse()?,
        other => anyhow::bail!("no image for {other}"),
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use registry::Options;
    use testkit::rootfs::Rootfs;

    use super::*;

    #[test]
    fn kcat_and_the_step_run_with_nothing_but_the_image() {
        let folder = tempfile::tempdir().unwrap();
        let image = build(&folder.path().join("work")).unwrap();
        let layout = folder.path().join("layout");
        let to: Reference = format!("oci:{}:test", layout.display()).parse().unwrap();
        blocking::publish(&Client::new(Options::default()), &image, &to, &[]).unwrap();
        let inside = Rootfs::unpack(&layout, "test", &folder.path().join("bundle")).unwrap();

        let found = inside.run("/usr/local/bin/kcat", &["-V"]).unwrap();
        let words = format!("{}{}", text(&found.stdout), text(&found.stderr));
        assert!(found.status.success() && words.contains("librdkafka"), "{words}");
        let step = "/usr/local/bin/check-traffic";
        let found = inside.run(PYTHON, &[step, "--describe"]).unwrap();
        assert!(found.status.success(), "{}", text(&found.stderr));
        assert!(text(&found.stdout).contains("check-traffic"), "{}", text(&found.stdout));
    }

    fn text(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).into_owned()
    }
}
