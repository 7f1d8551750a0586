//! The step's part of the decision record.

use registry::{LayerFile, Published};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::args::{self, Args};
use crate::build::Read;

/// `details` of `report.json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Details {
    pub model: File,
    /// The digest that the model's file was to have.
    pub expected_digest: String,
    pub base: Base,
    pub platform: String,
    /// The files beside the model.
    pub added: Vec<File>,
    /// The image that was written; null where the model's file has another digest.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schemars(required)]
    pub image: Option<Image>,
}

/// A file of the image.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub path: String,
    pub digest: String,
    pub size: u64,
    /// The permissions, octal.
    pub mode: String,
}

/// What the image stands on.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Base {
    Scratch,
    Image { image: String, digest: Option<String> },
}

/// An image that was written.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Image {
    pub reference: String,
    pub digest: String,
    pub tags: Vec<String>,
    pub blobs: Vec<Blob>,
    /// How the manifest came to its place.
    pub manifest: Arrival,
    pub bytes_sent: u64,
    pub bytes_skipped: u64,
}

/// A blob of the image.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Blob {
    pub title: String,
    pub digest: String,
    pub size: u64,
    pub outcome: Arrival,
    pub bytes_sent: u64,
}

/// How a blob or manifest came to its place.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Arrival {
    Existing,
    Mounted,
    Uploaded,
}

// === impl Details ===

impl Details {
    /// Of a run that read the files; `published` is there where an image was written.
    pub(crate) fn new(args: &Args, published: Option<&Published>, read: &Read) -> Self {
        Self {
            model: File::from(&read.model),
            expected_digest: args.model_digest.to_string(),
            base: match &args.base {
                args::Base::Scratch => Base::Scratch,
                args::Base::Image(image) => Base::Image {
                    image: image.to_string(),
                    digest: read.base.as_ref().map(ToString::to_string),
                },
            },
            platform: args.platform.to_string(),
            added: read.added.iter().map(File::from).collect(),
            image: published.map(Image::from),
        }
    }
}

// === impl File ===

impl From<&LayerFile> for File {
    fn from(file: &LayerFile) -> Self {
        Self {
            path: file.path.clone(),
            digest: file.digest.to_string(),
            size: file.size,
            mode: format!("{:o}", file.mode),
        }
    }
}

// === impl Image ===

impl From<&Published> for Image {
    fn from(published: &Published) -> Self {
        Self {
            reference: published.image.clone(),
            digest: published.digest.to_string(),
            tags: published.tags.iter().map(ToString::to_string).collect(),
            blobs: published.blobs.iter().map(Blob::from).collect(),
            manifest: published.manifest.into(),
            bytes_sent: published.bytes_sent,
            bytes_skipped: published.bytes_skipped,
        }
    }
}

// === impl Blob ===

impl From<&registry::BlobReport> for Blob {
    fn from(blob: &registry::BlobReport) -> Self {
        Self {
            title: blob.title.clone(),
            digest: blob.digest.to_string(),
            size: blob.size,
            outcome: blob.outcome.into(),
            bytes_sent: blob.bytes_sent,
        }
    }
}

// === impl Arrival ===

impl Arrival {
    /// As the page shows it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Existing => "existing",
            Self::Mounted => "mounted",
            Self::Uploaded => "uploaded",
        }
    }
}

impl From<registry::Outcome> for Arrival {
    fn from(outcome: registry::Outcome) -> Self {
        match outcome {
            registry::Outcome::Existing => Self::Existing,
            registry::Outcome::Mounted => Self::Mounted,
            registry::Outcome::Uploaded => Self::Uploaded,
        }
    }
}
