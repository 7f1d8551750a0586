//! Reads the model, checks its digest, and builds and writes the image.

use std::path::Path;

use anyhow::Context as _;
use fault::usage;
use registry::{Client, Digest, LayerBuilder, LayerFile, Published, Recipe, blocking};

use crate::args::{Args, Base};

/// Where KServe and others expect models; a model laid there hides what a base left.
const MODELS: &str = "/models";

/// What came of it.
#[derive(Debug)]
pub(crate) enum Built {
    /// The image is where it should be.
    Image {
        /// What was written.
        published: Published,
        /// What was read.
        read: Read,
    },
    /// The model's file is not the one that was asked for; nothing was written.
    OtherModel {
        /// What was read.
        read: Read,
    },
}

/// What the image is made of.
#[derive(Debug)]
pub(crate) struct Read {
    /// The model's file.
    pub(crate) model: LayerFile,
    /// The base's manifest, unless the base is scratch.
    pub(crate) base: Option<Digest>,
    /// Further files.
    pub(crate) added: Vec<LayerFile>,
}

/// Builds the image of the model file `model` and writes it. Everything is read before the first byte is written.
pub(crate) fn build(args: &Args, model: &Path, client: &Client) -> anyhow::Result<Built> {
    let base = match &args.base {
        Base::Scratch => None,
        Base::Image(image) => {
            let base = blocking::read_base(client, image, &args.platform);
            Some(base.map_err(fault).context("read the base image")?)
        }
    };
    let mut layer = LayerBuilder::new();
    if base.is_some() && args.model_dest.starts_with("/models/") {
        layer = layer.only_ours_in(MODELS).map_err(fault)?;
    }
    let model_layer = layer
        .data(&args.model_dest, model)
        .and_then(LayerBuilder::build)
        .map_err(fault)
        .context("read the model")?;
    let model = model_layer.files()[0].clone();
    let mut layers = vec![model_layer];
    if model.digest == args.model_digest {
        for addition in &args.add {
            let layer = LayerBuilder::new()
                .tree(&addition.destination, &addition.source)
                .and_then(LayerBuilder::build)
                .map_err(fault)
                .with_context(|| format!("add {}", addition.source.display()))?;
            layers.push(layer);
        }
    }
    let added: Vec<_> = layers[1..].iter().flat_map(|it| it.files().to_vec()).collect();
    if let Some(covers) = added.iter().find(|file| file.path == model.path) {
        let what = format!("--add puts another file at {}, the model's path", covers.path);
        return Err(usage(what, "choose another destination, or another --model-dest"));
    }
    let read = Read { base: base.as_ref().map(|it| it.digest().clone()), model, added };
    if read.model.digest != args.model_digest {
        return Ok(Built::OtherModel { read });
    }
    let mut env: std::collections::BTreeMap<_, _> = args.env.iter().cloned().collect();
    env.insert("HEADGATE_MODEL".to_owned(), read.model.path.clone());
    let recipe = Recipe {
        base,
        layers,
        env,
        labels: args.label.iter().cloned().collect(),
        entrypoint: args.entrypoint.clone().map(|it| it.0),
        user: Some(args.user.clone()),
        model: Some((read.model.path.clone(), read.model.digest.clone())),
        ..Recipe::new(args.platform.clone())
    };
    let image = recipe.assemble().map_err(fault).context("put the image together")?;
    let published = blocking::publish(client, &image, &args.image, &args.tag)
        .map_err(fault)
        .context("write the image")?;
    Ok(Built::Image { published, read })
}

fn fault(error: registry::Error) -> anyhow::Error {
    inputs::fault(error, "correct the flag or file that the message names")
}
