//! Puts layers onto a base image; the result's digest depends on content alone.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::blob::Blob;
use crate::place::Place;
use crate::{
    Client, Descriptor, Digest, Error, Layer, Platform, Reference, Result, json, media_type,
};

/// Overlay file systems and registries stop at 127 layers; this leaves room for those who build on top.
const MOST_LAYERS: usize = 120;
const EPOCH: &str = "1970-01-01T00:00:00Z";

/// Annotation and label keys.
pub mod annotation {
    /// On a layer, manifest and config label: digest of the model file, `sha256:<hex>`.
    pub const MODEL_DIGEST: &str = "dev.headgate.model.digest";
    /// On a layer, manifest and config label: absolute path of the model file in the image.
    pub const MODEL_PATH: &str = "dev.headgate.model.path";
    /// On a layer that is a file as it is: its name.
    pub const TITLE: &str = "org.opencontainers.image.title";
    /// On the manifest: the digest of the base image's manifest.
    pub const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";
    /// On the manifest: the base image's reference, where it lies in a registry.
    pub const BASE_NAME: &str = "org.opencontainers.image.base.name";
}

/// What to build.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The image to build on; none is the empty image `scratch`.
    pub base: Option<Base>,
    /// What the image runs on.
    pub platform: Platform,
    /// New layers, lowest first.
    pub layers: Vec<Layer>,
    /// Environment variables, set over the base's.
    pub env: BTreeMap<String, String>,
    /// Labels of the config, set over the base's.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the manifest.
    pub annotations: BTreeMap<String, String>,
    /// The program; also clears the base's `Cmd`. The base's stays if none is given.
    pub entrypoint: Option<Vec<String>>,
    /// The user, as `uid`, `uid:gid` or a name. The base's stays if none is given.
    pub user: Option<String>,
    /// The working folder. The base's stays if none is given.
    pub working_folder: Option<String>,
    /// Path and digest of the model file; marks the layer that holds it, the manifest and the config.
    pub model: Option<(String, Digest)>,
}

/// A base image: its manifest and config, not its layers.
#[derive(Debug, Clone)]
pub struct Base {
    pub(crate) reference: Reference,
    pub(crate) digest: Digest,
    pub(crate) config: Value,
    pub(crate) layers: Vec<Descriptor>,
    pub(crate) place: Place,
}

/// An image ready to be written: small documents in memory, layers by reference.
#[derive(Debug, Clone)]
pub struct Image {
    pub(crate) manifest: Vec<u8>,
    pub(crate) descriptor: Descriptor,
    pub(crate) blobs: Vec<Blob>,
}

impl Base {
    /// The digest of the base's manifest.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }
}

impl Image {
    /// The digest of the manifest, which names the image.
    pub fn digest(&self) -> &Digest {
        &self.descriptor.digest
    }

    /// The manifest's bytes.
    pub fn manifest(&self) -> &[u8] {
        &self.manifest
    }
}

/// Reads manifest and config of a base image, for `platform` where there are several.
pub async fn read_base(
    client: &Client,
    reference: &Reference,
    platform: &Platform,
) -> Result<Base> {
    let place = Place::of(client, reference)?;
    let found = place.image(reference.select(), platform).await?;
    let config = place.small_blob(&found.manifest.config).await?;
    let config = serde_json::from_slice(&config)
        .map_err(|error| Error::invalid(format!("config of {reference}"), error.to_string()))?;
    let layers = found.manifest.layers;
    Ok(Base { reference: reference.clone(), digest: found.digest, config, layers, place })
}

impl Recipe {
    /// An image of `platform` with nothing in it yet.
    pub fn new(platform: Platform) -> Self {
        Recipe {
            base: None,
            platform,
            layers: Vec::new(),
            env: BTreeMap::new(),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            entrypoint: None,
            user: None,
            working_folder: None,
            model: None,
        }
    }

