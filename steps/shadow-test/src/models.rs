//! Candidate and champion: found, checked against their digest, loaded into the engine or reached over HTTP.

use std::path::PathBuf;

use contract::{Context, results};
use inference::{Client, Error};
use inputs::Inputs;
use model::{LoadError, Model};
use registry::{Digest, InputFile, Reference};
use routes::ModelRef;
use stream::StreamSchema;
use words::model_name;

use crate::answerer::Answerer;
use crate::{Against, Args};

/// A model, or a file on this machine.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// `sha256:` of the file; the address of an endpoint, which gives no digest.
    pub digest: String,
    /// The file or image it came from.
    pub origin: String,
    /// What people call it.
    pub name: Option<String>,
    /// The image that carries it.
    pub image: Option<String>,
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
    if let Some(url) = &args.candidate_endpoint {
        return Ok(Ok(Found::endpoint(url)));
    }
    context.progress.report(0, 1, "fetching the candidate");
    let found = match (&given.model, &args.image) {
        (Some(found), _) => found.clone(),
        (None, Some(image)) => match fetch(args, context, image, None)? {
            Ok(found) => found,
            Err(reason) => return Ok(Err(reason)),
        },
        (None, None) => unreachable!("clap asks for one of them, and an endpoint has returned"),
    };
    Ok(match &args.model_digest {
        Some(wanted) if *wanted != found.digest => Err(format!(
            "the candidate from {} is {}, not {wanted} that was to be tried",
            found.origin, found.digest
        )),
        _ => Ok(found),
    })
}

/// What is known of a candidate that was not found as it should be.
pub(crate) fn named(args: &Args) -> results::Model {
    let digest = args.model_digest.clone().or(args.image.clone()).unwrap_or_default();
    match (&args.image, &args.model) {
        (Some(image), _) => results::Model::of_image(&digest, image),
        (None, Some(file)) => results::Model::of_file(&digest, &file.to_string()),
        (None, None) => results::Model { digest, name: None, image: None },
    }
}

/// The champion: the file given, else the one that the stream's route names, of which only the name is needed where
/// its answers were recorded.
pub(crate) fn champion(args: &Args, given: &Given, context: &Context) -> anyhow::Result<Or<Found>> {
    if let Some(found) = &given.champion {
        return Ok(Ok(found.clone()));
    }
    if let Some(url) = &args.champion_endpoint {
        return Ok(Ok(Found::endpoint(url)));
    }
    let stream = &context.common.stream;
    let Some(route) = routes::traffic::of(context).route()? else {
        return Ok(Err(format!(
            "stream {stream} has no champion to compare with; its first model needs the bootstrap strategy"
        )));
    };
    let ModelRef { digest, image } = route.champion;
    if args.against == Against::Recorded {
        return Ok(Ok(Found::in_image(digest, &image, PathBuf::new())));
    }
    context.progress.report(0, 1, "fetching the champion");
    fetch(args, context, &image, Some(&digest))
}

/// Loads a model for records of `schema`; a reason when the engine or the stream refuses it.
fn load(found: &Found, schema: &StreamSchema) -> anyhow::Result<Or<Model>> {
    let mut model = match Model::load(&found.path) {
        Ok(model) => model,
        // Without the engine nothing can be said about the model.
        Err(LoadError::Engine(error)) => {
            return Err(fault::usage(error.to_string(), "see above; then run the step again"));
        }
        Err(error @ LoadError::Folder(_)) => {
            return Err(fault::usage(error.to_string(), "see above; then run the step again"));
        }
        Err(error) => return Ok(Err(error.to_string())),
    };
    Ok(model.fit(schema).map(|()| model).map_err(|misfit| misfit.to_string()))
}

/// The candidate as one of the two that answer.
pub(crate) fn candidate_answerer(
    args: &Args,
    found: &Found,
    schema: &StreamSchema,
) -> anyhow::Result<Or<Answerer>> {
    match &args.candidate_endpoint {
        Some(url) => connect(args, url, schema),
        None => Ok(load(found, schema)?.map(Answerer::engine)),
    }
}

/// The champion as one of the two that answer.
pub(crate) fn champion_answerer(
    args: &Args,
    found: &Found,
    schema: &StreamSchema,
) -> anyhow::Result<Or<Answerer>> {
    match &args.champion_endpoint {
        Some(url) => connect(args, url, schema),
        None if args.against == Against::Recorded => Ok(Ok(Answerer::Recorded)),
        None => Ok(load(found, schema)?.map(Answerer::engine)),
    }
}

/// Reaches a model over HTTP; a reason when it is none for these records.
fn connect(args: &Args, url: &str, schema: &StreamSchema) -> anyhow::Result<Or<Answerer>> {
    let fields: Vec<&str> = schema.fields.iter().map(|field| field.name.as_str()).collect();
    match Client::connect(args.endpoint(url), &fields) {
        Ok(client) => {
            tracing::info!(model = url, metadata = %serde_json::json!(client.metadata()), "an endpoint to compare");
            Ok(Ok(Answerer::Endpoint(Box::new(client))))
        }
        Err(misfit @ Error::Misfit { .. }) => Ok(Err(misfit.to_string())),
        Err(away) if away.is_transient() => {
            Err(fault::transient(away.to_string(), "then run the step again"))
        }
        Err(error) => Err(fault::usage(error.to_string(), "correct the flags of the endpoint")),
    }
}

impl Found {
    fn endpoint(url: &str) -> Self {
        let (digest, origin, path) = (url.to_owned(), url.to_owned(), PathBuf::new());
        Self { digest, origin, name: None, image: None, path }
    }

    fn in_image(digest: String, image: &str, path: PathBuf) -> Self {
        let (origin, name) = (image.to_owned(), model_name::of_image(image));
        Self { digest, origin, name, image: Some(image.to_owned()), path }
    }

    /// The same with the name that its file holds, where file and image give none that says something.
    pub(crate) fn or_own_name(self, answerer: &Answerer) -> Self {
        Self { name: model_name::or_own(self.name, answerer.own_name()), ..self }
    }

    /// For event and record.
    pub(crate) fn model(&self) -> results::Model {
        let Self { digest, name, image, .. } = self.clone();
        results::Model { digest, name, image }
    }
}

fn file(path: PathBuf, given: &InputFile) -> anyhow::Result<Found> {
    let digest = model::digest(&path).map_err(|error| {
        fault::usage(
            format!("cannot read {given}: {error}"),
            "give the path of a file that this step may read",
        )
    })?;
    let origin = given.to_string();
    let name = model_name::of_file(&origin);
    Ok(Found { digest: digest.sha256, origin, name, image: None, path })
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
            Ok(Ok(Found::in_image(digest, image, path)))
        }
        Err(error @ registry::Error::DigestMismatch { .. }) => Ok(Err(error.to_string())),
        Err(error) => Err(fault(error)),
    }
}

fn fault(error: registry::Error) -> anyhow::Error {
    inputs::fault(error, "correct --image, or the image in the stream's route")
}
