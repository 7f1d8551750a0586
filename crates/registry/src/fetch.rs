//! Gets one file out of an image by digest, without unpacking the image.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flate2::write::MultiGzDecoder;

use crate::layer::inside;
use crate::pick::{Picker, Verdict};
use crate::place::{Manifest, Place};
use crate::staging::{self, Promised};
use crate::{
    Client, Descriptor, Digest, Error, Hasher, Platform, Reference, Result, annotation, media_type,
};

/// A file that was fetched and verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Where it lies: `<folder>/sha256-<hex>`.
    pub path: PathBuf,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Bytes of layers that were read for it; 0 if the folder held it already.
    pub bytes_read: u64,
}

/// Fetches the file at `path` (absolute, in the image) into `folder`, if its digest is `expected`.
///
/// The file's name in `folder` is its digest, so a second call reads no network and a name in the image never
/// becomes a path here. The layer that [`annotation::MODEL_DIGEST`] marks is taken where there is one, else
/// layers are searched from the top. A layer is verified in full before the file appears.
pub async fn fetch_file(
    client: &Client,
    image: &Reference,
    path: &str,
    folder: &Path,
    expected: &Digest,
) -> Result<Fetched> {
    let wanted = inside(path)?;
    if let Some(fetched) = already_there(folder, expected)? {
        return Ok(fetched);
    }
    let place = Place::of(client, image)?;
    let found = place.image(image.select(), &Platform::of_this_machine()).await?;
    extract(&place, &found.manifest, image, &wanted, folder, expected).await
}

/// Fetches the model file of an image that `build-image` made; path and digest stand in its manifest.
///
/// An `expected` digest that is not the one in the manifest is refused before any layer is read.
pub async fn fetch_model(
    client: &Client,
    image: &Reference,
    folder: &Path,
    expected: Option<&Digest>,
) -> Result<Fetched> {
    if let Some(expected) = expected
        && let Some(fetched) = already_there(folder, expected)?
    {
        return Ok(fetched);
    }
    let place = Place::of(client, image)?;
    let found = place.image(image.select(), &Platform::of_this_machine()).await?;
    model_of(&place, &found.manifest, image, folder, expected).await
}

/// Checks that an image holds the model `expected` where [`fetch_model`] would look for it: the manifest names it, and
/// the layers that can hold its file are there. No layer is read, so it takes moments whatever the model's size.
///
/// # Errors
/// [`Error::DigestMismatch`] where it holds another model; [`Error::NotFound`] where the image or its layer is not there.
pub async fn holds_model(client: &Client, image: &Reference, expected: &Digest) -> Result<()> {
    let place = Place::of(client, image)?;
    let found = place.image(image.select(), &Platform::of_this_machine()).await?;
    let (_, digest) = chosen(&found.manifest, image)?;
    digest.must_be(expected, &format!("model of {image}"))?;
    for layer in candidates(&found.manifest, expected) {
        if !place.has(layer).await? {
            return Err(Error::not_found(format!("layer {} of {image}", layer.digest)));
        }
    }
    Ok(())
}

/// Path and digest of the model, as the annotations of `manifest` give them.
fn chosen(manifest: &Manifest, image: &Reference) -> Result<(String, Digest)> {
    let annotated = |key: &str| {
        manifest.annotations.get(key).ok_or_else(|| {
            let why = format!("the manifest has no annotation {key}; was it made by build-image?");
            Error::invalid(image.to_string(), why)
        })
    };
    Ok((inside(annotated(annotation::MODEL_PATH)?)?, annotated(annotation::MODEL_DIGEST)?.parse()?))
}

/// The model file that the annotations of `manifest` name.
pub(crate) async fn model_of(
    place: &Place,
    manifest: &Manifest,
    image: &Reference,
    folder: &Path,
    expected: Option<&Digest>,
) -> Result<Fetched> {
    let (wanted, digest) = chosen(manifest, image)?;
    if let Some(expected) = expected {
        digest.must_be(expected, &format!("model of {image}"))?;
    }
    if let Some(fetched) = already_there(folder, &digest)? {
        return Ok(fetched);
    }
    extract(place, manifest, image, &wanted, folder, &digest).await
}

