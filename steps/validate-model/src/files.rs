//! The files that the flags name, on this machine.

use std::collections::BTreeMap;
use std::path::PathBuf;

use contract::Context;
use inputs::Inputs;
use routes::{ModelRef, Traffic};

use crate::args::{Args, Champion};

/// The input that says from where the champion was fetched.
pub(crate) const CHAMPION_SOURCE: &str = "champion-source";

/// Paths of everything that is read.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) model: PathBuf,
    pub(crate) champion: Option<PathBuf>,
    pub(crate) schema: PathBuf,
    pub(crate) golden: PathBuf,
    pub(crate) holdout: PathBuf,
    /// From where those were fetched that do not lie here.
    pub(crate) sources: BTreeMap<String, String>,
    /// Holds what was fetched.
    _fetched: Inputs,
}

impl Files {
    /// Fetches what has to be fetched.
    ///
    /// # Errors
    /// A registry or the broker is away, a reference is wrong; see [`Inputs::path`].
    pub(crate) fn fetch(args: &Args, context: &Context) -> anyhow::Result<Self> {
        let files = Inputs::open(&args.registry, context)?;
        let mut sources = inputs::sources([
            ("model", Some(&args.model)),
            ("schema", Some(&args.schema)),
            ("golden", Some(&args.golden)),
            ("holdout", Some(&args.holdout)),
        ]);
        let traffic = routes::traffic::of(context);
        // The route is asked for while the registry answers.
        let (champion, given) = contract::concurrently(
            || champion(args, &files, &*traffic),
            || -> anyhow::Result<_> {
                Ok((
                    files.path("model", &args.model)?,
                    files.path("schema", &args.schema)?,
                    files.path("golden", &args.golden)?,
                    files.path("holdout", &args.holdout)?,
                ))
            },
        );
        let (model, schema, golden, holdout) = given?;
        let champion = champion?.map(|(path, source)| {
            sources.extend(source);
            path
        });
        Ok(Self { model, champion, schema, golden, holdout, sources, _fetched: files })
    }
}

/// Where the champion lies, and from where it was fetched.
fn champion(
    args: &Args,
    files: &Inputs,
    traffic: &dyn Traffic,
) -> anyhow::Result<Option<(PathBuf, BTreeMap<String, String>)>> {
    match &args.champion {
        None => Ok(None),
        Some(Champion::File(file)) => {
            let path = files.path("champion", file)?;
            Ok(Some((path, inputs::sources([("champion", Some(file))]))))
        }
        Some(Champion::Current) => {
            // A stream without a route has no champion; whether one is needed is for the checks to say.
            let Some(route) = traffic.route()? else {
                return Ok(None);
            };
            let ModelRef { digest, image } = route.champion;
            let path = files.model(&image, &digest)?;
            Ok(Some((path, BTreeMap::from([(CHAMPION_SOURCE.to_owned(), image)]))))
        }
    }
}
