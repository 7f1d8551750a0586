//! Files as they are, in an artifact: one layer a file, its name in an annotation.
//!
//! This is how other tools lay files into registries too (OCI image specification 1.1, "Guidelines for Artifact
//! Usage"), so an artifact that they pushed can be read here and the reverse.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

use crate::blob::Blob;
use crate::{Descriptor, Digest, Error, Image, Result, annotation, json, media_type};

impl Image {
    /// An artifact of these files, each under the last part of its path. Each is read once, for its digest.
    ///
    /// # Errors
    /// A file cannot be read, has no name, or two have the same; or there is none.
    pub fn of_files<P: AsRef<Path>>(paths: &[P]) -> Result<Self> {
        let mut files = BTreeMap::new();
        for path in paths {
            let path = path.as_ref();
            let invalid = |why: &str| Error::invalid(path.display().to_string(), why);
            let name = path.file_name().and_then(|name| name.to_str());
            let name = name.ok_or_else(|| invalid("the path ends in no name"))?;
            if path.is_dir() {
                return Err(invalid("a folder; name its files"));
            }
            let (digest, size) = Digest::of_file(path)?;
            let mut layer = Descriptor::new(media_type::FILE, digest, size);
            layer.annotations.insert(annotation::TITLE.to_owned(), name.to_owned());
            if files.insert(name, (layer, path)).is_some() {
                return Err(invalid("another file has the same name"));
            }
        }
        if files.is_empty() {
            return Err(Error::invalid("artifact", "no file is named"));
        }
        let config = Descriptor::of(media_type::EMPTY, b"{}");
        let layers: Vec<&Descriptor> = files.values().map(|(layer, _)| layer).collect();
        let manifest = json::canonical(&json!({
            "schemaVersion": 2,
            "mediaType": media_type::MANIFEST,
            "artifactType": media_type::FILES,
            "config": config,
            "layers": layers,
        }));
        let mut blobs: Vec<Blob> = files
            .iter()
            .map(|(name, (layer, path))| Blob::of_file(layer.clone(), name, path))
            .collect();
        blobs.push(Blob::of_bytes(config, b"{}".to_vec()));
        let descriptor = Descriptor::of(media_type::MANIFEST, &manifest);
        Ok(Image { manifest, descriptor, blobs })
    }
}
