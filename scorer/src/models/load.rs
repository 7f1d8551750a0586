//! From a model's reference to a model that answers: fetched by digest, checked, loaded and warmed up.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use model::{AnswerError, Engine, Model};
use routes::ModelRef;
use stream::StreamSchema;

use crate::answering::plan::{Loaded, NoAnswer};
use crate::args::Args;
use crate::models::candidate::child::{Child, Limits, Lost, Patience};
use crate::models::candidate::wire::Reply;
use crate::models::watch::{Watch, Watched};

/// Gets the model file out of its image and says where it lies.
pub(crate) type Fetch = dyn Fn(&ModelRef) -> Result<PathBuf, String> + Send + Sync;

/// Loads models; cheap to clone.
#[derive(Clone)]
pub(crate) struct Loader {
    pub(crate) fetch: Arc<Fetch>,
    pub(crate) schema: Arc<StreamSchema>,
    /// What a candidate's process is held to.
    pub(crate) limits: Limits,
    /// How long a model of this process may take for a batch.
    pub(crate) deadline: Duration,
    pub(crate) watch: Watch,
}

/// How many rows the warm-up asks for: one, and as many as make the engine take its memory.
const WARM_UP: [usize; 3] = [1, 256, 2000];
/// How long a candidate may take to load and warm up.
const LOADING: Duration = Duration::from_secs(60);

impl Loader {
    /// The model in this process, ready to answer records of the stream.
    ///
    /// # Errors
    /// One sentence for the scorer's status: it cannot be fetched, is not what its digest says, or cannot answer.
    pub(crate) fn load(&self, wanted: &ModelRef) -> Result<Loaded, String> {
        let file = (self.fetch)(wanted)?;
        // The bytes that are loaded must be those that the route names, whatever fetched them.
        let mut model = Model::load_as(&file, &wanted.digest).map_err(|error| error.to_string())?;
        model.fit(&self.schema).map_err(|error| error.to_string())?;
        let mut model = Watched::new(model, &wanted.digest, self.deadline, &self.watch);
        warm_up(self.schema.width(), |rows, n| model.try_answer(rows, n))?;
        Ok(Arc::new(Mutex::new(model)))
    }

    /// The model in a process of its own, as [`Loader::load`].
    ///
    /// # Errors
    /// As [`Loader::load`], and what it takes longer or more memory for than it may.
    pub(crate) fn load_apart(&self, wanted: &ModelRef, mut child: Child) -> Result<Child, String> {
        let file = (self.fetch)(wanted)?;
        let bytes = regular_file::read(&file, regular_file::MODEL)
            .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        let found = model::digest_of(&bytes[..]).map_err(|error| error.to_string())?.sha256;
        if found != wanted.digest {
            return Err(format!("the model {} is {found}, not {}", file.display(), wanted.digest));
        }
        let schema = serde_json::to_vec(&*self.schema).map_err(|error| error.to_string())?;
        let patience = Patience { until: Instant::now() + LOADING, give_up: &|| false };
        match child.load(&schema, &bytes, &patience) {
            Ok(Reply::Done { .. }) => Ok(child),
            Ok(Reply::Failed { why, .. }) | Err(Lost::Broken(why)) => Err(why),
            Err(Lost::Late | Lost::GaveUp) => Err(format!("it is not loaded within {LOADING:?}")),
        }
    }
}

/// ONNX Runtime, without which nothing can be answered.
///
/// # Errors
/// It is not found (exit 2).
pub(crate) fn engine() -> anyhow::Result<&'static Engine> {
    Engine::get().map_err(|error| {
        let hint = "run scripts/fetch-onnxruntime, or set ORT_DYLIB_PATH";
        fault::usage(error.to_string(), hint)
    })
}

/// Asks a new model for rows of zeros: what it needs once it needs now, and one that cannot compute shows it.
pub(crate) fn warm_up(
    width: usize,
    mut ask: impl FnMut(&[f32], usize) -> Result<Result<(), AnswerError>, NoAnswer>,
) -> Result<(), String> {
    for n in WARM_UP {
        match ask(&vec![0.0; n * width], n) {
            // Zeros may be no record that the model knows; that it computes is what matters here.
            Ok(Ok(()) | Err(AnswerError::NotFinite { .. })) => {}
            Ok(Err(error)) => return Err(format!("it does not answer: {error}")),
            Err(error) => return Err(format!("it does not answer: {error}")),
        }
    }
    Ok(())
}

/// Fetches from OCI layouts and registries into `--cache`, where a model is found again by its digest.
///
/// Credentials are those of the pod: a mounted docker or podman configuration.
pub(crate) fn from_images(args: &Args) -> Arc<Fetch> {
    let cache = args.cache.clone();
    let client = args.registry.client();
    Arc::new(move |wanted: &ModelRef| {
        let image = wanted.image.parse().map_err(|error: registry::Error| error.to_string())?;
        let digest = wanted.digest.parse().map_err(|error: registry::Error| error.to_string())?;
        registry::blocking::fetch_model(&client, &image, &cache, Some(&digest))
            .map(|fetched| fetched.path)
            .map_err(|error| error.to_string())
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::path::Path;

    use super::*;

    /// A folder stands in for the image: the file is one of crates/model's samples.
    fn loader(file: &'static str) -> Loader {
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/model/samples");
        let schema = r#"{"stream":"s","format":"json","fields":[{"name":"a","dtype":"float32"},{"name":"b","dtype":"float32"}]}"#;
        let schema = Arc::new(StreamSchema::parse(schema).unwrap());
        let limits =
            Limits { deadline: Duration::from_secs(1), memory: 1 << 30, library: PathBuf::new() };
        let (deadline, watch) = (Duration::from_secs(10), Watch::default());
        Loader { fetch: Arc::new(move |_| Ok(samples.join(file))), schema, limits, deadline, watch }
    }

    fn wanted(loader: &Loader, digest: Option<&str>) -> ModelRef {
        let any = ModelRef { digest: String::new(), image: "oci:images".into() };
        let file = (loader.fetch)(&any).unwrap();
        let digest = digest.map_or_else(|| model::digest(&file).unwrap().sha256, str::to_owned);
        ModelRef { digest, ..any }
    }

    #[test]
    fn other_bytes_than_the_route_names_are_not_loaded() {
        let loader = loader("linear.onnx");
        assert!(loader.load(&wanted(&loader, Some("sha256:00"))).is_err());
    }

    #[test]
    fn what_the_engine_refuses_is_an_error() {
        let loader = loader("unknown-operator.onnx");
        let Err(error) = loader.load(&wanted(&loader, None)) else { panic!() };
        assert!(error.contains("ONNX Runtime refuses the model"), "{error}");
    }
}
