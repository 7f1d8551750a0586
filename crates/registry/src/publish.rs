//! Writes an image to its place: what is there already is not sent again, and tags move last.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Serialize;

use crate::blob::Blob;
use crate::pull::Repository;
use crate::reference::valid_tag;
use crate::{Client, Digest, Error, Image, Layout, Reference, Result, Select};

/// Blobs on their way at once. Each holds a few hundred KiB.
const AT_ONCE: usize = 4;

/// What [`publish`] did.
#[derive(Debug, Clone, Serialize)]
pub struct Published {
    /// The image by digest, in the form [`Reference`] reads.
    pub image: String,
    /// The digest of the manifest.
    pub digest: Digest,
    /// The tags that name it now.
    pub tags: Vec<String>,
    /// Every blob: base layers, new layers, the config; in the manifest's order.
    pub blobs: Vec<BlobReport>,
    /// Whether the manifest itself was new.
    pub manifest: Outcome,
    /// Bytes written or sent, with every repeated attempt, blobs and manifest.
    pub bytes_sent: u64,
    /// Bytes that were there already.
    pub bytes_skipped: u64,
}

/// What became of one blob.
#[derive(Debug, Clone, Serialize)]
pub struct BlobReport {
    /// The path of the first file, or `base layer`, or `config`.
    pub title: String,
    /// Which bytes.
    pub digest: Digest,
    /// How many.
    pub size: u64,
    /// How it came to be there.
    pub outcome: Outcome,
    /// Bytes written or sent for it.
    pub bytes_sent: u64,
}

/// How a blob or manifest came to its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was there.
    Existing,
    /// The registry took it from another of its repositories.
    Mounted,
    /// Its bytes were written or sent.
    Uploaded,
}

/// Writes `image` to `target` and names it there by the target's tag and `tags`.
///
/// The order is blobs, config, manifest by digest, tags, so nobody ever sees half an image.
/// A second call sends nothing. A target by digest is refused.
pub async fn publish(
    client: &Client,
    image: &Image,
    target: &Reference,
    tags: &[String],
) -> Result<Published> {
    let mut names = BTreeSet::new();
    match target.select() {
        Select::Tag(tag) => {
            names.insert(tag.clone());
        }
        Select::Only => {}
        Select::Digest(_) => {
            return Err(Error::invalid(
                target.to_string(),
                "a digest cannot be written to; name a tag",
            ));
        }
    }
    for tag in tags {
        names.insert(valid_tag(tag)?);
    }
    let names: Vec<String> = names.into_iter().collect();
    let (blobs, manifest) = match target {
        Reference::Layout { dir, .. } => {
            to_layout(client, image, &Layout::create(dir)?, &names).await?
        }
        Reference::Registry { host, repository, .. } => {
            to_registry(image, &Repository::new(client, host, repository), &names).await?
        }
    };
    let manifest_size = image.descriptor.size;
    let (sent, skipped) = match manifest {
        Outcome::Uploaded => (manifest_size, 0),
        Outcome::Existing | Outcome::Mounted => (0, manifest_size),
    };
    let there = blobs.iter().filter(|blob| blob.outcome != Outcome::Uploaded);
    Ok(Published {
        image: target.at(image.digest()).to_string(),
        digest: image.digest().clone(),
        tags: names,
        manifest,
        bytes_skipped: skipped + there.map(|blob| blob.size).sum::<u64>(),
        bytes_sent: sent + blobs.iter().map(|blob| blob.bytes_sent).sum::<u64>(),
        blobs,
    })
}

async fn to_layout(
    client: &Client,
    image: &Image,
    layout: &Layout,
    tags: &[String],
) -> Result<(Vec<BlobReport>, Outcome)> {
    let mut reports = Vec::new();
    for blob in &image.blobs {
        let (digest, size) = (&blob.descriptor.digest, blob.descriptor.size);
        if layout.has(digest, size) {
            reports.push(report(blob, Outcome::Existing, 0));
        } else {
            blob.write_to(layout, client.moved()).await?;
            reports.push(report(blob, Outcome::Uploaded, size));
        }
    }
    let outcome = if layout.has(&image.descriptor.digest, image.descriptor.size) {
        Outcome::Existing
    } else {
        layout.write(&image.descriptor.digest, &image.manifest)?;
        Outcome::Uploaded
    };
    layout.list(&image.descriptor, tags)?;
    Ok((reports, outcome))
}

async fn to_registry(
    image: &Image,
    repository: &Repository,
    tags: &[String],
) -> Result<(Vec<BlobReport>, Outcome)> {
    let puts = image.blobs.iter().map(|blob| async move {
        let (outcome, sent) = repository.put_blob(blob).await?;
        Ok::<_, Error>(report(blob, outcome, sent))
    });
    let reports = stream::iter(puts).buffered(AT_ONCE).try_collect().await?;
    let by_digest = Select::Digest(image.digest().clone());
    let outcome = repository.put_manifest(&image.descriptor, &image.manifest, &by_digest).await?;
    for tag in tags {
        let tag = Select::Tag(tag.clone());
        repository.put_manifest(&image.descriptor, &image.manifest, &tag).await?;
    }
    Ok((reports, outcome))
}

fn report(blob: &Blob, outcome: Outcome, bytes_sent: u64) -> BlobReport {
    let descriptor = &blob.descriptor;
    let (digest, size) = (descriptor.digest.clone(), descriptor.size);
    BlobReport { title: blob.title(), digest, size, outcome, bytes_sent }
}
