//! A model that ONNX Runtime has loaded, and how it wants to be asked.

use std::fmt;
use std::path::{Path, PathBuf};

use ort::ep;
use ort::session::Session;
use ort::session::builder::SessionBuilder;
use ort::value::{Outlet, ValueType};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::engine::{Engine, EngineError};
use crate::external;
use crate::fit::{Inputs, Misfit, Outputs};
use crate::interrupt::Interrupt;

/// A loaded model.  It answers on the calling thread, one batch at a time.
#[derive(Debug)]
pub struct Model {
    pub(crate) session: Session,
    pub(crate) inputs: Inputs,
    pub(crate) outputs: Outputs,
    pub(crate) interrupt: Interrupt,
    input_ports: Vec<Port>,
    output_ports: Vec<Port>,
}

/// An input or output that a model declares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// The type of its elements, as in `float32`; for what is no tensor, what it is.
    pub dtype: String,
    /// Its dimensions; -1 where any size goes.
    pub shape: Vec<i64>,
}

/// A model that cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The engine itself is not there: nothing is said about the model.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The engine refuses the file.
    #[error("ONNX Runtime refuses the model: {why}")]
    Refused {
        /// What it said.
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
        tensor: String,
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
        if let Some(tensor) = external::first_outside(bytes) {
            return Err(LoadError::ExternalData { tensor });
        }
        Model::of(session()?.commit_from_memory(bytes).map_err(refused)?)
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

    /// Ends calls of this model from another thread.
    pub fn interrupt(&self) -> Interrupt {
        self.interrupt.clone()
    }

    fn of(session: Session) -> Result<Model, LoadError> {
        let input_ports: Vec<Port> = session.inputs().iter().map(Port::of).collect();
        let output_ports: Vec<Port> = session.outputs().iter().map(Port::of).collect();
        let inputs = Inputs::of(&input_ports)?;
        let producer = session.metadata().ok().and_then(|metadata| metadata.producer());
        let outputs = Outputs::of(&output_ports, producer.as_deref().unwrap_or_default())?;
        let interrupt = Interrupt::new().map_err(refused)?;
        Ok(Model { session, inputs, outputs, interrupt, input_ports, output_ports })
    }
}

impl Port {
    fn of(outlet: &Outlet) -> Port {
        let (dtype, shape) = match outlet.dtype() {
            ValueType::Tensor { ty, shape, .. } => {
                (format!("{ty:?}").to_lowercase(), shape.iter().copied().collect())
            }
            ValueType::Sequence(_) => ("sequence".to_owned(), vec![]),
            ValueType::Map { .. } => ("map".to_owned(), vec![]),
            ValueType::Optional(_) => ("optional".to_owned(), vec![]),
        };
        Port { name: outlet.name().to_owned(), dtype, shape }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.name, self.dtype)?;
        if self.shape.is_empty() {
            return Ok(());
        }
        let sizes: Vec<String> = self
            .shape
            .iter()
            .map(|size| if *size < 0 { "N".to_owned() } else { size.to_string() })
            .collect();
        write!(f, "[{}]", sizes.join(", "))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    std::fs::read(path).map_err(|source| LoadError::Read { path: path.to_owned(), source })
}

/// One thread a session: the scorer gets its parallelism from partitions, and small models lose more time in
/// handing work over than they win.  Memory patterns are planned for a fixed shape, and batches differ in size.
fn session() -> Result<SessionBuilder, LoadError> {
    let engine = Engine::get()?;
    let build = || -> Result<SessionBuilder, ort::Error> {
        Ok(Session::builder(&engine.environment)?
            .with_intra_threads(1)?
            .with_inter_threads(1)?
            .with_memory_pattern(false)?
            .with_execution_providers([ep::CPU::default().with_arena_allocator(true).build()])?)
    };
    build().map_err(refused)
}

fn refused(error: ort::Error) -> LoadError {
    LoadError::Refused { why: error.message().trim().to_owned() }
}