    /// Writes config and manifest. Keys of the base's config that are not known here stay as they are.
    pub fn assemble(&self) -> Result<Image> {
        let base_layers = self.base.as_ref().map_or(&[][..], |base| &base.layers);
        let count = base_layers.len() + self.layers.len();
        if count > MOST_LAYERS {
            let why = format!("{count} layers; at most {MOST_LAYERS} can be mounted safely");
            return Err(Error::invalid("image", why));
        }
        let config = json::canonical(&self.config()?);
        let config_descriptor = Descriptor::of(media_type::CONFIG, &config);
        let mut blobs = Vec::new();
        let mut layers = Vec::new();
        if let Some(base) = &self.base {
            for layer in base_layers {
                let layer = carried_over(layer)?;
                blobs.push(Blob::of_base(layer.clone(), base));
                layers.push(layer);
            }
        }
        for layer in &self.layers {
            let descriptor = self.describe(layer);
            blobs.push(Blob::of_layer(descriptor.clone(), layer));
            layers.push(descriptor);
        }
        blobs.push(Blob::of_bytes(config_descriptor.clone(), config));
        let manifest = json::canonical(&json!({
            "schemaVersion": 2,
            "mediaType": media_type::MANIFEST,
            "config": config_descriptor,
            "layers": layers,
            "annotations": self.manifest_annotations(),
        }));
        let descriptor = Descriptor::of(media_type::MANIFEST, &manifest);
        Ok(Image { manifest, descriptor, blobs })
    }

    fn describe(&self, layer: &Layer) -> Descriptor {
        let kind = match layer.digest() == layer.diff_id() {
            true => media_type::LAYER,
            false => media_type::LAYER_GZIP,
        };
        let mut descriptor = Descriptor::new(kind, layer.digest().clone(), layer.size());
        if let Some((path, digest)) = &self.model
            && layer.files().iter().any(|file| file.path == *path && file.digest == *digest)
        {
            descriptor.annotations = self.model_keys();
        }
        descriptor
    }

    fn model_keys(&self) -> BTreeMap<String, String> {
        let keys = self.model.iter().flat_map(|(path, digest)| {
            [
                (annotation::MODEL_PATH.to_owned(), path.clone()),
                (annotation::MODEL_DIGEST.to_owned(), digest.to_string()),
            ]
        });
        keys.collect()
    }

    fn manifest_annotations(&self) -> BTreeMap<String, String> {
        let mut annotations = self.annotations.clone();
        annotations.extend(self.model_keys());
        if let Some(base) = &self.base {
            annotations.insert(annotation::BASE_DIGEST.to_owned(), base.digest.to_string());
            // A folder's name is no name to anyone else and would make the digest depend on the machine.
            if matches!(base.reference, Reference::Registry { .. }) {
                annotations.insert(annotation::BASE_NAME.to_owned(), base.reference.to_string());
            }
        }
        annotations
    }

    fn config(&self) -> Result<Value> {
        let mut config = match &self.base {
            Some(base) => base.config.clone(),
            None => json!({}),
        };
        let Some(root) = config.as_object_mut() else {
            return Err(Error::invalid("config of the base image", "not a JSON object"));
        };
        root.insert("created".to_owned(), EPOCH.into());
        if self.base.is_none() {
            root.insert("os".to_owned(), self.platform.os.clone().into());
            root.insert("architecture".to_owned(), self.platform.architecture.clone().into());
            if let Some(variant) = &self.platform.variant {
                root.insert("variant".to_owned(), variant.clone().into());
            }
        }
        self.extend_root_file_system(root)?;
        self.extend_settings(root)?;
        Ok(config)
    }

