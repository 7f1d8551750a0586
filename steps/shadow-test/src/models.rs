//! Candidate and champion: found, checked against their digest, loaded into the engine.

use std::path::{Path, PathBuf};

use contract::Context;
use model::{LoadError, Model, StreamSchema};
use registry::{Client, Credentials, Digest, Options, Reference, RetryPolicy};
use routes::ModelRef;
use serde::Serialize;

use crate::Args;

/// A model file on this machine.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Found {
    /// `sha256:` of the file.
    pub digest: String,
    /// The file or image it came from.
    pub origin: String,
    #[serde(skip)]
    pub path: PathBuf,
}

/// Something to work with, or the reason why the release must not go on.
pub(crate) type Or<T> = Result<T, String>;

/// The candidate's file; a reason when its bytes are not the ones that were promised.
pub(crate) fn candidate(args: &Args, context: &Context) -> anyhow::Result<Or<Found>> {
    context.progress.tell(0, 1, "fetching the candidate");
    let found = match (&args.model, &args.image) {
        (Some(path), _) => file(path)?,
        (None, Some(image)) => match fetch(args, image, None)? {
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

/// The champion's file: the one given, else the one that the stream's route names.
pub(crate) fn champion(args: &Args, context: &Context) -> anyhow::Result<Or<Found>> {
    if let Some(path) = &args.champion {
        return Ok(Ok(file(path)?));
    }
    let stream = &context.common.stream;
    let Some(route) = routes::read(&context.kafka, stream)? else {
        return Ok(Err(format!(
            "stream {stream} has no champion to compare with; its first model needs the bootstrap strategy"
        )));
    };
    context.progress.tell(0, 1, "fetching the champion");
    let ModelRef { digest, image } = route.champion;
    fetch(args, &image, Some(&digest))
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

/// `sha256:` of a file that was given.
pub(crate) fn file(path: &Path) -> anyhow::Result<Found> {
    let digest = model::digest(path).map_err(|error| {
        contract::usage(
            format!("cannot read {}: {error}", path.display()),
            "give the path of a file that this step may read",
        )
    })?;
    let origin = path.display().to_string();
    Ok(Found { digest: digest.sha256, origin, path: path.to_owned() })
}

/// The model of an image; a reason when the image holds other bytes than it says.
fn fetch(args: &Args, image: &str, digest: Option<&str>) -> anyhow::Result<Or<Found>> {
    let digest: Option<Digest> = digest.map(str::parse).transpose().map_err(fault)?;
    let place: Reference = image.parse().map_err(fault)?;
    let client = Client::new(Options {
        plain_http: args.plain_http.clone(),
        ca_file: args.ca_file.clone(),
        credentials: Credentials::from_environment(),
        retry: RetryPolicy { budget: args.registry_timeout, ..RetryPolicy::default() },
    });
    match registry::blocking::fetch_model(&client, &place, &args.cache, digest.as_ref()) {
        Ok(fetched) => {
            let (digest, path) = (fetched.digest.to_string(), fetched.path);
            Ok(Ok(Found { digest, origin: image.to_owned(), path }))
        }
        Err(error @ registry::Error::DigestMismatch { .. }) => Ok(Err(error.to_string())),
        Err(error) => Err(fault(error)),
    }
}

fn fault(error: registry::Error) -> anyhow::Error {
    let hint = error.hint().unwrap_or("correct --image, or the image in the stream's route");
    if error.is_passing() {
        return contract::passing(error.to_string(), hint);
    }
    contract::usage(error.to_string(), hint)
}
