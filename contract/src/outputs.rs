//! The files a step leaves: one per output parameter, written whole or not at all.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Serialize;

/// An output parameter, as `--describe` tells it and the WorkflowTemplate declares it.
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
    /// Makes the folder where it is missing.
    ///
    /// # Errors
    /// The folder cannot be written to (exit 2).
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let refuse = |error: std::io::Error| {
            crate::usage(
                format!("cannot write to the outputs folder {}: {error}", folder.display()),
                "give --outputs a writable folder",
            )
        };
        std::fs::create_dir_all(folder).map_err(refuse)?;
        tempfile::tempfile_in(folder).map_err(refuse)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Writes `<folder>/<name>`: readers see the old content or the new, never a part.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn write(&self, name: &str, content: &str) -> anyhow::Result<()> {
        let path = self.folder.join(name);
        let attempt = || -> std::io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            file.write_all(content.as_bytes())?;
            file.as_file().sync_all()?;
            // A tempfile is private by default; the next container runs as another user.
            let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
            file.as_file().set_permissions(readable)?;
            file.persist(&path)?;
            Ok(())
        };
        attempt().with_context(|| format!("write {}", path.display()))
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
    fn a_folder_that_cannot_be_made_is_wrong_usage() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Outputs::open(&file.path().join("below")).unwrap_err();
        assert_eq!(crate::fault::exit_code(&error), crate::exit::USAGE);
    }
}
