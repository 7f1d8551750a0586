//! The files that a step's flags name, fetched where they lie in a registry.
//!
//! This joins [`registry::InputFile`] to the step contract: faults become exit codes, a signal ends the waiting, and
//! what was fetched goes away with the step. A [`Table`] reads those that are CSV.

mod table;

use std::collections::BTreeMap;
use std::io::ErrorKind::{FileTooLarge, InvalidInput};
use std::path::PathBuf;

use contract::Context;
use contract::stop::Stop;
use registry::{Client, Digest, InputFile, Reference, RegistryArgs};
use tempfile::TempDir;

pub use table::{BadCell, Row, Table, TableError};

/// Fetches the files of one run.
#[derive(Debug)]
pub struct Inputs {
    client: Client,
    stop: Stop,
    folder: TempDir,
}

impl Inputs {
    /// Makes the folder that fetched files lie in as long as this lives.
    ///
    /// # Errors
    /// The system's temporary folder cannot be written to.
    pub fn open(registry: &RegistryArgs, context: &Context) -> anyhow::Result<Self> {
        let folder = TempDir::new().map_err(|error| {
            let hint = "let the step write to /tmp, or to the folder that TMPDIR names";
            fault::usage(format!("no folder for fetched files: {error}"), hint)
        })?;
        Ok(Self { client: registry.client(), stop: context.stop.clone(), folder })
    }

    /// Where the file that `flag` names lies on this machine; it is fetched if it has to be.
    ///
    /// # Errors
    /// The registry is away or the process was asked to end (75); the reference is wrong or names no file (2).
    /// It is a pipe, a device or another thing that is no regular file (2); whether it is there says who reads it.
    pub fn path(&self, flag: &str, file: &InputFile) -> anyhow::Result<PathBuf> {
        let (client, folder, file) =
            (self.client.clone(), self.folder.path().to_owned(), file.clone());
        let fetch = move || file.fetch(&client, &folder);
        let fetched = self.stop.unless_set(fetch)?;
        let path = fetched.map_err(|error| fault(error, &format!("correct --{flag}")))?;
        // A pipe or a device would be read without end; each reader has a closer limit.
        match regular_file::check(&path, regular_file::ANY_MODEL) {
            Err(error) if matches!(error.kind(), InvalidInput | FileTooLarge) => {
                let what = format!("cannot read the {flag} {}: {error}", path.display());
                let hint = format!("give --{flag} a file that is there and may be read");
                Err(fault::usage(what, hint))
            }
            _ => Ok(path),
        }
    }

    /// The model file of an image that build-image made, if its digest is `expected`.
    ///
    /// # Errors
    /// As those of [`Inputs::path`].
    pub fn model(&self, image: &str, expected: &str) -> anyhow::Result<PathBuf> {
        let hint = "look at the stream's route: its image must hold its champion";
        let image: Reference = image.parse().map_err(|error| fault(error, hint))?;
        let digest: Digest = expected.parse().map_err(|error| fault(error, hint))?;
        let (client, folder) = (self.client.clone(), self.folder.path().to_owned());
        let fetch =
            move || registry::blocking::fetch_model(&client, &image, &folder, Some(&digest));
        let fetched = self.stop.unless_set(fetch)?.map_err(|error| fault(error, hint))?;
        Ok(fetched.path)
    }
}

/// Checks that `image` holds the model `digest`, as a scorer will look for it: its manifest names that model, and the
/// layer with the model's file is there. The flags are `--image` and `--model-digest`.
///
/// # Errors
/// The image is not there, or holds another model (2); the registry is away, or the process was asked to end (75).
pub fn image_holds(
    registry: &RegistryArgs,
    context: &Context,
    image: &str,
    digest: &str,
) -> anyhow::Result<()> {
    let hint = "give --image and --model-digest as build-image wrote them";
    let client = registry.client();
    let place: Reference = image.parse().map_err(|error| fault(error, hint))?;
    let wanted: Digest = digest.parse().map_err(|error| fault(error, hint))?;
    let look = move || registry::blocking::holds_model(&client, &place, &wanted);
    match context.stop.unless_set(look)? {
        Ok(()) => Ok(()),
        Err(registry::Error::DigestMismatch { found, expected, .. }) => Err(fault::usage(
            format!("--image {image} holds the model {found}, and --model-digest is {expected}"),
            hint,
        )),
        Err(error) if error.is_transient() => Err(fault(error, hint)),
        Err(error) => {
            let hint = error.hint().unwrap_or(hint);
            Err(fault::usage(format!("--image {image}: {error}"), hint))
        }
    }
}

/// From where files were fetched, for the event: `<flag>-source` and the reference as it was given.
pub fn sources<'a>(
    files: impl IntoIterator<Item = (&'a str, Option<&'a InputFile>)>,
) -> BTreeMap<String, String> {
    let remote = |file: &&InputFile| file.is_remote();
    files
        .into_iter()
        .filter_map(|(flag, file)| {
            Some((format!("{flag}-source"), file.filter(remote)?.to_string()))
        })
        .collect()
}

/// What an error of images and registries asks of the caller; `hint` says what to do where the error does not.
pub fn fault(error: registry::Error, hint: &str) -> anyhow::Error {
    let hint = error.hint().unwrap_or(hint);
    match error.is_transient() {
        true => fault::transient(error.to_string(), hint),
        false => fault::usage(error.to_string(), hint),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn only_what_is_fetched_has_a_source() {
        let here: InputFile = "demo/schema.json".parse().unwrap();
        let there: InputFile = "oci://host:5000/files:v1#holdout.csv".parse().unwrap();
        let stated =
            sources([("schema", Some(&here)), ("holdout", Some(&there)), ("champion", None)]);
        let source =
            ("holdout-source".to_owned(), "oci://host:5000/files:v1#holdout.csv".to_owned());
        assert_eq!(stated, BTreeMap::from([source]));
    }

    #[test]
    fn a_fault_asks_of_the_caller_what_the_registry_means() {
        let what = || "host/files:v1".to_owned();
        for (error, code, hint) in [
            (registry::Error::NotFound { what: what() }, fault::exit::USAGE, "check the reference"),
            (
                registry::Error::Unavailable { what: what(), why: "503".into() },
                fault::exit::TRANSIENT,
                "once the registry answers",
            ),
            (
                registry::Error::Invalid { what: what(), why: "several files".into() },
                fault::exit::USAGE,
                "correct --schema",
            ),
        ] {
            let fault = fault(error, "correct --schema");
            assert_eq!(fault::exit_code(&fault), code);
            let stated = fault::render(&fault);
            assert!(stated.contains(hint), "{stated}");
        }
    }
}
