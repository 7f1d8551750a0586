//! The files a step leaves: one per output parameter, written whole or not at all.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use fault::of_disk;

/// An output parameter, as `--describe` names it and the WorkflowTemplate declares it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct OutputSpec {
    pub name: &'static str,
    pub about: &'static str,
    /// What Argo gives to the next step when this one did not run.
    pub default: &'static str,
}

/// The outputs every step has.
pub const COMMON_OUTPUTS: [OutputSpec; 3] = [
    OutputSpec { name: "verdict", about: "pass, fail or inconclusive", default: "inconclusive" },
    OutputSpec {
        name: "reason",
        about: "One sentence that says why",
        default: "the step did not run",
    },
    OutputSpec {
        name: "event-id",
        about: "Id of the outcome event; the next step's --cause",
        default: "",
    },
];

/// The folder of `--outputs`.
#[derive(Debug)]
pub struct Outputs {
    folder: PathBuf,
}

impl Outputs {
    /// Makes the folder where it is missing, and clears away the verdict of an earlier run, which is none of this one.
    ///
    /// # Errors
    /// The folder cannot be written to (exit 2), or its disk is full (exit 75).
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let refuse = |error: io::Error| of_disk("write to the outputs folder", folder, &error);
        std::fs::create_dir_all(folder).map_err(refuse)?;
        tempfile::tempfile_in(folder).map_err(refuse)?;
        let outputs = Self { folder: folder.to_owned() };
        outputs.remove("verdict").map_err(refuse)?;
        Ok(outputs)
    }

    /// Removes what this run wrote: a verdict whose event cannot be emitted is none.
    pub(crate) fn take_back<'a>(&self, names: impl IntoIterator<Item = &'a str>) {
        for name in names {
            if let Err(error) = self.remove(name) {
                tracing::warn!(name, %error, "an output of a run without an event cannot be removed");
            }
        }
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match std::fs::remove_file(self.folder.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Writes `<folder>/<name>`: readers see the old content or the new, never a part.
    ///
    /// # Errors
    /// The disk refuses: it is full (exit 75), or nothing can be written there (exit 2).
    pub fn write(&self, name: &str, content: &str) -> anyhow::Result<()> {
        let path = self.folder.join(name);
        let attempt = || -> io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            file.write_all(content.as_bytes())?;
            file.as_file().sync_all()?;
            // A tempfile is private by default; the next container runs as another user.
            let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
            file.as_file().set_permissions(readable)?;
            file.persist(&path)?;
            Ok(())
        };
        attempt().map_err(|error| of_disk(&format!("write {name} to"), &self.folder, &error))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_second_write_replaces_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let outputs = Outputs::open(&dir.path().join("new/folder")).unwrap();
        outputs.write("verdict", "fail").unwrap();
        outputs.write("verdict", "pass").unwrap();
        assert_eq!(std::fs::read_to_string(dir.path().join("new/folder/verdict")).unwrap(), "pass");
    }

    #[test]
    fn the_verdict_of_an_earlier_run_is_gone_and_one_that_was_taken_back_too() {
        let dir = tempfile::tempdir().unwrap();
        Outputs::open(dir.path()).unwrap().write("verdict", "pass").unwrap();
        let outputs = Outputs::open(dir.path()).unwrap();
        assert!(!dir.path().join("verdict").exists());
        outputs.write("verdict", "pass").unwrap();
        outputs.take_back(["verdict", "reason"]);
        assert!(!dir.path().join("verdict").exists());
    }

    #[test]
    fn a_folder_that_went_away_is_named_with_the_way_out() {
        let dir = tempfile::tempdir().unwrap();
        let outputs = Outputs::open(dir.path()).unwrap();
        std::fs::remove_dir(dir.path()).unwrap();
        let error = outputs.write("verdict", "pass").unwrap_err();
        assert_eq!(fault::exit_code(&error), fault::exit::USAGE);
        let said = fault::render(&error);
        assert!(
            said.contains("cannot write verdict to ") && said.contains("has to be a folder"),
            "{said}"
        );
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_wrong_usage() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Outputs::open(&file.path().join("below")).unwrap_err();
        assert_eq!(fault::exit_code(&error), fault::exit::USAGE);
    }
}
