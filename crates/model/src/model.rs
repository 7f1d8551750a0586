//! A model that ONNX Runtime has loaded, and how it wants to be asked.

use std::fmt;
use std::path::{Path, PathBuf};

use ort::ep;
use ort::session::Session;
use ort::session::builder::SessionBuilder;
use ort::value::{Outlet, ValueType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::apart;
use crate::engine::{Engine, EngineError};
use crate::excerpt::Excerpt;
use crate::fit::{Inputs, Misfit, Outputs};
use crate::interrupt::Interrupt;
use crate::kind::{ENGINES_OWN, is_engines_own};
use crate::onnx::{self, Refusal};
use crate::own_name;

/// A loaded model.  It answers on the calling thread, one batch at a time.
#[derive(Debug)]
pub struct Model {
    pub(crate) session: Session,
    pub(crate) inputs: Inputs,
    pub(crate) outputs: Outputs,
    pub(crate) interrupt: Interrupt,
    input_ports: Vec<Port>,
    output_ports: Vec<Port>,
    own_name: Option<Excerpt>,
}

/// An input or output that a model declares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// Its name.
    pub name: Excerpt,
    /// The type of its elements, as in `float32`; for what is no tensor, what it is.
    pub dtype: String,
    /// Its dimensions, the first 16; -1 where any size goes.
    pub shape: Vec<i64>,
}

/// A model that cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The engine itself is not there: nothing is said about the model.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// There is no working folder without files to load it in: nothing is said about the model.
    #[error(
        "cannot load a model where relative paths lead nowhere: {0} (hint: let this program write to the system's \
         temporary folder, or start it in an empty folder)"
    )]
    Folder(std::io::Error),
    /// The engine refuses the file.
    #[error("ONNX Runtime refuses the model: {why}")]
    Refused {
        /// What it said.
        why: Excerpt,
    },
    /// The file is not an ONNX model, or not one that every reader understands alike.
    #[error("the model is not ONNX: {why}")]
    NotOnnx {
        /// What is wrong with it.
        why: String,
    },
    /// The file cannot be read.
    #[error("cannot read the model {path}: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is not the one that was meant.
    #[error("the model {path} is {found}, not {expected}", path = path.display())]
    OtherFile {
        /// The file.
        path: PathBuf,
        /// The identity that was asked for.
        expected: String,
        /// The identity of what is there.
        found: String,
    },
    /// Weights in other files: they would be no part of the model's identity.
    #[error(
        "the model keeps the weights `{tensor}` in another file (hint: save it as one file, \
         with save_as_external_data=False)"
    )]
    ExternalData {
        /// The first such tensor.
        tensor: Excerpt,
    },
    /// It loads, but it cannot be asked rows of numbers or gives nothing that is an answer.
    #[error(transparent)]
    Misfit(#[from] Misfit),
}

