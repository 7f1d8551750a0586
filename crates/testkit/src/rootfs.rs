//! An image as a program in it sees it: unpacked, and with nothing else around.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, ensure};
use serde_json::Value;

/// An unpacked image.
#[derive(Debug)]
pub struct Rootfs {
    /// The root folder.
    pub folder: PathBuf,
    /// `process` of the OCI runtime's settings: args, env, user.
    pub process: Value,
}

impl Rootfs {
    /// Unpacks the image `tag` of an OCI layout into `bundle`, which must not be there yet.
    ///
    /// # Errors
    /// `umoci` is missing, or does not understand the layout.
    pub fn unpack(layout: &Path, tag: &str, bundle: &Path) -> anyhow::Result<Self> {
        let found = Command::new("umoci")
            .args(["unpack", "--rootless", "--image"])
            .arg(format!("{}:{tag}", layout.display()))
            .arg(bundle)
            .output()
            .context("umoci is needed: apt-get install umoci")?;
        ensure!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
        let settings = std::fs::read(bundle.join("config.json")).context("umoci's config.json")?;
        let settings: Value = serde_json::from_slice(&settings)?;
        Ok(Self { folder: bundle.join("rootfs"), process: settings["process"].clone() })
    }

    /// Runs a program of the image, given by its path, with the image's variables.
    ///
    /// # Errors
    /// `unshare` (util-linux) does not start.
    pub fn run(&self, program: &str, args: &[&str]) -> anyhow::Result<Output> {
        let variables = self.process["env"].as_array().into_iter().flatten();
        let variables = variables.filter_map(|it| it.as_str()?.split_once('='));
        // By its path: the image's variables hold for `unshare` too, and its PATH names folders of the image.
        Command::new("/usr/bin/unshare")
            .args(["--user", "--map-root-user", "--root"])
            .arg(&self.folder)
            .arg(program)
            .args(args)
            .env_clear()
            .envs(variables)
            .output()
            .context("run unshare, of the package util-linux")
    }
}
