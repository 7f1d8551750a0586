//! Candidate and champion: found, checked against their digest, loaded into the engine.

use std::path::PathBuf;

use contract::Context;
use inputs::Inputs;
use model::{LoadError, Model, StreamSchema};
use registry::{Digest, InputFile, Reference};
use routes::ModelRef;
use serde::Serialize;

use crate::side::Side;
use crate::{Against, Args};

/// A model, or a file on this machine.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Found {
    /// `sha256:` of the file.
    pub digest: String,
    /// The file or image it came from.
    pub origin: String,
    #[serde(skip)]
    /// Empty where no file is needed.
    pub path: PathBuf,
}

/// Something to work with, or the reason why the release must not go on.
pub(crate) type Or<T> = Result<T, String>;

/// The files that the flags name, on this machine.
pub(crate) struct Given {
    pub model: Option<Found>,
    pub champion: Option<Found>,
    pub schema: Found,
    /// Holds what was fetched.
    _files: Inputs,
}

impl Given {
    /// Fetches what has to be fetched, and takes the digest of each.
    pub(crate) fn fetch(args: &Args, context: &Context) -> anyhow::Result<Self> {
        let files = Inputs::open(&args.registry, context)?;
        let find = |flag: &str, given: &InputFile| file(files.path(flag, given)?, given);
        let model = args.model.as_ref().map(|given| find("model", given)).transpose()?;
        let champion = args.champion.as_ref().map(|given| find("champion", given)).transpose()?;
        let schema = find("schema", &args.schema)?;
        Ok(Self { model, champion, schema, _files: files })
    }
}

/// The candidate's file; a reason when its bytes are not the ones that were promised.
pub(crate) fn candidate(
    args: &Args,
    given: &Given,
    context: &Context,
) -> anyhow::Result<Or<Found>> {
    context.progress.tell(0, 1, "fetching the candidate");
    let found = match (&given.model, &args.image) {
        (Some(found), _) => found.clone(),
        (None, Some(image)) => match fetch(args, context, image, None)? {
            Ok(found) => found,
            Err(reason) => return Ok(Err(reason)),
        },
        (None, None) => unreachable!("clap asks for one of them"),
    };
    Ok(match &args.model_digest {
        Some(wanted) if *wanted != found.digest => Err(format!(
            "the candidate from {} is {}, not {wanted} that was to be tried",
            found.origin, found.digest
        )),
        _ => Ok(found),
    })
}

/// The champion: the file given, else the one that the stream's route names, of which only the name is needed where
/// its answers were recorded.
pub(crate) fn champion(args: &Args, given: &Given, context: &Context) -> anyhow::Result<Or<Found>> {
    if let Some(found) = &given.champion {
        return Ok(Ok(found.clone()));
    }
    let stream = &context.common.stream;
    let Some(route) = routes::read(&context.kafka, stream)? else {
        return Ok(Err(format!(
            "stream {stream} has no champion to compare with; its first model needs the bootstrap strategy"
        )));
    };
    let ModelRef { digest, image } = route.champion;
    if args.against == Against::Recorded {
        return Ok(Ok(Found { digest, origin: image, path: PathBuf::new() }));
    }
    context.progress.tell(0, 1, "fetching the champion");
    fetch(args, context, &image, Some(&digest))
}

/// Loads a model for records of `schema`; a reason when the engine or the stream refuses it.
pub(crate) fn load(found: &Found, schema: &StreamSchema) -> anyhow::Result<Or<Model>> {
    let mut model = match Model::load(&found.path) {
        Ok(model) => model,
        // Without the engine nothing can be said about the model.
        Err(LoadError::Engine(error)) => {
            return Err(contract::usage(error.to_string(), "see above; then run the step again"));
        }
        Err(error) => return Ok(Err(error.to_string())),
    };
    Ok(model.fit(schema).map(|()| model).map_err(|misfit| misfit.to_string()))
}

/// The champion as one of the two sides.
pub(crate) fn side(
    against: Against,
    champion: &Found,
    schema: &StreamSchema,
) -> anyhow::Result<Or<Side>> {
    match against {
        Against::Engine => Ok(load(champion, schema)?.map(Side::engine)),
        Against::Recorded => Ok(Ok(Side::Recorded)),
    }
}

fn file(path: PathBuf, given: &InputFile) -> anyhow::Result<Found> {
    let digest = model::digest(&path).map_err(|error| {
        contract::usage(
            format!("cannot read {given}: {error}"),
            "give the path of a file that this step may read",
        )
    })?;
    Ok(Found { digest: digest.sha256, origin: given.to_string(), path })
}

/// The model of an image; a reason when the image holds other bytes than it says.
fn fetch(
    args: &Args,
    context: &Context,
    image: &str,
    digest: Option<&str>,
) -> anyhow::Result<Or<Found>> {
    let digest: Option<Digest> = digest.map(str::parse).transpose().map_err(fault)?;
    let place: Reference = image.parse().map_err(fault)?;
    let (client, cache) = (args.registry.client(), args.cache.clone());
    let fetch = move || registry::blocking::fetch_model(&client, &place, &cache, digest.as_ref());
    match context.stop.unless_set(fetch)? {
        Ok(fetched) => {
            let (digest, path) = (fetched.digest.to_string(), fetched.path);
            Ok(Ok(Found { digest, origin: image.to_owned(), path }))
        }
        Err(error @ registry::Error::DigestMismatch { .. }) => Ok(Err(error.to_string())),
        Err(error) => Err(fault(error)),
    }
}

fn fault(error: registry::Error) -> anyhow::Error {
    inputs::fault(error, "correct --image, or the image in the stream's route")
}