impl Model {
    /// Loads a model file.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn load(path: &Path) -> Result<Model, LoadError> {
        Model::from_bytes(&read(path)?)
    }

    /// Loads a model file only if its identity is `sha256`, of the very bytes that are loaded.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn load_as(path: &Path, sha256: &str) -> Result<Model, LoadError> {
        let bytes = read(path)?;
        let found = format!("sha256:{}", hex::encode(Sha256::digest(&bytes)));
        if found != sha256 {
            let (path, expected) = (path.to_owned(), sha256.to_owned());
            return Err(LoadError::OtherFile { path, expected, found });
        }
        Model::from_bytes(&bytes)
    }

    /// Loads a model out of memory; the bytes are not needed afterwards.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Model, LoadError> {
        // The engine guesses formats by this mark; only ONNX is looked into here.
        if is_engines_own(bytes) {
            return Err(LoadError::NotOnnx { why: ENGINES_OWN.to_owned() });
        }
        // What was looked into is what the engine gets, in our own writing.
        let model = onnx::canonical(bytes).map_err(|refusal| match refusal {
            Refusal::NotOnnx(why) => LoadError::NotOnnx { why: why.to_string() },
            Refusal::Outside(name) => {
                LoadError::ExternalData { tensor: Excerpt::name_of_bytes(&name) }
            }
        })?;
        // The library is looked for from the working folder, so it comes first.
        Engine::get()?;
        let load = || session()?.commit_from_memory(&model).map_err(refused);
        Model::of(apart::in_empty_folder(load).map_err(LoadError::Folder)??)
    }

    /// The declared inputs.
    pub fn inputs(&self) -> &[Port] {
        &self.input_ports
    }

    /// The declared outputs.
    pub fn outputs(&self) -> &[Port] {
        &self.output_ports
    }

    /// How many numbers a row has; `None` as long as a model that takes any width was not fitted to a stream.
    pub fn width(&self) -> Option<usize> {
        self.inputs.width()
    }

    /// What the file calls its model, where whoever exported it said so.
    pub fn own_name(&self) -> Option<&Excerpt> {
        self.own_name.as_ref()
    }

    /// Ends calls of this model from another thread.
    pub fn interrupt(&self) -> Interrupt {
        self.interrupt.clone()
    }

    fn of(session: Session) -> Result<Model, LoadError> {
        let (inputs, outputs) = (session.inputs(), session.outputs());
        if let Some(count) = [inputs.len(), outputs.len()].into_iter().find(|n| *n > MAX_PORTS) {
            return Err(Misfit::TooMany { count, most: MAX_PORTS }.into());
        }
        let input_ports: Vec<Port> = inputs.iter().map(Port::of).collect();
        let output_ports: Vec<Port> = outputs.iter().map(Port::of).collect();
        let names: Vec<&str> = inputs.iter().map(Outlet::name).collect();
        let inputs = Inputs::of(&input_ports, &names)?;
        let (producer, own_name) = match session.metadata() {
            Ok(metadata) => (metadata.producer(), own_name::of(&metadata)),
            Err(_) => (None, None),
        };
        let outputs = Outputs::of(&output_ports, producer.as_deref().unwrap_or_default())?;
        let interrupt = Interrupt::new().map_err(refused)?;
        Ok(Model { session, inputs, outputs, interrupt, input_ports, output_ports, own_name })
    }
}

impl Port {
    /// The first ports in words, and how many more there are.
    pub fn list(ports: &[Port]) -> String {
        const SHOWN: usize = 10;
        let shown: Vec<String> = ports.iter().take(SHOWN).map(Port::to_string).collect();
        match ports.len().saturating_sub(SHOWN) {
            0 => shown.join(", "),
            more => format!("{} and {more} more", shown.join(", ")),
        }
    }

    /// Type and dimensions, such as `float32[N, 9]`.
    pub fn form(&self) -> String {
        if self.shape.is_empty() {
            return self.dtype.clone();
        }
        let size = |size: &i64| if *size < 0 { "N".to_owned() } else { size.to_string() };
        let sizes: Vec<String> = self.shape.iter().map(size).collect();
        format!("{}[{}]", self.dtype, sizes.join(", "))
    }

    fn of(outlet: &Outlet) -> Port {
        let (dtype, shape) = match outlet.dtype() {
            ValueType::Tensor { ty, shape, .. } => {
                let dimensions = shape.iter().copied().take(MAX_DIMENSIONS);
                (format!("{ty:?}").to_lowercase(), dimensions.collect())
            }
            ValueType::Sequence(_) => ("sequence".to_owned(), vec![]),
            ValueType::Map { .. } => ("map".to_owned(), vec![]),
            ValueType::Optional(_) => ("optional".to_owned(), vec![]),
        };
        Port { name: Excerpt::name(outlet.name()), dtype, shape }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.name, self.form())
    }
}

/// More than any stream has fields; every one of them is listed in reports.
const MAX_PORTS: usize = 4096;
/// More than any operator takes; what is beyond is not listed.
const MAX_DIMENSIONS: usize = 16;

fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    regular_file::read(path, regular_file::MODEL)
        .map_err(|source| LoadError::Read { path: path.to_owned(), source })
}

/// One thread a session: the scorer gets its parallelism from partitions, and small models lose more time in
/// handing work over than they win.  Memory patterns are planned for a fixed shape, and batches differ in size.
pub(crate) fn session() -> Result<SessionBuilder, LoadError> {
    let engine = Engine::get()?;
    let build = || -> Result<SessionBuilder, ort::Error> {
        Ok(Session::builder(&engine.environment)?
            .with_intra_threads(1)?
            .with_inter_threads(1)?
            .with_memory_pattern(false)?
            // Otherwise the engine guesses between ONNX and its own format.
            .with_config_entry("session.load_model_format", "ONNX")?
            .with_execution_providers([ep::CPU::default().with_arena_allocator(true).build()])?)
    };
    build().map_err(refused)
}

fn refused(error: ort::Error) -> LoadError {
    LoadError::Refused { why: Excerpt::message(error.message()) }
}