/// The file of an earlier call. It is read again, for a cache that changed must not be believed.
pub(crate) fn already_there(folder: &Path, expected: &Digest) -> Result<Option<Fetched>> {
    let path = folder.join(name_of(expected));
    let (digest, size) = match Digest::of_file(&path) {
        Ok(read) => read,
        Err(Error::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    if digest != *expected {
        tracing::warn!(path = %path.display(), "the cached file changed; fetching it anew");
        return Ok(None);
    }
    Ok(Some(Fetched { path, digest, size, bytes_read: 0 }))
}

/// What a fetched file is called.
pub(crate) fn name_of(digest: &Digest) -> String {
    format!("sha256-{}", digest.hex())
}

async fn extract(
    place: &Place,
    manifest: &Manifest,
    image: &Reference,
    wanted: &str,
    folder: &Path,
    expected: &Digest,
) -> Result<Fetched> {
    fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
    staging::sweep(folder);
    let mut bytes_read = 0;
    for layer in candidates(manifest, expected) {
        let file = Promised::new(folder, &name_of(expected), expected)?;
        let mut sink = LayerSink::new(layer, wanted, file)?;
        place.blob_into(layer, &mut sink).await?;
        bytes_read += layer.size;
        let (verdict, picked) = sink.finish(layer)?;
        match verdict {
            Verdict::Absent => {}
            Verdict::Deleted => break,
            Verdict::Picked => {
                let (path, size) = picked.commit(&format!("/{wanted} in {image}"))?;
                return Ok(Fetched { path, digest: expected.clone(), size, bytes_read });
            }
        }
    }
    Err(Error::not_found(format!("/{wanted} in {image}")))
}

/// The layers that can hold the file, most likely first.
fn candidates<'a>(manifest: &'a Manifest, expected: &Digest) -> Vec<&'a Descriptor> {
    let marked = |layer: &&Descriptor| {
        layer.annotations.get(annotation::MODEL_DIGEST).is_some_and(|it| it == expected.as_str())
    };
    match manifest.layers.iter().find(marked) {
        Some(layer) => vec![layer],
        None => manifest.layers.iter().rev().collect(),
    }
}

/// Takes a layer's bytes: hashes them, unpacks them and picks the file.
struct LayerSink {
    hasher: Hasher,
    unpack: Unpack,
    /// The first fault of the archive. It counts only if the layer's digest is right.
    fault: Option<io::Error>,
}

enum Unpack {
    Plain(Box<Picker<Promised>>),
    Gzip(Box<MultiGzDecoder<Picker<Promised>>>),
}

impl LayerSink {
    fn new(layer: &Descriptor, wanted: &str, file: Promised) -> Result<Self> {
        let picker = Picker::new(wanted, file);
        let unpack = match layer.media_type.as_str() {
            media_type::LAYER => Unpack::Plain(Box::new(picker)),
            media_type::LAYER_GZIP | media_type::DOCKER_LAYER_GZIP => {
                Unpack::Gzip(Box::new(MultiGzDecoder::new(picker)))
            }
            other => {
                let why = format!("layers of type {other:?} are not read, only tar and tar+gzip");
                return Err(Error::invalid(format!("layer {}", layer.digest), why));
            }
        };
        Ok(LayerSink { hasher: Hasher::default(), unpack, fault: None })
    }

    fn finish(self, layer: &Descriptor) -> Result<(Verdict, Promised)> {
        let what = format!("layer {}", layer.digest);
        self.hasher.finish().must_be(&layer.digest, &what)?;
        let picker = match (self.fault, self.unpack) {
            (Some(fault), _) => Err(fault),
            (None, Unpack::Plain(picker)) => Ok(*picker),
            (None, Unpack::Gzip(decoder)) => decoder.finish(),
        };
        picker.and_then(Picker::finish).map_err(|fault| match fault.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Error::Io { what, source: fault }
            }
            _ => Error::invalid(what, fault.to_string()),
        })
    }
}

impl Write for LayerSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.hasher.update(bytes);
        if self.fault.is_none() {
            let taken = match &mut self.unpack {
                Unpack::Plain(picker) => picker.write_all(bytes),
                Unpack::Gzip(decoder) => decoder.write_all(bytes),
            };
            self.fault = taken.err();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::Options;

    #[test]
    fn fetching_can_run_as_a_task_of_a_runtime_with_threads() {
        fn must_be_send<T: Send>(_: T) {}
        let client = Client::new(Options::default());
        let (image, digest) = ("oci:images".parse().unwrap(), Digest::of(b""));
        must_be_send(fetch_file(&client, &image, "/model", Path::new("."), &digest));
        must_be_send(fetch_model(&client, &image, Path::new("."), None));
        must_be_send(holds_model(&client, &image, &digest));
    }
}
