//! One way to read an image, whether it lies in a layout or in a registry.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};

use serde::Deserialize;
use serde_json::Value;

use crate::answer::DOCUMENT_LIMIT;
use crate::auth::Scope;
use crate::digest::CHUNK;
use crate::pull::Repository;
use crate::{Client, Descriptor, Digest, Error, Layout, Platform, Reference, Result, Select};

/// A layout or a repository.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    Layout(Layout),
    Repository(Repository),
}

/// An image manifest as far as readers need it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) config: Descriptor,
    pub(crate) layers: Vec<Descriptor>,
    #[serde(default)]
    pub(crate) annotations: BTreeMap<String, String>,
}

/// An image that was found and the digest of its manifest.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) digest: Digest,
    pub(crate) manifest: Manifest,
}

impl Place {
    pub(crate) fn of(client: &Client, reference: &Reference) -> Result<Self> {
        Ok(match reference {
            Reference::Layout { dir, .. } => Place::Layout(Layout::open(dir)?),
            Reference::Registry { host, repository, .. } => {
                Place::Repository(Repository::new(client, host, repository))
            }
        })
    }

    /// The manifest that `select` names; out of an index, the one for `platform`.
    pub(crate) async fn image(&self, select: &Select, platform: &Platform) -> Result<Found> {
        let (mut digest, mut bytes) = self.document(select).await?;
        // An index may point at an index once; more is not seen in practice and could be a loop.
        for _ in 0..3 {
            let what = format!("manifest {digest}");
            let invalid = |why: String| Error::invalid(&what, why);
            let value: Value =
                serde_json::from_slice(&bytes).map_err(|e| invalid(e.to_string()))?;
            if value["layers"].is_array() {
                let manifest =
                    serde_json::from_value(value).map_err(|error| invalid(error.to_string()))?;
                return Ok(Found { digest, manifest });
            }
            let entries = value["manifests"].clone();
            let entries: Vec<Descriptor> = serde_json::from_value(entries)
                .map_err(|_| invalid("neither an image manifest nor an index".to_owned()))?;
            let chosen = choose(&entries, platform).ok_or_else(|| {
                let offered = entries.iter().filter_map(|entry| entry.platform.as_ref());
                let offered: Vec<_> = offered.map(Platform::to_string).collect();
                invalid(format!("no image for {platform}, only for {}", offered.join(", ")))
            })?;
            (digest, bytes) = self.document(&Select::Digest(chosen.digest.clone())).await?;
        }
        Err(Error::invalid(format!("manifest {digest}"), "indexes within indexes"))
    }

    /// A blob that fits into memory: a config.
    pub(crate) async fn small_blob(&self, blob: &Descriptor) -> Result<Vec<u8>> {
        if blob.size > DOCUMENT_LIMIT {
            let why = format!("{} bytes, more than 8 MiB", blob.size);
            return Err(Error::invalid(format!("blob {}", blob.digest), why));
        }
        let mut bytes = Vec::new();
        self.blob_into(blob, &mut bytes).await?;
        Digest::of(&bytes).must_be(&blob.digest, "blob")?;
        Ok(bytes)
    }

    /// Whether a blob is there in full.
    pub(crate) async fn has(&self, blob: &Descriptor) -> Result<bool> {
        match self {
            Place::Repository(repository) => {
                let scope = Scope::pull(&repository.name);
                repository.has_blob(&blob.digest, blob.size, &scope).await
            }
            Place::Layout(layout) => Ok(layout.has(&blob.digest, blob.size)),
        }
    }

    /// Writes the bytes of a blob into `sink`, in order and once; checking them is the caller's part.
    pub(crate) async fn blob_into(
        &self,
        blob: &Descriptor,
        sink: &mut (dyn Write + Send),
    ) -> Result<()> {
        match self {
            Place::Repository(repository) => repository.blob_into(blob, sink).await,
            Place::Layout(layout) => {
                let path = layout.blob_path(&blob.digest);
                let mut file = File::open(&path).map_err(|e| Error::io(&path, e))?;
                let mut buffer = vec![0; CHUNK];
                loop {
                    let read = file.read(&mut buffer).map_err(|e| Error::io(&path, e))?;
                    if read == 0 {
                        return Ok(());
                    }
                    sink.write_all(&buffer[..read]).map_err(|e| Error::io(&path, e))?;
                }
            }
        }
    }

    async fn document(&self, select: &Select) -> Result<(Digest, Vec<u8>)> {
        match self {
            Place::Repository(repository) => repository.manifest(select).await,
            Place::Layout(layout) => {
                let found = layout.resolve(select)?;
                if found.size > DOCUMENT_LIMIT {
                    let what = format!("manifest {}", found.digest);
                    return Err(Error::invalid(what, "larger than 8 MiB"));
                }
                let bytes = layout.read(&found.digest)?;
                Ok((found.digest, bytes))
            }
        }
    }
}

/// The entry for `platform`; an entry that names none counts only if it is alone.
fn choose<'a>(entries: &'a [Descriptor], platform: &Platform) -> Option<&'a Descriptor> {
    let fits = |entry: &&Descriptor| {
        entry.platform.as_ref().is_some_and(|offered| platform.accepts(offered))
    };
    match entries {
        [only] if only.platform.is_none() => Some(only),
        _ => entries.iter().find(fits),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::media_type;

    #[test]
    fn an_index_gives_the_image_of_the_platform() {
        let entry = |platform: &str| {
            let mut entry = Descriptor::of(media_type::MANIFEST, platform.as_bytes());
            entry.platform = platform.parse().ok();
            entry
        };
        let entries = [entry("linux/amd64"), entry("linux/arm/v6"), entry("linux/arm/v7")];
        for (platform, expected) in [
            ("linux/amd64", Some(0)),
            ("linux/arm/v7", Some(2)),
            ("linux/arm", Some(1)),
            ("linux/arm64", None),
        ] {
            let chosen = choose(&entries, &platform.parse().unwrap());
            assert_eq!(chosen, expected.map(|at: usize| &entries[at]), "{platform}");
        }
        let unnamed = [entry("")];
        assert!(choose(&unnamed, &"linux/amd64".parse().unwrap()).is_some());
    }
}
