//! A model file as an image that a route can name.

use std::path::Path;

use registry::{Client, LayerBuilder, Options, Platform, Recipe, Reference, blocking};
use routes::ModelRef;

const INSIDE: &str = "/models/model.onnx";

/// Packs the file into an OCI layout in `folder`.
///
/// # Errors
/// The file cannot be read, or the folder not written.
pub fn pack(file: &Path, folder: &Path) -> anyhow::Result<ModelRef> {
    let digest = model::digest(file)?.sha256;
    let recipe = Recipe {
        layers: vec![LayerBuilder::new().data(INSIDE, file)?.build()?],
        model: Some((INSIDE.to_owned(), digest.parse()?)),
        ..Recipe::new(Platform::of_this_machine())
    };
    let images: Reference = format!("oci:{}", folder.display()).parse()?;
    let client = Client::new(Options::default());
    let published = blocking::publish(&client, &recipe.assemble()?, &images, &[])?;
    Ok(ModelRef { digest, image: images.at(&published.digest).to_string() })
}
