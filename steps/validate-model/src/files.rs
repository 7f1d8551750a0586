//! The files that the flags name, on this machine.

use std::collections::BTreeMap;
use std::path::PathBuf;

use contract::Context;
use inputs::Inputs;

use crate::args::{Args, Champion};

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
        let champion = match &args.champion {
            None => None,
            Some(Champion::File(file)) => {
                sources.extend(inputs::sources([("champion", Some(file))]));
                Some(files.path("champion", file)?)
            }
            // A stream without a route has no champion; whether one is needed is for the checks to say.
            Some(Champion::Current) => {
                match routes::read(&context.kafka, &context.common.stream)? {
                    None => None,
                    Some(route) => {
                        let champion = route.champion;
                        sources.insert("champion-source".to_owned(), champion.image.clone());
                        Some(files.model(&champion.image, &champion.digest)?)
                    }
                }
            }
        };
        Ok(Self {
            model: files.path("model", &args.model)?,
            champion,
            schema: files.path("schema", &args.schema)?,
            golden: files.path("golden", &args.golden)?,
            holdout: files.path("holdout", &args.holdout)?,
            sources,
            _fetched: files,
        })
    }
}
