//! OCI image layouts: a folder of blobs by digest and an index of what they are.
//!
//! Every file appears by a rename once it is whole and verified, so a killed writer leaves no torn blob, and a
//! blob that exists is never written again.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::staging::{self, Promised};
use crate::{Descriptor, Digest, Error, Result, Select, json, media_type};
use serde_json::{Value, json};

const REF_NAME: &str = "org.opencontainers.image.ref.name";
const MARKER: &str = "oci-layout";
const INDEX: &str = "index.json";

/// An OCI image layout, version 1.0.0.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Opens the layout in `root`.
    pub fn open(root: &Path) -> Result<Self> {
        let marker = root.join(MARKER);
        let text = fs::read(&marker).map_err(|e| Error::io(&marker, e))?;
        let version = serde_json::from_slice::<Value>(&text)
            .ok()
            .and_then(|value| value["imageLayoutVersion"].as_str().map(str::to_owned));
        match version.as_deref() {
            Some("1.0.0") => Ok(Layout { root: root.to_owned() }),
            other => {
                let why = format!("layout version is {other:?}, only 1.0.0 is known");
                Err(Error::invalid(root.display().to_string(), why))
            }
        }
    }

    /// Opens the layout in `root`, or makes one there if the folder is missing or empty.
    pub fn create(root: &Path) -> Result<Self> {
        let blobs = root.join("blobs/sha256");
        staging::sweep(&blobs);
        staging::sweep(root);
        if root.join(MARKER).exists() {
            return Layout::open(root);
        }
        let taken = fs::read_dir(root).is_ok_and(|mut listing| {
            // A writer killed between its first steps leaves `blobs` and no marker; that is ours to finish.
            listing.any(|entry| {
                entry.is_ok_and(|entry| {
                    let name = entry.file_name();
                    name != "blobs" && !name.to_string_lossy().starts_with(".part-")
                })
            })
        });
        // Another writer may have made the layout between the two looks.
        if taken && !root.join(MARKER).exists() {
            let why = "the folder holds other things than an OCI layout; name an empty one";
            return Err(Error::invalid(root.display().to_string(), why));
        }
        fs::create_dir_all(&blobs).map_err(|e| Error::io(&blobs, e))?;
        let layout = Layout { root: root.to_owned() };
        layout.mark()?;
        Ok(layout)
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Which manifest or index `select` names, from `index.json` or, by digest, from the blobs themselves.
    pub(crate) fn resolve(&self, select: &Select) -> Result<Descriptor> {
        if let Select::Digest(digest) = select {
            let path = self.blob_path(digest);
            let size = fs::metadata(&path).map_err(|e| Error::io(&path, e))?.len();
            return Ok(Descriptor::new("", digest.clone(), size));
        }
        let entries = self.entries(&self.read_index()?)?;
        let mut chosen = entries.into_iter().filter(|entry| match select {
            Select::Tag(tag) => entry.annotations.get(REF_NAME) == Some(tag),
            Select::Only | Select::Digest(_) => true,
        });
        let what = || format!("image oci:{}{select}", self.root.display());
        match (chosen.next(), chosen.next()) {
            (None, _) => Err(Error::not_found(what())),
            (Some(first), second) if second.as_ref().is_none_or(|it| it.digest == first.digest) => {
                Ok(first)
            }
            _ => {
                Err(Error::invalid(what(), "the layout holds several images; name a tag or digest"))
            }
        }
    }

    /// Where the blob lies or would lie.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.root.join("blobs/sha256").join(digest.hex())
    }

    /// Whether the blob is there in full.
    pub(crate) fn has(&self, digest: &Digest, size: u64) -> bool {
        fs::metadata(self.blob_path(digest)).is_ok_and(|it| it.is_file() && it.len() == size)
    }

    /// A small blob, verified.
    pub(crate) fn read(&self, digest: &Digest) -> Result<Vec<u8>> {
        let path = self.blob_path(digest);
        let bytes = fs::read(&path).map_err(|e| Error::io(&path, e))?;
        Digest::of(&bytes).must_be(digest, &path.display().to_string())?;
        Ok(bytes)
    }

    /// Starts a blob that is known by `digest`.
    pub(crate) fn writer(&self, digest: &Digest) -> Result<Promised> {
        Promised::new(&self.root.join("blobs/sha256"), digest.hex(), digest)
    }

    /// Writes a small blob, verified.
    pub(crate) fn write(&self, digest: &Digest, bytes: &[u8]) -> Result<()> {
        let mut writer = self.writer(digest)?;
        writer.write_all(bytes).map_err(|e| Error::io(writer.target(), e))?;
        writer.commit(&format!("blob {digest}"))?;
        Ok(())
    }

    /// Lists a manifest in `index.json`, under each of `tags` or, with none, by its digest alone.
    /// The index is written only where that changes it.
    pub(crate) fn list(&self, manifest: &Descriptor, tags: &[String]) -> Result<()> {
        // Two builds into one layout must not lose each other's entries.
        let marker = self.root.join(MARKER);
        let lock = File::open(&marker).map_err(|e| Error::io(&marker, e))?;
        lock.lock().map_err(|e| Error::io(&marker, e))?;
        let mut index = self.read_index()?;
        let before = index.clone();
        let Some(entries) = index["manifests"].as_array_mut() else {
            return Err(self.broken_index());
        };
        let name = |entry: &Value| entry["annotations"][REF_NAME].as_str().map(str::to_owned);
        entries.retain(|entry| name(entry).is_none_or(|name| !tags.contains(&name)));
        let listed = entries.iter().any(|entry| entry["digest"] == manifest.digest.as_str());
        for tag in tags {
            let mut entry = manifest.clone();
            entry.annotations.insert(REF_NAME.to_owned(), tag.clone());
            entries.push(json!(entry));
        }
        if tags.is_empty() && !listed {
            entries.push(json!(manifest));
        }
        entries.sort_by_key(|entry| (name(entry), entry["digest"].to_string()));
        if index == before { Ok(()) } else { self.replace(INDEX, &json::canonical(&index)) }
    }

    fn read_index(&self) -> Result<Value> {
        let path = self.root.join(INDEX);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| self.broken_index()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok(json!({"schemaVersion": 2, "mediaType": media_type::INDEX, "manifests": []}))
            }
            Err(error) => Err(Error::io(&path, error)),
        }
    }

    fn entries(&self, index: &Value) -> Result<Vec<Descriptor>> {
        serde_json::from_value(index["manifests"].clone()).map_err(|_| self.broken_index())
    }

    fn broken_index(&self) -> Error {
        let what = self.root.join(INDEX).display().to_string();
        Error::invalid(what, "not an OCI image index")
    }

    /// Writes the marker unless it is there. It is never replaced, for writers lock the one file.
    fn mark(&self) -> Result<()> {
        let target = self.root.join(MARKER);
        let write = || -> io::Result<()> {
            let mut file = staging::stage(&self.root)?;
            file.write_all(&json::canonical(&json!({"imageLayoutVersion": "1.0.0"})))?;
            staging::persist_new(file, &target)
        };
        write().map_err(|e| Error::io(&target, e))
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let target = self.root.join(name);
        let write = || -> io::Result<()> {
            let mut file = staging::stage(&self.root)?;
            file.write_all(bytes)?;
            staging::persist(file, &target)
        };
        write().map_err(|e| Error::io(&target, e))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_blob_with_other_bytes_than_promised_never_appears() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::create(&dir.path().join("images")).unwrap();
        let promised = Digest::of(b"good");
        let error = layout.write(&promised, b"evil").unwrap_err();
        assert!(matches!(error, Error::DigestMismatch { .. }), "{error}");
        assert!(!layout.has(&promised, 4));
        layout.write(&promised, b"good").unwrap();
        assert!(layout.has(&promised, 4));
        let left = fs::read_dir(layout.root().join("blobs/sha256")).unwrap().count();
        assert_eq!(left, 1, "the torn file was removed");
    }

    #[test]
    fn a_tag_moves_and_the_other_entries_stay() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::create(dir.path()).unwrap();
        let old = Descriptor::of(media_type::MANIFEST, b"old");
        let new = Descriptor::of(media_type::MANIFEST, b"new");
        let select = |tag: &str| layout.resolve(&Select::Tag(tag.to_owned())).unwrap().digest;
        layout.list(&old, &["v1".to_owned(), "latest".to_owned()]).unwrap();
        layout.list(&new, &["latest".to_owned()]).unwrap();
        assert_eq!((select("v1"), select("latest")), (old.digest, new.digest));
        let error = layout.resolve(&Select::Only).unwrap_err();
        assert!(error.to_string().contains("several images"), "{error}");
    }

    #[test]
    fn listing_again_leaves_the_index_untouched() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::create(dir.path()).unwrap();
        let manifest = Descriptor::of(media_type::MANIFEST, b"m");
        layout.list(&manifest, &["v1".to_owned()]).unwrap();
        let before = fs::metadata(dir.path().join(INDEX)).unwrap();
        layout.list(&manifest, &["v1".to_owned()]).unwrap();
        layout.list(&manifest, &[]).unwrap();
        let after = fs::metadata(dir.path().join(INDEX)).unwrap();
        use std::os::unix::fs::MetadataExt;
        assert_eq!(before.ino(), after.ino());
    }

    #[test]
    fn a_folder_with_other_things_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("thesis.txt"), "precious").unwrap();
        let error = Layout::create(dir.path()).unwrap_err();
        assert!(error.to_string().contains("name an empty one"), "{error}");
    }
}
