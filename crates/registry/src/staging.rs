//! Files on their way: hidden and locked until they are whole, then renamed.
//!
//! A writer that is killed leaves its file behind, unlocked; the next writer in the folder clears it away.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::NamedTempFile;

use crate::{Digest, Error, Hasher, Result};

const PREFIX: &str = ".part-";
/// Between making and locking its file a writer looks dead, so young files are left alone.
const GRACE: Duration = Duration::from_secs(60);

/// A file whose digest is known before its bytes: nothing is seen of it until [`Promised::commit`].
pub(crate) struct Promised {
    file: NamedTempFile,
    hasher: Hasher,
    digest: Digest,
    target: PathBuf,
}

impl Promised {
    /// Starts the file that will lie at `folder/name`.
    pub(crate) fn new(folder: &Path, name: &str, digest: &Digest) -> Result<Self> {
        let file = stage(folder).map_err(|e| Error::io(folder, e))?;
        let (hasher, target) = (Hasher::default(), folder.join(name));
        Ok(Promised { file, hasher, digest: digest.clone(), target })
    }

    /// Where it will lie.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Puts the file in its place if its bytes are the promised ones, and tells how many they are.
    /// `what` names it in the error if they are not.
    pub(crate) fn commit(self, what: &str) -> Result<(PathBuf, u64)> {
        let size = self.hasher.size();
        self.hasher.finish().must_be(&self.digest, what)?;
        persist(self.file, &self.target).map_err(|e| Error::io(&self.target, e))?;
        Ok((self.target, size))
    }
}

impl Write for Promised {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        self.hasher.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A new file in `folder`, held by this process.
pub(crate) fn stage(folder: &Path) -> io::Result<NamedTempFile> {
    let file = NamedTempFile::with_prefix_in(PREFIX, folder)?;
    file.as_file().lock()?;
    Ok(file)
}

/// Puts a whole file in its place, readable by everyone as other tools leave theirs.
pub(crate) fn persist(file: NamedTempFile, target: &Path) -> io::Result<()> {
    seal(&file)?;
    file.persist(target).map_err(|error| error.error)?;
    Ok(())
}

/// Like [`persist`], but leaves a file alone that is there already.
pub(crate) fn persist_new(file: NamedTempFile, target: &Path) -> io::Result<()> {
    seal(&file)?;
    match file.persist_noclobber(target) {
        Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => Err(error.error),
        _ => Ok(()),
    }
}

fn seal(file: &NamedTempFile) -> io::Result<()> {
    file.as_file().set_permissions(Permissions::from_mode(0o644))?;
    file.as_file().sync_all()
}

/// Removes what killed writers left in `folder`. That it cannot is no reason to fail.
pub(crate) fn sweep(folder: &Path) {
    let Ok(listing) = fs::read_dir(folder) else { return };
    for entry in listing.flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if ours && is_abandoned(&entry.path()).unwrap_or(false) {
            tracing::info!(path = %entry.path().display(), "clearing away a killed writer's file");
            let _gone = fs::remove_file(entry.path());
        }
    }
}

fn is_abandoned(path: &Path) -> io::Result<bool> {
    let file = File::open(path)?;
    let age = SystemTime::now().duration_since(file.metadata()?.modified()?).unwrap_or_default();
    Ok(age > GRACE && file.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn only_old_files_of_dead_writers_are_cleared_away() {
        let dir = tempfile::tempdir().unwrap();
        let old = |file: &File| file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        let dead = dir.path().join(".part-dead");
        old(&File::create(&dead).unwrap());
        let young = dir.path().join(".part-young");
        File::create(&young).unwrap();
        let other = dir.path().join("model");
        old(&File::create(&other).unwrap());
        let living = stage(dir.path()).unwrap();
        old(living.as_file());

        sweep(dir.path());
        let left = |path: &Path| path.exists();
        assert!(!left(&dead));
        assert!(left(&young) && left(&other) && left(living.path()));
    }
}
