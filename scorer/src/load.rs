//! From a model's reference to a model that answers: fetched by digest, checked, loaded and warmed up.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use model::{AnswerError, Model, StreamSchema};
use routes::ModelRef;

use crate::args::Args;
use crate::plan::Loaded;

/// Gets the model file out of its image and says where it lies.
pub type Fetch = dyn Fn(&ModelRef) -> Result<PathBuf, String> + Send + Sync;

/// Loads models; cheap to clone.
#[derive(Clone)]
pub struct Loader {
    pub fetch: Arc<Fetch>,
    pub schema: Arc<StreamSchema>,
}

/// How many rows the warm-up asks for: one, and as many as make the engine take its memory.
const WARM_UP: [usize; 3] = [1, 256, 2000];

impl Loader {
    /// The model, ready to answer records of the stream.
    ///
    /// # Errors
    /// One sentence for the scorer's status: it cannot be fetched, is not what its digest says, or cannot answer.
    pub fn load(&self, wanted: &ModelRef) -> Result<Loaded, String> {
        let file = (self.fetch)(wanted)?;
        // The bytes that are loaded must be those that the route names, whatever fetched them.
        let mut model = Model::load_as(&file, &wanted.digest).map_err(|error| error.to_string())?;
        model.fit(&self.schema).map_err(|error| error.to_string())?;
        for n in WARM_UP {
            match model.answer(&vec![0.0; n * self.schema.width()], n) {
                // Zeros may be no record that the model knows; that it computes is what matters here.
                Ok(_) | Err(AnswerError::NotFinite { .. }) => {}
                Err(error) => return Err(format!("it does not answer: {error}")),
            }
        }
        Ok(Arc::new(Mutex::new(model)))
    }
}

/// Fetches from OCI layouts and registries into `--cache`, where a model is found again by its digest.
///
/// Credentials are those of the pod: a mounted docker or podman configuration.
pub fn from_images(args: &Args) -> Arc<Fetch> {
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
        Loader { fetch: Arc::new(move |_| Ok(samples.join(file))), schema }
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
    fn what_the_engine_refuses_is_told() {
        let loader = loader("unknown-operator.onnx");
        let Err(error) = loader.load(&wanted(&loader, None)) else { panic!() };
        assert!(error.contains("ONNX Runtime refuses the model"), "{error}");
    }
}
