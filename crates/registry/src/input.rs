//! A file that a flag names: a path, or a file in an artifact or image.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::fetch::{already_there, model_of, name_of};
use crate::place::{Manifest, Place};
use crate::staging::{self, Promised};
use crate::{
    Client, Descriptor, Error, Platform, Reference, Result, annotation, blocking, media_type,
};

/// A file to read, parsed from one of
///
/// - a path;
/// - `oci://<registry>/<repository>[:tag][@digest][#name]`: the file of that name in an artifact such as
///   `push-files` makes, or its only file; or, without a name, the model of an image that `build-image` made;
/// - `oci:<folder>[:tag][@digest][#name]`: the same in an OCI layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputFile {
    /// A file on this machine.
    Path(PathBuf),
    /// A file in an artifact or image.
    Artifact {
        /// Where the artifact lies.
        image: Reference,
        /// Which of its files; the only one if not given.
        name: Option<String>,
        /// As it was given.
        text: String,
    },
}

impl InputFile {
    /// The path of the file; one that lies elsewhere is fetched into `folder` first, and verified by digest.
    ///
    /// # Errors
    /// As those of every fetch: [`Error::is_transient`] tells whether another try can help. A path is not looked at.
    pub fn fetch(&self, client: &Client, folder: &Path) -> Result<PathBuf> {
        match self {
            InputFile::Path(path) => Ok(path.clone()),
            InputFile::Artifact { image, name, .. } => {
                blocking::wait(|| fetch_input(client, image, name.as_deref(), folder))
            }
        }
    }

    /// Whether it has to be fetched.
    pub fn is_remote(&self) -> bool {
        matches!(self, InputFile::Artifact { .. })
    }
}

impl FromStr for InputFile {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if !text.starts_with("oci:") {
            return Ok(InputFile::Path(text.into()));
        }
        let (image, name) = match text.split_once('#') {
            Some((_, "")) => return Err(Error::invalid(text, "no file is named after the #")),
            Some((image, name)) => (image, Some(name.to_owned())),
            None => (text, None),
        };
        Ok(InputFile::Artifact { image: image.parse()?, name, text: text.to_owned() })
    }
}

impl fmt::Display for InputFile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InputFile::Path(path) => write!(out, "{}", path.display()),
            InputFile::Artifact { text, .. } => out.write_str(text),
        }
    }
}

/// What a manifest gives for a name.
#[derive(Debug, PartialEq)]
enum Choice<'a> {
    /// A layer that is the file.
    File(&'a Descriptor),
    /// The model that the annotations name.
    Model,
}

async fn fetch_input(
    client: &Client,
    image: &Reference,
    name: Option<&str>,
    folder: &Path,
) -> Result<PathBuf> {
    let place = Place::of(client, image)?;
    let found = place.image(image.select(), &Platform::of_this_machine()).await?;
    let layer = match choose(&found.manifest, name, image)? {
        Choice::File(layer) => layer,
        Choice::Model => {
            return Ok(model_of(&place, &found.manifest, image, folder, None).await?.path);
        }
    };
    if let Some(fetched) = already_there(folder, &layer.digest)? {
        return Ok(fetched.path);
    }
    fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
    staging::sweep(folder);
    let mut file = Promised::new(folder, &name_of(&layer.digest), &layer.digest)?;
    place.blob_into(layer, &mut file).await?;
    Ok(file.commit(&format!("{} in {image}", name.unwrap_or("the file")))?.0)
}