    fn extend_root_file_system(&self, root: &mut Map<String, Value>) -> Result<()> {
        let base_layers = self.base.as_ref().map_or(0, |base| base.layers.len());
        let mut diff_ids = match root.get("rootfs").and_then(|rootfs| rootfs.get("diff_ids")) {
            Some(Value::Array(diff_ids)) => diff_ids.clone(),
            _ => Vec::new(),
        };
        if diff_ids.len() != base_layers {
            let why = format!("{} diff ids for {base_layers} layers", diff_ids.len());
            return Err(Error::invalid("config of the base image", why));
        }
        let mut history = match root.get("history") {
            Some(Value::Array(history)) => history.clone(),
            _ => Vec::new(),
        };
        let filled = history.iter().filter(|entry| entry["empty_layer"] != true).count();
        if filled != base_layers {
            // Tools refuse a history that does not match the layers, so a wrong one is replaced.
            history = vec![json!({"created": EPOCH, "created_by": "base image"}); base_layers];
        }
        for layer in &self.layers {
            diff_ids.push(layer.diff_id().as_str().into());
            let paths: Vec<_> = layer.files().iter().map(|file| file.path.as_str()).collect();
            let shown = match paths.as_slice() {
                [] => "folders".to_owned(),
                [one] => (*one).to_owned(),
                [first, rest @ ..] => format!("{first} and {} more", rest.len()),
            };
            history.push(json!({"created": EPOCH, "created_by": format!("headgate: add {shown}")}));
        }
        root.insert("rootfs".to_owned(), json!({"type": "layers", "diff_ids": diff_ids}));
        root.insert("history".to_owned(), history.into());
        Ok(())
    }

    fn extend_settings(&self, root: &mut Map<String, Value>) -> Result<()> {
        let settings = root.entry("config").or_insert(Value::Null);
        if settings.is_null() {
            *settings = json!({});
        }
        let Some(settings) = settings.as_object_mut() else {
            return Err(Error::invalid("config of the base image", "its config is not an object"));
        };
        let mut env = match settings.get("Env") {
            Some(Value::Array(env)) => env.clone(),
            _ => Vec::new(),
        };
        for (name, value) in &self.env {
            let mine = |entry: &Value| {
                let entry = entry.as_str().and_then(|entry| entry.split_once('='));
                entry.is_some_and(|(key, _)| key == name)
            };
            env.retain(|entry| !mine(entry));
            env.push(format!("{name}={value}").into());
        }
        if !env.is_empty() {
            settings.insert("Env".to_owned(), env.into());
        }
        let mut labels = match settings.get("Labels") {
            Some(Value::Object(labels)) => labels.clone(),
            _ => Map::new(),
        };
        let new = self.labels.iter().map(|(key, value)| (key.clone(), value.clone().into()));
        labels.extend(new.chain(self.model_keys().into_iter().map(|(k, v)| (k, v.into()))));
        if !labels.is_empty() {
            settings.insert("Labels".to_owned(), labels.into());
        }
        if let Some(entrypoint) = &self.entrypoint {
            settings.insert("Entrypoint".to_owned(), entrypoint.clone().into());
            settings.remove("Cmd");
        }
        if let Some(user) = &self.user {
            settings.insert("User".to_owned(), user.clone().into());
        }
        if let Some(folder) = &self.working_folder {
            settings.insert("WorkingDir".to_owned(), folder.clone().into());
        }
        Ok(())
    }
}

/// A base layer in OCI's words; Docker's gzip layers are the same bytes under another name.
fn carried_over(layer: &Descriptor) -> Result<Descriptor> {
    let mut layer = layer.clone();
    if layer.media_type == media_type::DOCKER_LAYER_GZIP {
        layer.media_type = media_type::LAYER_GZIP.to_owned();
    }
    let known = layer.media_type.starts_with(media_type::LAYER)
        && !layer.media_type.contains("nondistributable");
    if !known {
        let why = format!("layers of type `{}` cannot be carried over", layer.media_type);
        return Err(Error::invalid("base image", why));
    }
    // Marks of a model that the base may carry must not be taken for the new one's.
    layer.annotations.remove(annotation::MODEL_DIGEST);
    layer.annotations.remove(annotation::MODEL_PATH);
    Ok(layer)
}