fn choose<'a>(manifest: &'a Manifest, name: Option<&str>, image: &Reference) -> Result<Choice<'a>> {
    let title = |layer: &'a Descriptor| layer.annotations.get(annotation::TITLE);
    let titles: Vec<&str> = manifest.layers.iter().filter_map(title).map(String::as_str).collect();
    let missing = |what: String| {
        let there = match titles.as_slice() {
            [] => "it holds no named files".to_owned(),
            titles => format!("it holds {}", titles.join(", ")),
        };
        Error::not_found(format!("{what} in {image} ({there})"))
    };
    let path = manifest.annotations.get(annotation::MODEL_PATH);
    if let Some(name) = name {
        let layer = manifest.layers.iter().find(|layer| title(layer).is_some_and(|it| it == name));
        return match (layer, path) {
            (Some(layer), _) => Ok(Choice::File(layer)),
            (None, Some(path)) if path.trim_start_matches('/') == name.trim_start_matches('/') => {
                Ok(Choice::Model)
            }
            _ => Err(missing(format!("the file {name}"))),
        };
    }
    if path.is_some() {
        return Ok(Choice::Model);
    }
    match manifest.layers.as_slice() {
        [only] if title(only).is_some() || !is_archive(only) => Ok(Choice::File(only)),
        [_] => Err(Error::invalid(
            image.to_string(),
            "an image without a model; was it made by build-image?",
        )),
        _ => {
            let why = format!("several files; name one of {} after a #", titles.join(", "));
            Err(Error::invalid(image.to_string(), why))
        }
    }
}

fn is_archive(layer: &Descriptor) -> bool {
    [media_type::LAYER, media_type::LAYER_GZIP, media_type::DOCKER_LAYER_GZIP]
        .contains(&layer.media_type.as_str())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn paths_and_references_are_told_apart() {
        let parse = |text: &str| text.parse::<InputFile>().unwrap();
        assert_eq!(parse("demo/a#b.csv"), InputFile::Path("demo/a#b.csv".into()));
        for (text, image, name) in [
            (
                "oci://host:5000/team/files:v1#schema.json",
                "host:5000/team/files:v1",
                Some("schema.json"),
            ),
            ("oci://host:5000/files", "host:5000/files:latest", None),
            ("oci:folder:v1#a", "oci:folder:v1", Some("a")),
        ] {
            let InputFile::Artifact { image: got, name: named, .. } = parse(text) else {
                panic!("{text} is no path")
            };
            assert_eq!((got.to_string().as_str(), named.as_deref()), (image, name));
            assert_eq!(parse(text).to_string(), text);
        }
        for text in ["oci://", "oci://host/files#", "oci:"] {
            assert!(text.parse::<InputFile>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_named_file_the_only_one_or_the_model() {
        let layer = |title: Option<&str>, kind: &str| {
            let mut layer = Descriptor::of(kind, title.unwrap_or_default().as_bytes());
            let title = title.map(|title| (annotation::TITLE.to_owned(), title.to_owned()));
            layer.annotations = title.into_iter().collect();
            layer
        };
        let (a, b) = (layer(Some("a"), media_type::FILE), layer(Some("b"), media_type::LAYER));
        let (bare, tar) = (layer(None, media_type::FILE), layer(None, media_type::LAYER));
        let image: Reference = "host/files:v1".parse().unwrap();
        let manifest = |layers: &[&Descriptor], model: Option<&str>| Manifest {
            config: Descriptor::of(media_type::EMPTY, b"{}"),
            layers: layers.iter().map(|layer| (*layer).clone()).collect(),
            annotations: model
                .map(|path| (annotation::MODEL_PATH.to_owned(), path.to_owned()))
                .into_iter()
                .collect(),
        };
        let two = manifest(&[&a, &b], None);
        let model = manifest(&[&tar], Some("/models/model.onnx"));
        for (manifest, name, expected) in [
            (&two, Some("b"), Ok(Choice::File(&b))),
            (&two, Some("c"), Err("(it holds a, b)")),
            (&two, None, Err("several files; name one of a, b")),
            (&manifest(&[&bare], None), None, Ok(Choice::File(&bare))),
            (&manifest(&[&b], None), None, Ok(Choice::File(&b))),
            (&manifest(&[&tar], None), None, Err("without a model")),
            (&manifest(&[&tar], None), Some("a"), Err("holds no named files")),
            (&model, None, Ok(Choice::Model)),
            (&model, Some("models/model.onnx"), Ok(Choice::Model)),
            (&model, Some("other.onnx"), Err("the file other.onnx")),
        ] {
            match (choose(manifest, name, &image), expected) {
                (Ok(got), Ok(wanted)) => assert_eq!(got, wanted, "{name:?}"),
                (Err(error), Err(words)) => assert!(error.to_string().contains(words), "{error}"),
                (got, wanted) => panic!("{name:?}: {got:?}, not {wanted:?}"),
            }
        }
    }
}
